import numpy as np
import torch

from swapcore.config import JitterParams
from swapcore.losses.jitter import Jitter, apply_jitter, draw_jitter


def jitter(x: float = 0.0, y: float = 0.0, scale: float = 1.0, blur: float = 0.0) -> Jitter:
    return Jitter(torch.tensor([[x, y]]), torch.tensor([scale]), torch.tensor([blur]))


def ramp_image() -> torch.Tensor:
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_identity() -> None:
    torch.testing.assert_close(apply_jitter(ramp_image(), jitter()), ramp_image())


def test_shift_right_and_down_by_whole_pixels() -> None:
    moved = apply_jitter(ramp_image(), jitter(x=1 / 16, y=2 / 16))
    torch.testing.assert_close(moved[..., 2:, 1:], ramp_image()[..., :-2, :-1])


def test_twice_as_large_about_the_center() -> None:
    ramp = torch.linspace(-1, 1, 16).expand(1, 3, 16, 16)
    torch.testing.assert_close(apply_jitter(ramp, jitter(scale=2.0)), ramp / 2)


def test_blur_by_hand() -> None:
    point = torch.zeros(1, 3, 5, 5)
    point[..., 2, 2] = 1.0
    blurred = apply_jitter(point, jitter(blur=1.0))
    expected = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    torch.testing.assert_close(blurred[0, 0, 1:4, 1:4], expected)


def test_draws_are_within_the_bounds() -> None:
    params = JitterParams(shift=0.02, scale=0.04, blur=0.5)
    drawn = draw_jitter(params, np.random.default_rng(3).random((500, 4)), torch.device("cpu"))
    assert 0.015 < drawn.shift.abs().max() <= 0.02
    assert 0.03 < (drawn.scale - 1).abs().max() <= 0.0401
    assert drawn.blur.min() >= 0
    assert 0.4 < drawn.blur.max() <= 0.5


def test_a_view_crops_the_image() -> None:
    right_half = torch.tensor([[[0.5, 0.0, 0.5], [0.0, 0.5, 0.0]]])
    ramp = torch.linspace(-1, 1, 17)[None, None, None].expand(1, 3, 17, 17)
    seen = apply_jitter(ramp, jitter(), right_half)[0, 0, 0]
    torch.testing.assert_close(
        seen[1:-1], (torch.linspace(-16 / 17, 16 / 17, 17) * 17 / 16 * 0.5 + 0.5 * 17 / 16)[1:-1]
    )


def test_the_jitter_is_applied_to_the_view() -> None:
    view = torch.tensor([[[0.8, 0.1, 0.05], [-0.1, 0.8, -0.02]]])
    smooth = ramp_image()
    for _ in range(4):
        smooth = apply_jitter(smooth, jitter(blur=1.0))
    at_once = apply_jitter(smooth, jitter(x=2 / 16, y=1 / 16), view)
    in_turn = apply_jitter(apply_jitter(smooth, jitter(), view), jitter(x=2 / 16, y=1 / 16))
    torch.testing.assert_close(at_once[..., 1:, 2:], in_turn[..., 1:, 2:], atol=2e-5, rtol=0)


def test_gradient() -> None:
    image = ramp_image()[..., :6, :6].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: apply_jitter(x, jitter(0.03, -0.05, 1.1, 0.3)), (image,))
