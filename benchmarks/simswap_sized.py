"""Generator of SimSwap's size, from the paper (Chen et al., 2020, sec. 3, fig. 2), for speed comparisons."""

import torch
import torch.nn.functional as F
from torch import nn

from swapcore.models.source import SourceDescription
from swapcore.ops.compose import Swap

IDENTITY_SIZE = 512
NUM_ID_BLOCKS = 9


def layer(in_channels: int, out_channels: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Build convolution (reflect padding), batch normalization and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, stride, size // 2, padding_mode="reflect"),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class IdBlock(nn.Module):
    """Residual block with AdaIN by the source's identity after both convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, 1, 1, padding_mode="reflect") for _ in range(2)
        )
        self.styles = nn.ModuleList(nn.Linear(IDENTITY_SIZE, 2 * channels) for _ in range(2))

    def forward(self, x: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H, W) for x (B, C, H, W) and identity (B, 512)."""
        hidden = F.relu(self._inject(0, x, identity))
        return x + self._inject(1, hidden, identity)

    def _inject(self, which: int, x: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        mean, deviation = self.styles[which](identity)[:, :, None, None].chunk(2, 1)
        return F.instance_norm(self.convolutions[which](x)) * (deviation + 1.0) + mean


class SimSwapSized(nn.Module):
    """Encoder of the template, nine ID blocks with 512 channels at 1/8 of the resolution, decoder."""

    def __init__(self, *, embedding_size: int, pooled_size: int) -> None:
        super().__init__()
        self.description = SourceDescription(embedding_size, pooled_size)
        self.identity = nn.Linear(self.description.size, IDENTITY_SIZE)
        self.encode = nn.Sequential(layer(3, 64, 7), layer(64, 128, 3, 2), layer(128, 256, 3, 2), layer(256, 512, 3, 2))
        self.blocks = nn.ModuleList(IdBlock(512) for _ in range(NUM_ID_BLOCKS))
        self.decode = nn.ModuleList([layer(512, 256), layer(256, 128), layer(128, 64)])
        self.output = nn.Conv2d(64, 3, 7, 1, 3, padding_mode="reflect")

    def forward(
        self, _source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, _guide: object = None
    ) -> Swap:
        """Swap as Generator.forward does. There is no mask, and the source is used through its identity only."""
        identity = F.normalize(self.identity(description))
        x = self.encode(template)
        for block in self.blocks:
            x = block(x, identity)
        for grow in self.decode:
            x = grow(F.interpolate(x, scale_factor=2, mode="bilinear"))
        image = torch.tanh(self.output(x)).float()
        return Swap(image, image, torch.ones_like(image[:, :1]))
