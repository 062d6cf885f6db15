"""Light on tensors: relighting, and the estimate of what it needs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops.light import Areas, Light, estimate_light, from_log, relight, to_log

SIZE = 64


def even(value: float, channels: int = 1) -> torch.Tensor:
    return torch.full((1, channels, SIZE, SIZE), value)


def gray(level: float) -> torch.Tensor:
    return even(level / 127.5 - 1, 3)


def everywhere(**parts: torch.Tensor) -> Areas:
    nothing = even(0.0)
    return Areas(even(1.0), even(1.0), nothing, nothing, nothing)._replace(**parts)


def same_light(level: float = 4.5) -> Light:
    return Light(even(level, 3), even(level, 3), even(1.0), even(0.0), even(0.0), even(0.0))


def stripe(rows: slice) -> torch.Tensor:
    area = even(0.0)
    area[..., rows, :] = 1
    return area


def levels(image: torch.Tensor, row: int) -> torch.Tensor:
    return (image[0, :, row].mean(1) + 1) * 127.5


@given(st.floats(-1, 1))
def test_logarithms_are_undone(value: float) -> None:
    assert from_log(to_log(torch.tensor(value))).item() == pytest.approx(value, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), level=st.floats(3.2, 5.4))
def test_equal_lights_change_no_darker_pixel(seed: int, level: float) -> None:
    image = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    lit = relight(image, same_light(level))
    darker = to_log(image).mean(1, keepdim=True).expand_as(image) < level
    torch.testing.assert_close(lit[darker], image[darker], atol=2e-3, rtol=0)


@pytest.mark.parametrize(("before", "after"), [(60, 200), (200, 60), (120, 140)])
def test_an_even_face_gets_the_tone_of_the_template(before: float, after: float) -> None:
    lit = relight(gray(before), estimate_light(gray(before), gray(after), everywhere()))
    torch.testing.assert_close(lit, gray(after), atol=0.01, rtol=0)


def test_faces_of_a_batch_do_not_influence_each_other() -> None:
    first, second = torch.cat([gray(60), gray(150)]), torch.cat([gray(200), gray(140)])
    both = estimate_light(first, second, Areas(*(torch.cat([area, area]) for area in everywhere())))
    alone = estimate_light(first[1:], second[1:], everywhere())
    for of_batch, single in zip(both, alone, strict=True):
        torch.testing.assert_close(of_batch[1:], single)


def test_brows_of_dark_skin_stay_dark_on_pale_skin() -> None:
    brows = stripe(slice(28, 36))
    source, template = gray(50), gray(200)
    source[..., 28:36, :] = 20 / 127.5 - 1
    lit = relight(source, estimate_light(source, template, everywhere(skin=1 - brows, brows=brows)))
    assert levels(lit, 10).mean() == pytest.approx(200, abs=3)
    assert levels(lit, 32).mean() < 70


def test_the_light_next_to_dark_brows_is_that_of_the_skin() -> None:
    """Brows that count as light make the skin around them pale."""
    source, template = gray(100), gray(140)
    source[..., 28:36, :] = 10 / 127.5 - 1
    lit = relight(source, estimate_light(source, template, everywhere(skin=1 - stripe(slice(27, 37)))))
    assert levels(lit, 24).mean() == pytest.approx(140, abs=2)
    assert levels(relight(source, estimate_light(source, template, everywhere())), 24).mean() > 150


def test_whites_of_eyes_get_the_brightness_of_the_template() -> None:
    eyes = stripe(slice(20, 26))
    source, template = gray(60), gray(180)
    source[..., 20:26, :32], source[..., 20:26, 32:] = 130 / 127.5 - 1, 15 / 127.5 - 1
    template[..., 20:26, :] = 210 / 127.5 - 1
    skin = 1 - stripe(slice(18, 28))
    lit = (relight(source, estimate_light(source, template, everywhere(skin=skin, eyes=eyes))) + 1) * 127.5
    assert lit[..., 23, :30].mean() == pytest.approx(210, abs=12)
    assert lit[..., 23, 34:].mean() < 40  # the iris stays dark


@pytest.mark.parametrize(("own", "wanted"), [(60, 200), (200, 50)])
def test_lips_of_darker_and_paler_sources_get_the_tone_of_the_template(own: float, wanted: float) -> None:
    lips = stripe(slice(40, 48))
    source, template = gray(own), gray(wanted)
    hues = torch.tensor([0.75, 0.6, 0.7]), torch.tensor([0.9, 0.5, 0.55])
    source[..., 40:48, :] = (own * hues[0] / 127.5 - 1)[None, :, None, None]
    template[..., 40:48, :] = (wanted * hues[1] / 127.5 - 1)[None, :, None, None]
    skin = 1 - stripe(slice(38, 50))
    after, before = (
        (levels(relight(source, estimate_light(source, template, areas)), 44) - wanted * hues[1]).abs().mean()
        for areas in (everywhere(skin=skin, lips=lips), everywhere(skin=skin))
    )
    assert after < 0.6 * before


def test_without_any_skin_the_light_is_that_of_the_face() -> None:
    light = estimate_light(gray(80), gray(160), everywhere(skin=even(0.0)))
    torch.testing.assert_close(relight(gray(80), light), gray(160), atol=0.02, rtol=0)


def test_a_face_of_a_single_color_gives_finite_light() -> None:
    for level in (0.0, 255.0):
        light = estimate_light(gray(level), gray(255 - level), everywhere(face=even(0.0), skin=even(0.0)))
        assert torch.isfinite(relight(gray(level), light)).all()


def test_gradients_of_relighting_are_exact() -> None:
    noise = torch.Generator().manual_seed(0)
    image = (torch.rand(1, 3, 4, 4, generator=noise).double() * 1.6 - 0.8).requires_grad_()
    light = [torch.rand(1, num, 4, 4, generator=noise).double() for num in (3, 3, 1, 1, 1, 1)]
    light[0], light[1] = light[0] + 4, light[1] + 4
    assert torch.autograd.gradcheck(lambda *values: relight(values[0], Light(values[1], values[2], *light[2:])),
                                    (image, light[0].requires_grad_(), light[1].requires_grad_()))  # fmt: skip


def test_gradients_are_finite_at_the_ends_of_the_range() -> None:
    image = torch.tensor([-1.0, 1.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE).clone().requires_grad_()
    relight(image, same_light(3.1)).square().sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_relighting_of_noise_stays_finite() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        lights = [torch.from_numpy(generator.uniform(1, 6.5, (1, 3, 8, 8))).float() for _ in range(2)]
        others = [torch.from_numpy(generator.uniform(-0.2, 1.5, (1, 1, 8, 8))).float() for _ in range(4)]
        image = torch.from_numpy(generator.uniform(-1.5, 1.5, (1, 3, 8, 8))).float()
        assert torch.isfinite(relight(image, Light(*lights, *others))).all()
