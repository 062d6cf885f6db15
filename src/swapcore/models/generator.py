"""Generator: encoder, statistics fusion, decoder, composition over the template."""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from swapcore.config import ModelParams
from swapcore.models.blocks import FusionBlock, ResidualBlock, UpBlock, activate, convolution, dense
from swapcore.models.source import SourceDescription
from swapcore.ops.compose import Guide, Swap
from swapcore.ops.sampling import at_least_float32, full_precision, identity_grid, sample_at

CODE_SIZE = 128
MAX_DISPLACEMENT = 0.15
"""Share of the window's side; landmarks of aligned faces differ by less."""
_HIDDEN_SIZE = 256
_MAX_WIDENING = 8
_RAMP = 1 / 16
"""Share of the window's side over which the mask fades out at the window's edges inside the crop."""


class Window(NamedTuple):
    """Square at the bottom center of a crop, which contains an aligned face from forehead to chin; in pixels."""

    top: int
    left: int
    side: int

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Crop (B, C, S, S) to the window, (B, C, side, side)."""
        return images[:, :, self.top : self.top + self.side, self.left : self.left + self.side]

    def put(self, inside: torch.Tensor, size: int) -> torch.Tensor:
        """Pad (B, C, side, side) with zeros to crops (B, C, size, size)."""
        right, bottom = size - self.left - self.side, size - self.top - self.side
        return F.pad(inside, (self.left, right, self.top, bottom))

    def extend(self, inside: torch.Tensor, size: int) -> torch.Tensor:
        """(B, C, side, side) in crops whose border repeats the square's edge, (B, C, size, size)."""
        right, bottom = size - self.left - self.side, size - self.top - self.side
        return F.pad(inside, (self.left, right, self.top, bottom), mode="replicate")

    def opening(self, like: torch.Tensor) -> torch.Tensor:
        """Return weights (1, 1, side, side): 1, fading to 0 at edges inside the crop (left, right and top)."""
        if self.top == 0:
            return like.new_ones(1, 1, self.side, self.side)
        steps = (torch.arange(self.side, dtype=like.dtype, device=like.device) + 0.5) / (_RAMP * self.side)
        rising = steps.clamp(max=1.0)
        return (rising[:, None] * torch.minimum(rising, rising.flip(0)))[None, None]


def window_of(size: int, share: float, multiple: int) -> Window:
    """Return the window of a crop.

    Args:
        size: side of the crop, pixels.
        share: of the crop's side.
        multiple: the window's side is rounded up to a multiple of it, as downsampling needs.
    """
    side = min(size, multiple * math.ceil(share * size / multiple))
    return Window(size - side, (size - side) // 2, side)


def initial_subpixels(convolution_: nn.Conv2d, factor: int) -> None:
    """Initialize the factor² sub-pixels of each output channel with equal weights, to avoid checkerboard artifacts.

    ICNR: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
    """
    with torch.no_grad():
        kernel = convolution_.weight[:: factor**2].clone()
        convolution_.weight.copy_(kernel.repeat_interleave(factor**2, 0))


def displace(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Warp images by a coarse flow, interpolated to their size; edges are replicated.

    Args:
        image: (B, 3, S, S).
        flow: (B, 2, h, w), x then y, from an output pixel to its origin. tanh limits it to MAX_DISPLACEMENT of the side.

    Returns:
        (B, 3, S, S).
    """
    size = image.shape[-1]
    with full_precision(image):
        flow = at_least_float32(flow)
        reach = 2.0 * MAX_DISPLACEMENT * torch.tanh(F.interpolate(flow, size=(size, size), mode="bilinear"))
        return sample_at(image, identity_grid(flow, size) + reach.permute(0, 2, 3, 1))


class Backbone(nn.Module):
    """Encoder, fusion by statistics and decoder (claims 7 to 9), shared by the generators."""

    def __init__(self, params: ModelParams, *, num_channels: int, embedding_size: int, pooled_size: int) -> None:
        """Build an untrained backbone.

        Args:
            params: widths and depths.
            num_channels: channels of the spliced input.
            embedding_size: D, length of the recognizer's embedding.
            pooled_size: P, length of its pooled levels (``source.pool_levels``).
        """
        super().__init__()
        self.unshuffle = params.unshuffle
        self.window = params.window
        self.multiple = params.unshuffle * 2**params.num_levels
        self.description = SourceDescription(embedding_size, pooled_size)
        widths = [params.width * min(2**level, _MAX_WIDENING) for level in range(params.num_levels + 1)]
        self.code = nn.Sequential(
            dense(self.description.size, _HIDDEN_SIZE),
            nn.LeakyReLU(0.1),
            dense(_HIDDEN_SIZE, CODE_SIZE),
            nn.LeakyReLU(0.1),
        )
        self.stem = convolution(num_channels * self.unshuffle**2, widths[0])
        self.encode = nn.ModuleList(ResidualBlock(width) for width in widths[:-1])
        self.shrink = nn.ModuleList(convolution(narrow, wide, 2) for narrow, wide in pairwise(widths))
        self.fuse = nn.ModuleList(FusionBlock(widths[-1], CODE_SIZE) for _ in range(params.num_fusion_blocks))
        self.grow = nn.ModuleList(UpBlock(wide, narrow, CODE_SIZE) for wide, narrow in pairwise(widths[::-1]))
        self.coarse_width = widths[-2]

    def decode(self, spliced: torch.Tensor, description: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode, fuse and decode a spliced window.

        Args:
            spliced: (B, num_channels, W, W).
            description: (B, P + D) of the source.

        Returns:
            The decoder's first map, (B, coarse_width, h, h), and its last, (B, width, W / unshuffle, W / unshuffle).
        """
        code = self.code(description)
        maps = [activate(self.stem(F.pixel_unshuffle(spliced, self.unshuffle)))]
        for encode, shrink in zip(self.encode, self.shrink, strict=True):
            maps[-1] = encode(maps[-1])
            maps.append(activate(shrink(maps[-1])))
        x = maps.pop()
        for block in self.fuse:
            x = block(x, code)
        decoded = []
        for grow in self.grow:
            x = grow(x, maps.pop(), code)
            decoded.append(x)
        return decoded[0], decoded[-1]


class Generator(Backbone):
    """Gives the template the source's identity by predicting pixels."""

    def __init__(self, params: ModelParams, *, embedding_size: int, pooled_size: int) -> None:
        """Build an untrained generator; arguments as for ``Backbone``."""
        super().__init__(params, num_channels=6, embedding_size=embedding_size, pooled_size=pooled_size)
        self.moves = (params.copies_source, params.moves_template)
        self.flow = convolution(self.coarse_width, 2 * sum(self.moves), gain=0.1) if any(self.moves) else None
        self.refine = ResidualBlock(params.width)
        self.output = convolution(params.width, (4 + sum(self.moves)) * self.unshuffle**2, gain=0.3)
        initial_subpixels(self.output, self.unshuffle)

    def forward(
        self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, guide: Guide | None = None
    ) -> Swap:
        """Swap a batch.

        Args:
            source: (B, 3, S, S) in [-1, 1], S a multiple of 16.
            template: (B, 3, S, S) in [-1, 1].
            description: (B, P + D), source conditioning of ``self.description.describe``.
            guide: not used by this generator.
        """
        del guide
        size = template.shape[-1]
        window = window_of(size, self.window, self.multiple)
        seen = window.cut(template)
        painted, mask = self._paint(window.cut(source), seen, description)
        mask = window.put(mask * window.opening(mask), size)
        raw = template + window.put(painted - seen, size)
        return Swap(mask * raw + (1.0 - mask) * template, raw, mask)

    def _paint(
        self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute raw image (B, 3, W, W) and mask (B, 1, W, W) from source and template inside the window."""
        coarse, x = self.decode(torch.cat([source, template], 1), description)
        moved = self._move(coarse, source, template)
        return self._mix(self.output(activate(self.refine(x))), moved)

    def _move(self, x: torch.Tensor, source: torch.Tensor, template: torch.Tensor) -> list[torch.Tensor]:
        """Warp source and template, as far as params enable it, each by its own flow, (B, 3, W, W)."""
        if self.flow is None:
            return []
        images = [image for image, moves in zip((source, template), self.moves, strict=True) if moves]
        flows = self.flow(x).float().split(2, 1)
        return [displace(image, flow) for image, flow in zip(images, flows, strict=True)]

    def _mix(self, x: torch.Tensor, moved: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Shuffle channels to pixels and blend the decoder's image with the warped images: raw image and mask."""
        unfolded = F.pixel_shuffle(x, self.unshuffle).float()
        raw, mask = torch.tanh(unfolded[:, :3]), torch.sigmoid(unfolded[:, 3:4])
        if moved:
            images = torch.stack([raw, *moved], 1)
            shares = torch.softmax(F.pad(unfolded[:, 4:], (0, 0, 0, 0, 1, 0)), 1)
            raw = (shares[:, :, None] * images).sum(1)
        return raw, mask
