import torch

from swapcore.models.source import EMBEDDING_GAIN, SourceDescription, pool_levels


def test_pooling_by_hand() -> None:
    level = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]], [[2.0, 2.0], [2.0, 2.0]]]])
    pooled = pool_levels([level], torch.zeros(1, 4))
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 2.0, 1.0, 0.0]]))


def test_a_network_without_levels_is_described_by_its_embedding(recognize) -> None:
    description = SourceDescription(12, 0)
    described = description.describe(lambda crops: ([], recognize(crops)[1]), torch.rand(3, 3, 16, 16))
    assert described.shape == (3, 12) == (3, description.size)


def test_training_sources_are_standardized_and_embeddings_centered() -> None:
    description = SourceDescription(2, 3)
    pooled = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 0.1]) + 4
    description.fit(pooled, torch.tensor([1.0, 1.0]))
    described = description(pooled, torch.tensor([[1.0, 3.0]]).expand(50, 2))
    torch.testing.assert_close(described[:, :3].mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(described[:, :3].std(0, correction=0), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(described[0, 3:], torch.tensor([0.0, EMBEDDING_GAIN]))


def test_a_constant_channel_does_not_explode() -> None:
    description = SourceDescription(1, 1)
    description.fit(torch.full((10, 1), 5.0), torch.zeros(1))
    assert description(torch.tensor([[5.001]]), torch.ones(1, 1)).abs().max() <= EMBEDDING_GAIN


def test_a_description_has_no_gradient(recognize) -> None:
    crops = torch.rand(2, 3, 16, 16, requires_grad=True)
    assert not SourceDescription(12, 12).describe(recognize, crops).requires_grad
