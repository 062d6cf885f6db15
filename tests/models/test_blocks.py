import pytest
import torch

from swapcore.models.blocks import FusionBlock, ResidualBlock, StatisticsFusion, UpBlock, fuse_statistics


def test_fusion_by_hand() -> None:
    x = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]]]])  # mean 2, deviation 1
    fused = fuse_statistics(x, mean_y=torch.tensor([[5.0]]), std_y=torch.tensor([[4.0]]))
    torch.testing.assert_close(fused, torch.tensor([[[[1.0, 9.0], [1.0, 9.0]]]]), rtol=1e-4, atol=1e-4)


def test_fused_map_has_the_statistics_of_y() -> None:
    x = torch.randn(3, 5, 16, 16, generator=torch.Generator().manual_seed(0)) * 7 + 3
    mean_y, std_y = torch.linspace(-2, 2, 15).view(3, 5), torch.linspace(0.1, 3, 15).view(3, 5)
    fused = fuse_statistics(x, mean_y, std_y)
    torch.testing.assert_close(fused.mean((2, 3)), mean_y, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(fused.std((2, 3), correction=0), std_y, rtol=1e-3, atol=1e-3)


def test_fusion_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, 4, dtype=torch.double, generator=generator, requires_grad=True)
    mean_y = torch.randn(2, 3, dtype=torch.double, generator=generator, requires_grad=True)
    std_y = torch.rand(2, 3, dtype=torch.double, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(fuse_statistics, (x, mean_y, std_y))


def test_the_fused_deviation_starts_near_one_and_is_never_negative() -> None:
    fusion = StatisticsFusion(4, 8)
    x = torch.randn(2, 4, 16, 16)
    torch.testing.assert_close(
        fusion(x, torch.zeros(2, 8)).std((2, 3), correction=0), torch.ones(2, 4), atol=1e-3, rtol=0
    )
    with torch.no_grad():
        fusion.projection.bias.fill_(-50.0)
    assert fusion(x, torch.zeros(2, 8)).std((2, 3)).max() < 1e-3


def test_blocks_keep_shapes() -> None:
    code = torch.randn(2, 8)
    x = torch.randn(2, 6, 10, 10)
    assert ResidualBlock(6)(x).shape == x.shape
    assert FusionBlock(6, 8)(x, code).shape == x.shape
    assert UpBlock(6, 3, 8)(x, torch.randn(2, 3, 19, 19), code).shape == (2, 3, 19, 19)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fusion_keeps_the_memory_format(dtype: torch.dtype) -> None:
    x = (3 + torch.randn(2, 8, 5, 6, generator=torch.Generator().manual_seed(0))).to(dtype)
    mean, std = torch.randn(2, 8, dtype=dtype), torch.rand(2, 8, dtype=dtype)
    plain = fuse_statistics(x, mean, std)
    fused = fuse_statistics(x.contiguous(memory_format=torch.channels_last), mean, std)
    assert fused.dtype == dtype
    assert fused.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(
        fused,
        plain.contiguous(memory_format=torch.channels_last),
        atol=2e-6 if dtype == torch.float32 else 0.05,
        rtol=0,
    )
