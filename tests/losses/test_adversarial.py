import pytest
import torch

from swapcore.losses.adversarial import discriminator_loss, generator_loss


def test_by_hand() -> None:
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([-0.5, -3.0])
    assert discriminator_loss(real, fake).item() == pytest.approx(0.25 + 0.25)
    assert generator_loss(fake).item() == pytest.approx(1.75)


def test_two_without_separation_and_zero_with_perfect_separation() -> None:
    assert discriminator_loss(torch.zeros(4), torch.zeros(4)).item() == 2.0
    assert discriminator_loss(torch.full((4,), 1.5), torch.full((4,), -1.5)).item() == 0.0


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 9, dtype=torch.double, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: discriminator_loss(x[0], x[1]), (scores,))
    assert torch.autograd.gradcheck(generator_loss, (scores,))
