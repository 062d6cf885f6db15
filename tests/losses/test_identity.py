import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from swapcore.losses.identity import source_identity_loss, template_identity_loss

EAST, NORTH = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
NORTH_EAST = torch.tensor([[0.5**0.5, 0.5**0.5]])


def test_first_part_by_hand() -> None:
    assert source_identity_loss(EAST, EAST).item() == 0.0
    assert source_identity_loss(EAST, NORTH).item() == 1.0
    assert source_identity_loss(EAST, -EAST).item() == 2.0


def test_second_part_by_hand() -> None:
    # cos(Y, T) = cos 45 degrees, cos(S, T) = 0
    assert template_identity_loss(NORTH_EAST, EAST, NORTH).item() == pytest.approx(0.5**0.5)


def test_second_part_is_zero_at_the_sources_distance_from_the_template() -> None:
    south_east = torch.tensor([[0.5**0.5, -(0.5**0.5)]])
    assert template_identity_loss(NORTH_EAST, south_east, EAST).item() == pytest.approx(0.0)
    assert template_identity_loss(EAST, EAST, NORTH).item() == 0.0


def test_second_part_is_positive_beyond_the_sources_distance_too() -> None:
    assert template_identity_loss(-NORTH, EAST, NORTH).item() == 1.0


@given(st.integers(0, 2**16))
def test_bounds(seed: int) -> None:
    output, source, template = F.normalize(torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(seed)), dim=2)
    assert -1e-6 <= source_identity_loss(output, source) <= 2
    assert 0 <= template_identity_loss(output, source, template) <= 2


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    output, source, template = torch.randn(3, 4, 6, dtype=torch.double, generator=generator)
    output.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: source_identity_loss(F.normalize(x, dim=1), source), (output,))
    assert torch.autograd.gradcheck(
        lambda x: template_identity_loss(F.normalize(x, dim=1), source, template), (output,)
    )
