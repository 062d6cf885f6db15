import torch

from swapcore.models.discriminator import Discriminator


def test_scores_every_patch() -> None:
    assert Discriminator(8)(torch.rand(2, 3, 64, 64)).shape == (2, 1, 8, 8)


def test_every_layer_is_spectrally_normalized() -> None:
    model = Discriminator(8)
    for _ in range(50):
        model(torch.rand(1, 3, 64, 64))
    for layer in [*model.layers, model.head]:
        largest = torch.linalg.svdvals(layer.weight.flatten(1))[0]
        torch.testing.assert_close(largest, torch.tensor(1.0), atol=2e-2, rtol=0)
