import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops.compose import Fields, Light, compose, move, relight, slow_light


def fields(size: int = 8, **changes: torch.Tensor) -> Fields:
    """The source, as it is, everywhere."""
    zeros, ones = torch.zeros(1, 1, size, size), torch.ones(1, 1, size, size)
    two, three = zeros.expand(1, 2, -1, -1), zeros.expand(1, 3, -1, -1)
    plain = Fields(two, two, three, three, zeros + 1, torch.cat([zeros, ones, zeros], 1), three, ones)
    return plain._replace(**changes)


def image(size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def shares(painted: float, source: float, template: float) -> torch.Tensor:
    return torch.tensor([painted, source, template]).view(1, 3, 1, 1).expand(1, 3, 8, 8)


@settings(max_examples=10, deadline=None)
@given(size=st.integers(8, 40), smooth=st.booleans())
def test_the_plain_source_comes_out_at_any_size(size: int, smooth: bool) -> None:
    composite, raw, mask = compose(fields(), image(size), image(size, 1), smooth=smooth)
    torch.testing.assert_close(composite, image(size), atol=1e-5, rtol=0)
    torch.testing.assert_close(raw, composite)
    assert mask.shape == (1, 1, size, size)


def test_without_a_mask_the_template_stays_to_the_bit() -> None:
    composite, _, _ = compose(fields(mask=torch.zeros(1, 1, 8, 8)), image(24), image(24, 1))
    assert torch.equal(composite, image(24, 1))


def test_shares_are_mixed() -> None:
    mixed = fields(shares=shares(0.5, 0.25, 0.25), painted=torch.full((1, 3, 8, 8), 0.4))
    composite, _, _ = compose(mixed, image(16), image(16, 1))
    torch.testing.assert_close(composite, 0.2 + 0.25 * image(16) + 0.25 * image(16, 1), atol=1e-5, rtol=0)


def test_the_flow_says_where_pixels_come_from() -> None:
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 2.0 * 3 / 24  # three of 24 pixels to the right
    composite, _, _ = compose(fields(source_flow=flow), image(24), image(24, 1))
    torch.testing.assert_close(composite[..., :-3], image(24)[..., 3:], atol=1e-5, rtol=0)


def test_a_source_of_another_size_is_sampled_at_the_same_places() -> None:
    ramp = torch.linspace(-1 + 1 / 48, 1 - 1 / 48, 48).expand(1, 3, 48, 48)
    composite, _, _ = compose(fields(), ramp, image(24))
    torch.testing.assert_close(composite, torch.linspace(-1 + 1 / 24, 1 - 1 / 24, 24).expand(1, 3, 24, 24))


def test_gain_leaves_black_and_bias_shifts() -> None:
    black, gray = torch.full((1, 3, 4, 4), -1.0), torch.zeros(1, 3, 4, 4)
    gain, bias = torch.full_like(gray, 0.5), torch.full_like(gray, 0.1)
    free = torch.ones(1, 1, 4, 4)
    torch.testing.assert_close(relight(black, Light(gain, 0 * bias, free)), black)
    torch.testing.assert_close(relight(gray, Light(0 * gain, bias, free)), bias)


def test_dark_pixels_brighten_by_no_more_than_their_bound() -> None:
    skin = torch.tensor([0.3, 0.2, 0.1]).view(1, 3, 1, 1)
    brow = 0.2 * skin
    light = Light(torch.zeros_like(skin), torch.full_like(skin, 0.4), torch.full((1, 1, 1, 1), 1.2))
    assert relight(skin - 1, light).mean() == pytest.approx(0.6 - 1)  # the bias
    after = relight(brow - 1, light) + 1
    assert float(after.mean() / brow.mean()) == pytest.approx(math.exp(1.2))


@pytest.mark.parametrize(("before", "after"), [(-0.2, 0.3), (0.6, -0.5), (-0.7, 0.5)])
def test_slow_light_gives_the_template_its_own_light(before: float, after: float) -> None:
    weight = torch.ones(1, 1, 32, 32)
    source, template = torch.full((1, 3, 32, 32), before), torch.full((1, 3, 32, 32), after)
    lit = relight(source, slow_light(source, template, weight))
    torch.testing.assert_close(lit, template, atol=0.02, rtol=0)
    assert all(field.abs().max() == 0 for field in slow_light(source, template, 0 * weight)[:2])


def test_a_brightened_face_keeps_its_black() -> None:
    weight = torch.ones(1, 1, 64, 64)
    source, template = torch.full((1, 3, 64, 64), -0.1), torch.full((1, 3, 64, 64), 0.2)
    source[..., 30:34, 30:34] = -1.0
    lit = relight(source, slow_light(source, template, weight))
    assert lit[..., 32, 32].max() < -0.78  # a bias alone would lift it to -0.7


def test_brows_of_dark_skin_stay_dark_on_pale_skin() -> None:
    skin = torch.ones(1, 1, 64, 64)
    skin[..., 28:36, :] = 0
    source, template = torch.full((1, 3, 64, 64), -0.7), torch.full((1, 3, 64, 64), 0.5)
    source[..., 30:34, :] = -0.9
    lit = relight(source, slow_light(source, template, skin)) + 1
    assert lit[..., 10, :].mean() == pytest.approx(1.5, abs=0.02)
    assert lit[..., 32, :].mean() < 0.65  # a bias would give 1.2


def test_the_light_next_to_dark_brows_is_that_of_the_skin() -> None:
    """Brows that count as light make the skin around them pale."""
    skin = torch.ones(1, 1, 64, 64)
    skin[..., 28:36, :] = 0
    source, template = torch.full((1, 3, 64, 64), -0.2), torch.full((1, 3, 64, 64), 0.1)
    source[..., 30:34, :] = -0.9
    lit = relight(source, slow_light(source, template, skin))
    torch.testing.assert_close(lit[..., :28, :], template[..., :28, :], atol=0.01, rtol=0)
    with_brows = relight(source, slow_light(source, template, torch.ones_like(skin)))
    assert (with_brows - template)[..., 26, :].mean() > 0.05


def test_gradients_reach_every_field() -> None:
    leaves = [
        (0.2 * torch.rand_like(field.double(), requires_grad=False)).requires_grad_()
        for field in fields(4, shares=torch.rand(1, 3, 4, 4))
    ]
    source, template = image(6).double(), image(6, 1).double()
    composite, raw, _ = compose(Fields(*leaves), source, template)
    (composite.square().sum() + raw.square().sum()).backward()
    assert all(leaf.grad is not None and leaf.grad.abs().sum() > 0 for leaf in leaves)


def test_move_without_flow_changes_nothing() -> None:
    torch.testing.assert_close(move(image(12), torch.zeros(1, 2, 12, 12)), image(12), atol=1e-5, rtol=0)


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
