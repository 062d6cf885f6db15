from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from swapcore.config import LossWeights
from swapcore.losses.jitter import Jitter
from swapcore.losses.total import SwapLoss, Targets, Terms
from swapcore.ops.compose import Swap

WEIGHTS = LossWeights(
    pixel_real=10.0, pixel_fake=5.0, pixel_raw=0.5, pixel_change=3.0,
    feature=1.0, identity_source=0.3, identity_template=0.2, adversarial=0.03, expression=0.0,
    edges=0.0, flow=1.0, hidden=1.0, blend=4.0, paint=4.0, paint_hidden=0.25, still=0.05, smooth=0.2,
)  # fmt: skip
UNDOUBLED = {"pixel_change", "paint_hidden"}
STILL = Jitter(torch.zeros(2, 2), torch.ones(2), torch.zeros(2))


def recognize(crops: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    coarse = F.adaptive_avg_pool2d(crops, 2)
    return [F.adaptive_avg_pool2d(crops, 4), coarse], coarse.flatten(1)


def swapped(images: torch.Tensor) -> Swap:
    return Swap(images[0], images[1], images.new_ones(len(images[0]), 1, 8, 8))


def compute(
    image: torch.Tensor, raw: torch.Tensor, targets: Targets, weights: LossWeights = WEIGHTS, *, use_raw: bool = False
) -> Terms:
    loss = SwapLoss(weights, recognize, torch.zeros(12), 2, None)
    return loss(Swap(image, raw, image.new_ones(2, 1, 8, 8)), targets, jitter=STILL, use_raw=use_raw)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def targets(images: torch.Tensor) -> Targets:
    source, template = F.normalize(torch.randn(2, 2, 12, generator=torch.Generator().manual_seed(1)), dim=2)
    views = torch.eye(2, 3).expand(2, 2, 3)
    return Targets(images[2], images[3], 1, source, template, views)


def test_every_term_is_named(images: torch.Tensor, targets: Targets) -> None:
    terms = compute(images[0], images[1], targets)
    assert set(terms) == {"pixel", "pixel_raw", "feature", "identity_source", "identity_template"}


def test_every_term_scales_with_its_weight(images: torch.Tensor, targets: Targets) -> None:
    doubled = LossWeights(**{name: 2 * value for name, value in WEIGHTS.model_dump().items() if name not in UNDOUBLED},
                          pixel_change=3.0, paint_hidden=0.25)  # fmt: skip
    once, twice = compute(images[0], images[1], targets), compute(images[0], images[1], targets, doubled)
    for name, value in once.items():
        factor = 4 if name == "pixel_raw" else 2  # pixel_raw and w1, w2 are doubled
        torch.testing.assert_close(twice[name], factor * value)
    loss = SwapLoss(WEIGHTS, recognize, torch.zeros(12), 2, None)
    assert loss.adversarial(torch.tensor([2.0]))["adversarial"].item() == pytest.approx(-0.06)


@pytest.mark.parametrize("name", ["pixel_raw", "feature", "identity_source", "identity_template"])
def test_a_weight_of_zero_omits_the_term(images: torch.Tensor, targets: Targets, name: str) -> None:
    assert name not in compute(images[0], images[1], targets, WEIGHTS.model_copy(update={name: 0.0}))


def test_the_feature_loss_uses_real_labels_only(images: torch.Tensor, targets: Targets) -> None:
    image = images[0].clone().requires_grad_()
    compute(image, images[1], targets)["feature"].backward()
    assert image.grad is not None
    assert image.grad[0].abs().sum() == 0
    assert image.grad[1].abs().sum() > 0
    only_fakes = replace(targets, num_fake_labels=2)
    assert compute(images[0], images[1], only_fakes)["feature"] == 0


def test_the_identity_losses_use_both_kinds(images: torch.Tensor, targets: Targets) -> None:
    image = images[0].clone().requires_grad_()
    compute(image, images[1], targets)["identity_source"].backward()
    assert image.grad is not None
    assert (image.grad.abs().sum((1, 2, 3)) > 0).all()


def test_a_perfect_swap_has_no_pixel_and_no_feature_loss(images: torch.Tensor, targets: Targets) -> None:
    terms = compute(targets.label, targets.label, targets)
    assert terms["pixel"] == terms["pixel_raw"] == terms["feature"] == 0


def test_the_raw_phase_uses_the_image_before_the_mask(images: torch.Tensor, targets: Targets) -> None:
    early = compute(images[0], images[1], targets, use_raw=True)
    swapped_roles = compute(images[1], images[0], targets)
    assert torch.equal(early["identity_source"], swapped_roles["identity_source"])
    assert torch.equal(early["feature"], swapped_roles["feature"])


def test_a_feature_network_replaces_the_recognizers_levels(images: torch.Tensor, targets: Targets) -> None:
    loss = SwapLoss(WEIGHTS, recognize, torch.zeros(12), 1, lambda x: [x + 2.0])
    terms = loss(swapped(images), targets, jitter=STILL, use_raw=False)
    label, image = targets.label[1:], images[0][1:]
    expected = 0.5 * (image - label).abs().mean() / (label + 2).mean()
    torch.testing.assert_close(terms["feature"], expected, rtol=1e-3, atol=1e-4)


def test_the_raw_image_gets_a_gradient_under_a_closed_mask(images: torch.Tensor, targets: Targets) -> None:
    """Prevents template copying: the composite equals the template, and raw still gets a gradient."""
    raw = images[1].clone().requires_grad_()
    sum(compute(targets.template + 0 * raw, raw, targets).values()).backward()
    assert raw.grad is not None
    assert raw.grad.abs().sum() > 0


def test_the_frozen_networks_run_on_the_chosen_samples_only(images: torch.Tensor, targets: Targets) -> None:
    loss = SwapLoss(WEIGHTS, recognize, torch.zeros(12), 2, None)
    one = slice(0, None, 2)
    terms = loss(swapped(images), targets, jitter=STILL, use_raw=False, frozen_rows=one)
    alone = loss(swapped(images[:, one]), targets.select(one), jitter=STILL.select(one), use_raw=False)
    whole = compute(images[0], images[1], targets)
    for name in ("identity_source", "identity_template", "feature"):
        torch.testing.assert_close(terms[name], alone[name])
    for name in ("pixel", "pixel_raw"):
        torch.testing.assert_close(terms[name], whole[name])


def test_selected_targets_count_their_fake_labels(images: torch.Tensor, targets: Targets) -> None:
    assert targets.is_fake_label.tolist() == [True, False]
    numbers = [targets.select(slice(start, None, step)).num_fake_labels for start in (0, 1) for step in (1, 2)]
    assert numbers == [1, 1, 0, 0]
