"""The expression loss: value, gradient, and that only the output gets one."""

from functools import partial

import numpy as np
import pytest
import torch

from swapcore.faces.mesh.crops import crop_expression
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.landmarker import load_face_mesh
from swapcore.losses.expression import expression_loss
from swapcore.ops.image import resize, to_tensor
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.people import draw_person
from swapcore.synth.render import render


def quarters(images: torch.Tensor) -> torch.Tensor:
    return 100 * torch.stack([images[..., :2, :].mean((1, 2, 3)), images[..., 2:, :].square().mean((1, 2, 3))], 1)


def test_value_by_hand() -> None:
    output, wanted = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    assert expression_loss(quarters, output, wanted).item() == pytest.approx((0.5 + 0.25) / 2)
    assert expression_loss(quarters, output, output).item() == 0


def test_gradients_are_those_of_finite_differences() -> None:
    output = torch.rand(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    wanted = torch.full_like(output, 2.0)
    assert torch.autograd.gradcheck(lambda image: expression_loss(quarters, image, wanted), (output,))


def test_what_is_wanted_gets_no_gradient() -> None:
    output, wanted = (torch.rand(1, 3, 4, 4, requires_grad=True) for _ in range(2))
    expression_loss(quarters, output, wanted).backward()
    assert output.grad is not None
    assert wanted.grad is None


@pytest.mark.skipif(not is_installed(), reason="the face mesh's files are not installed")
def test_steps_against_the_gradient_open_a_rendered_mouth() -> None:
    person = draw_person(4, 3)  # of some people the loss oscillates with steps of this size
    closed, wide = (render(person, NEUTRAL.but(mouth_open=share), 128).image for share in (0.0, 0.4))
    image = to_tensor(resize(closed, 192)[None]).requires_grad_()
    wanted = to_tensor(resize(wide, 192)[None])
    losses = []
    for _ in range(4):
        loss = expression_loss(partial(crop_expression, mesh=load_face_mesh()), image, wanted)
        (gradient,) = torch.autograd.grad(loss, image)
        assert torch.isfinite(gradient).all()
        losses.append(loss.item())
        image = (image.detach() - 0.005 * gradient / gradient.abs().max()).requires_grad_()
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
