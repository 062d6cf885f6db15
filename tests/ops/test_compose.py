import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops.compose import Fields, compose, move


def fields(size: int = 8, **changes: torch.Tensor) -> Fields:
    """The source, as it is, everywhere."""
    zeros, ones = torch.zeros(1, 1, size, size), torch.ones(1, 1, size, size)
    two, three = zeros.expand(1, 2, -1, -1), zeros.expand(1, 3, -1, -1)
    light = (three + 4.5, three + 4.5, ones, zeros, zeros, zeros)  # the same before and after
    plain = Fields(two, two, *light, three, torch.cat([zeros, ones, zeros], 1), three, ones)
    return plain._replace(**changes)


def image(size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def shares(painted: float, source: float, template: float) -> torch.Tensor:
    return torch.tensor([painted, source, template]).view(1, 3, 1, 1).expand(1, 3, 8, 8)


@settings(max_examples=10, deadline=None)
@given(size=st.integers(8, 40), smooth=st.booleans())
def test_the_plain_source_comes_out_at_any_size(size: int, smooth: bool) -> None:
    composite, raw, mask = compose(fields(), image(size), image(size, 1), smooth=smooth)
    torch.testing.assert_close(composite, image(size), atol=1e-4, rtol=0)
    torch.testing.assert_close(raw, composite)
    assert mask.shape == (1, 1, size, size)


def test_without_a_mask_the_template_stays_to_the_bit() -> None:
    composite, _, _ = compose(fields(mask=torch.zeros(1, 1, 8, 8)), image(24), image(24, 1))
    assert torch.equal(composite, image(24, 1))


def test_shares_are_mixed() -> None:
    mixed = fields(shares=shares(0.5, 0.25, 0.25), painted=torch.full((1, 3, 8, 8), 0.4))
    composite, _, _ = compose(mixed, image(16), image(16, 1))
    torch.testing.assert_close(composite, 0.2 + 0.25 * image(16) + 0.25 * image(16, 1), atol=1e-4, rtol=0)


def test_the_flow_says_where_pixels_come_from() -> None:
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 2.0 * 3 / 24  # three of 24 pixels to the right
    composite, _, _ = compose(fields(source_flow=flow), image(24), image(24, 1))
    torch.testing.assert_close(composite[..., :-3], image(24)[..., 3:], atol=1e-4, rtol=0)


def test_a_source_of_another_size_is_sampled_at_the_same_places() -> None:
    ramp = torch.linspace(-1 + 1 / 48, 1 - 1 / 48, 48).expand(1, 3, 48, 48)
    composite, _, _ = compose(fields(), ramp, image(24))
    torch.testing.assert_close(composite, torch.linspace(-1 + 1 / 24, 1 - 1 / 24, 24).expand(1, 3, 24, 24))


def test_the_bias_shifts_the_source() -> None:
    composite, _, _ = compose(fields(bias=torch.full((1, 3, 8, 8), 0.1)), image(16) / 2, image(16, 1))
    torch.testing.assert_close(composite, image(16) / 2 + 0.1, atol=1e-4, rtol=0)


def test_gradients_reach_every_field() -> None:
    leaves = [(field.double() + 0.2 * torch.rand(field.shape)).detach().requires_grad_() for field in fields(4)]
    source, template = image(6).double(), image(6, 1).double()
    composite, raw, _ = compose(Fields(*leaves), source, template)
    (composite.square().sum() + raw.square().sum()).backward()
    assert all(leaf.grad is not None and leaf.grad.abs().sum() > 0 for leaf in leaves)


def test_move_without_flow_changes_nothing() -> None:
    torch.testing.assert_close(move(image(12), torch.zeros(1, 2, 12, 12)), image(12), atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("smooth", [False, True])
def test_composing_is_the_same_under_autocast(dtype: torch.dtype, smooth: bool) -> None:
    noise = torch.Generator().manual_seed(3)
    some = Fields(*(0.1 * torch.rand(field.shape, generator=noise) for field in fields()))
    exact = compose(some, image(56), image(56, 1), smooth=smooth)
    with torch.autocast("cpu", dtype):
        found = compose(some, image(56), image(56, 1), smooth=smooth)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=0)
