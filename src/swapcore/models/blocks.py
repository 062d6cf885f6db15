"""Building blocks of the generator."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from swapcore.ops.sampling import at_least_float32

NEGATIVE_SLOPE = 0.1
STD_EPSILON = 1e-5
_SOFTPLUS_ONE = math.log(math.e - 1.0)
_SPREAD = 0.5
"""Initial standard deviation of the statistics over sources; a tenth of it delays learning by hundreds of steps."""


def activate(x: torch.Tensor) -> torch.Tensor:
    """Apply the generator's non-linearity, a leaky ReLU."""
    return F.leaky_relu(x, NEGATIVE_SLOPE)


def convolution(in_channels: int, out_channels: int, stride: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """Build a 3x3 convolution with Kaiming initialization times gain, and zero bias."""
    layer = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    nn.init.kaiming_normal_(layer.weight, NEGATIVE_SLOPE, nonlinearity="leaky_relu")
    with torch.no_grad():
        layer.weight.mul_(gain)
    nn.init.zeros_(_bias(layer))
    return layer


def dense(in_features: int, out_features: int) -> nn.Linear:
    """Build a fully connected layer with Kaiming initialization, which keeps the variance, and zero bias."""
    layer = nn.Linear(in_features, out_features)
    nn.init.kaiming_normal_(layer.weight, NEGATIVE_SLOPE, nonlinearity="leaky_relu")
    nn.init.zeros_(_bias(layer))
    return layer


def _bias(layer: nn.Conv2d | nn.Linear) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


def fuse_statistics(x: torch.Tensor, mean_y: torch.Tensor, std_y: torch.Tensor) -> torch.Tensor:
    """Compute (x - mean(x)) / std(x) * std(y) + mean(y), with statistics over space per channel (claim 8).

    Args:
        x: (B, C, H, W).
        mean_y: (B, C).
        std_y: (B, C), not negative.
    """
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return F.instance_norm(x, eps=STD_EPSILON) * std_y[:, :, None, None] + mean_y[:, :, None, None]
    # instance_norm would return another memory format, which the next convolution would copy back.
    variance, mean = torch.var_mean(at_least_float32(x), (2, 3), correction=0, keepdim=True)
    scale = std_y[:, :, None, None] * torch.rsqrt(variance + STD_EPSILON)
    return (x * scale + (mean_y[:, :, None, None] - mean * scale)).to(x.dtype)


class StatisticsFusion(nn.Module):
    """Replaces the statistics of a feature map by a learned projection of the source's code."""

    def __init__(self, channels: int, code_size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(code_size, 2 * channels)
        nn.init.normal_(self.projection.weight, 0.0, _SPREAD / math.sqrt(code_size))
        nn.init.zeros_(_bias(self.projection))

    def forward(self, x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Fuse x (B, C, H, W) with the source's code (B, Z); initially std(y) is near 1 and mean(y) near 0."""
        mean_y, std_y = self.projection(code).chunk(2, 1)
        return fuse_statistics(x, mean_y.to(x.dtype), F.softplus(std_y + _SOFTPLUS_ONE).to(x.dtype))


class ResidualBlock(nn.Module):
    """Residual block: x + convolution(activate(convolution(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels, gain=0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W) for x (B, C, H, W)."""
        refined: torch.Tensor = x + self.second(activate(self.first(x)))
        return refined


class FusionBlock(nn.Module):
    """Residual block with statistics fusion after both convolutions."""

    def __init__(self, channels: int, code_size: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.fuse_first = StatisticsFusion(channels, code_size)
        self.second = convolution(channels, channels)
        self.fuse_second = StatisticsFusion(channels, code_size)

    def forward(self, x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W) for x (B, C, H, W) and the source's code (B, Z).

        The factor 0.5 keeps the variance of the sum near one.
        """
        hidden = activate(self.fuse_first(self.first(x), code))
        refined: torch.Tensor = x + 0.5 * self.fuse_second(self.second(hidden), code)
        return refined


class UpBlock(nn.Module):
    """Upsampling by two, skip connection from the encoder, and statistics fusion."""

    def __init__(self, in_channels: int, out_channels: int, code_size: int) -> None:
        super().__init__()
        self.reduce = convolution(in_channels, out_channels)
        self.join = nn.Conv2d(2 * out_channels, out_channels, 1)
        self.fuse = FusionBlock(out_channels, code_size)

    def forward(self, x: torch.Tensor, skip: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return (B, Cout, H, W) for x (B, Cin, h, w) and skip (B, Cout, H, W)."""
        grown = F.interpolate(activate(self.reduce(x)), size=skip.shape[-2:], mode="nearest")
        joined: torch.Tensor = self.fuse(activate(self.join(torch.cat([grown, skip], 1))), code)
        return joined
