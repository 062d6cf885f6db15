import pytest
import torch

from swapcore.config import LossWeights
from swapcore.losses.fields import (
    Correspondence,
    bend_loss,
    blend_loss,
    edges,
    field_metrics,
    field_terms,
    flow_loss,
    hidden_loss,
    sample_points,
)
from swapcore.ops.compose import Fields, Guide

WEIGHTS = LossWeights(
    pixel_real=10.0, pixel_fake=5.0, pixel_raw=0.5, pixel_change=3.0, feature=1.0, identity_source=0.3,
    identity_template=0.2, adversarial=0.0, expression=0.0, edges=3.0, flow=1.0, hidden=1.0,
    blend=4.0, paint=4.0, paint_hidden=0.25,
    still=0.05, smooth=0.2,
)  # fmt: skip


def known(visible: float = 1.0, *, shift: float = 0.0, num: int = 5) -> Correspondence:
    label = torch.rand(1, num, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    shown = torch.full((1, num), visible)
    return Correspondence(label, label + shift, shown, 1 - shown)


def fields(size: int = 8, **changes: torch.Tensor) -> Fields:
    zeros, ones = torch.zeros(1, 1, size, size), torch.ones(1, 1, size, size)
    two, three = zeros.expand(1, 2, -1, -1), zeros.expand(1, 3, -1, -1)
    light = (three, three, ones, zeros, zeros, zeros)
    shares = torch.cat([zeros, ones, zeros], 1)
    return Fields(two, two, *light, three, shares, three, ones)._replace(**changes)


def guide(visible: float = 1.0) -> Guide:
    still = torch.zeros(1, 2, 8, 8)
    ones = torch.ones(1, 1, 8, 8)
    return Guide(
        still, still, visible * ones, kept=0 * ones, skin=ones, eyes=0 * ones, brows=0 * ones, lips=0 * ones, near=ones
    )


def test_edges_by_hand() -> None:
    image = torch.tensor([[[[0.0, 1.0], [3.0, 7.0]]]])
    assert edges(image).tolist() == [[[[1.0, 0.0], [4.0, 0.0]], [[3.0, 6.0], [0.0, 0.0]]]]


def test_reading_a_field_at_points() -> None:
    ramp = ((torch.arange(8) + 0.5) / 4 - 1).expand(1, 1, 8, 8)
    read = sample_points(ramp, torch.tensor([[[0.25, 0.0], [-0.5, 0.7]]]))
    torch.testing.assert_close(read, torch.tensor([[[0.25], [-0.5]]]))


def test_the_flow_loss_is_the_distance_in_working_pixels() -> None:
    shift = 2.0 / 8 * 3  # three working pixels along both axes
    assert flow_loss(torch.zeros(1, 2, 8, 8), known(shift=shift)).item() == pytest.approx(18**0.5 - 0.2, abs=0.01)
    assert flow_loss(torch.full((1, 2, 8, 8), shift), known(shift=shift)).item() == pytest.approx(0, abs=1e-6)


def test_hidden_points_do_not_pull_the_flow() -> None:
    assert flow_loss(torch.zeros(1, 2, 8, 8), known(visible=0.0, shift=0.5)).item() == 0.0


def test_hidden_points_want_no_source() -> None:
    share = torch.full((1, 1, 8, 8), 0.7)
    assert hidden_loss(share, known(visible=0.0)).item() == pytest.approx(0.7)
    assert hidden_loss(share, known(visible=1.0)).item() == 0.0


@pytest.mark.parametrize(("share", "cost"), [(0.0, 0.0), (0.5, 0.25), (1.0, 0.0)])
def test_half_and_half_costs_most(share: float, cost: float) -> None:
    assert blend_loss(torch.full((1, 1, 4, 4), share)).item() == cost


def test_straight_flows_cost_nothing() -> None:
    ramp = torch.arange(8.0).expand(1, 2, 8, 8)
    assert bend_loss(ramp).item() == 0.0
    assert bend_loss(ramp**2).item() == pytest.approx(2.0 * 8 / 2)


def test_every_term_is_named_and_a_weight_of_zero_leaves_it_out() -> None:
    terms = field_terms(WEIGHTS, fields(), guide(), known())
    assert set(terms) == {"flow", "hidden", "blend", "paint", "still", "smooth"}
    for name in terms:
        without = field_terms(WEIGHTS.model_copy(update={name: 0.0}), fields(), guide(), known())
        assert set(without) == set(terms) - {name}


def test_paint_is_cheaper_where_the_source_is_hidden() -> None:
    painted = fields(shares=torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    assert field_terms(WEIGHTS, painted, guide(1.0), known())["paint"].item() == pytest.approx(4.0)
    assert field_terms(WEIGHTS, painted, guide(0.0), known())["paint"].item() == pytest.approx(1.0)


def test_metrics_by_hand() -> None:
    mixed = fields(shares=torch.tensor([0.1, 0.7, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    metrics = field_metrics(mixed, guide(), known())
    assert metrics["painted"] == pytest.approx(0.1)
    assert metrics["from_template"] == pytest.approx(0.2)
    assert metrics["flow_px"] == pytest.approx(0.0, abs=1e-6)


def test_gradient() -> None:
    flow = (0.1 * torch.rand(1, 2, 6, 6, dtype=torch.float64)).requires_grad_()
    share = torch.rand(1, 1, 6, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(bend_loss, (flow,))
    assert torch.autograd.gradcheck(blend_loss, (share,))
    flow.float().detach().requires_grad_()
    loss = flow_loss(flow, known(shift=0.2))
    loss.backward()
    assert flow.grad is not None
    assert flow.grad.abs().sum() > 0
