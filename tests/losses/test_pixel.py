from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from swapcore.config import LossWeights, read_params
from swapcore.losses.pixel import change_weight, group_weight, pixel_error, pixel_loss


def test_by_hand() -> None:
    output, label = torch.zeros(2, 3, 2, 2), torch.full((2, 3, 2, 2), 0.5)
    weight = torch.ones(2, 1, 2, 2)
    is_fake_label = torch.tensor([False, True])
    # (10 * 0.5 + 4 * 0.5) / 2
    assert pixel_loss(output, label, weight, is_fake_label, real=10.0, fake=4.0).item() == pytest.approx(3.5)


def test_the_real_label_weighs_more() -> None:
    assert group_weight(torch.tensor([False, True]), 10.0, 5.0).tolist() == [10.0, 5.0]


def test_pixel_weights_by_hand() -> None:
    output, label = torch.zeros(1, 3, 1, 2), torch.ones(1, 3, 1, 2)
    assert pixel_error(output, label, torch.tensor([[[[1.0, 3.0]]]])).item() == pytest.approx(2.0)


def test_change_weights_of_unchanged_and_changed_pixels() -> None:
    template = torch.zeros(1, 3, 9, 9)
    label = template.clone()
    label[..., 5:] = 1.0
    weight = change_weight(label, template, 3.0)
    assert weight.shape == (1, 1, 9, 9)
    assert weight[0, 0, 4, 0] == 1.0
    assert weight[0, 0, 4, 7] == 4.0
    assert change_weight(label, label, 3.0).unique().tolist() == [1.0]


def test_change_weight_of_slightly_changed_pixels() -> None:
    template = torch.zeros(1, 3, 5, 5)
    weight = change_weight(template + 1 / 12, template, 3.0)
    assert weight[0, 0, 2, 2].item() == pytest.approx(2.5)


def test_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(2, 3, 3, 3, dtype=torch.double, generator=generator, requires_grad=True)
    label = torch.randn(2, 3, 3, 3, dtype=torch.double, generator=generator)
    weight = torch.rand(2, 1, 3, 3, dtype=torch.double, generator=generator)
    kinds = torch.tensor([True, False])
    assert torch.autograd.gradcheck(lambda x: pixel_loss(x, label, weight, kinds, real=2.0, fake=1.0), (output,))


def test_params_with_a_heavier_fake_label_are_refused() -> None:
    weights = read_params(Path(__file__).parents[2] / "params.yaml").train.weights.model_dump()
    with pytest.raises(ValidationError, match="the real label weighs more"):
        LossWeights.model_validate(weights | {"pixel_real": 1.0, "pixel_fake": 1.0})
