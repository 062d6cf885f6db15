import pytest
import torch

from swapcore.losses.feature import feature_loss


def test_by_hand_each_level_relative_to_its_label() -> None:
    label = [torch.full((1, 2, 2, 2), 2.0), torch.full((1, 4, 1, 1), 100.0)]
    output = [torch.full((1, 2, 2, 2), 3.0), torch.full((1, 4, 1, 1), 90.0)]
    assert feature_loss(output, label).item() == pytest.approx(0.5 + 0.1, rel=1e-3)


def test_zero_for_the_label_itself() -> None:
    levels = [torch.rand(2, 3, 4, 4), torch.rand(2, 5, 2, 2)]
    assert feature_loss(levels, levels).item() == 0.0


def test_the_mean_over_samples() -> None:
    label = [torch.ones(2, 1, 2, 2)]
    output = [torch.stack([torch.ones(1, 2, 2), torch.full((1, 2, 2), 3.0)])]
    assert feature_loss(output, label).item() == pytest.approx(1.0, rel=1e-2)


def test_levels_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        feature_loss([torch.ones(1, 1, 1, 1)], [])


def test_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(2, 3, 3, 3, dtype=torch.double, generator=generator, requires_grad=True)
    label = torch.randn(2, 3, 3, 3, dtype=torch.double, generator=generator)
    assert torch.autograd.gradcheck(lambda x: feature_loss([x], [label]), (output,))
