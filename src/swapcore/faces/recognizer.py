"""Frozen face recognizers, from aligned crop to embedding; dlib's is built in."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from swapcore.faces.align import recognizer_chip
from swapcore.faces.dlib_weights import INPUT_PX, Convolution, DlibWeights
from swapcore.faces.features import FeatureNetwork
from swapcore.ops.geometry import Affine
from swapcore.ops.image import to_tensor
from swapcore.ops.sampling import View, sample_view, view_of

Embeddings = npt.NDArray[np.float32]
"""Raw face features, (..., D)."""
ChipRule = Callable[[int, int], Affine]
"""Sides of the crop and of the recognizer's input (the chip), in pixels -> affine (2, 3) from crop to chip."""


class Features(NamedTuple):
    """Output of one forward pass."""

    levels: list[torch.Tensor]
    """Feature maps, early to late; empty for a network that returns none."""
    embedding: torch.Tensor
    """float32 (B, D), raw: subtract the training set's mean before computing a cosine."""


class Recognizer(FeatureNetwork):
    """A frozen face-recognition network for aligned (FFHQ-like) crops of any size."""

    embedding_dim: int
    differentiable = True
    """Whether gradients flow to the pixels, as training needs."""
    device_marker: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # An empty tensor that carries the device, also for a network whose weights are not torch tensors.
        self.register_buffer("device_marker", torch.empty(0), persistent=False)

    def cut_chip(self, crops: torch.Tensor, chip_of_crop: ChipRule, chip_px: int) -> torch.Tensor:
        """Resample crops to the network's framing by its rule, see ``crop_chip``."""
        return crop_chip(crops, cached_view(chip_of_crop, crops.shape[-1], chip_px), chip_px)

    def features(self, crops: torch.Tensor) -> Features:
        """Return levels and embedding of float (B, 3, S, S) crops in [-1, 1] from one forward pass."""
        raise NotImplementedError

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the raw embedding, float32 (B, D), of float (B, 3, S, S) crops in [-1, 1]."""
        return self.features(crops).embedding

    def levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """See FeatureNetwork."""
        return self.features(crops).levels

    @torch.no_grad()
    def embed(self, images: npt.NDArray[np.uint8], batch_size: int) -> Embeddings:
        """Return raw embeddings, float32 (B, D), of uint8 (B, S, S, 3) crops, computed batch_size at a time."""
        parts = [self._embed_batch(images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
        return np.concatenate([np.zeros((0, self.embedding_dim), np.float32), *parts])

    def _embed_batch(self, images: npt.NDArray[np.uint8]) -> Embeddings:
        return np.asarray(self(to_tensor(images).to(self.device_marker.device)).cpu().numpy(), dtype=np.float32)


class ChipView(NamedTuple):
    """How a chip is cut from crops of one size."""

    num_halvings: int
    """Of the crop before it is sampled. Crops of more than twice the chip's resolution are averaged down, against aliasing."""
    view: View


def chip_view(chip_of_crop: ChipRule, crop_px: int, chip_px: int) -> ChipView:
    """Return how a chip is cut from crops of crop_px."""
    num_halvings = 0
    while chip_of_crop(crop_px, chip_px)[0, 0] < 0.5:
        crop_px, num_halvings = crop_px // 2, num_halvings + 1
    return ChipView(num_halvings, view_of(chip_of_crop(crop_px, chip_px), crop_px, crop_px, chip_px))


_cached_view = functools.lru_cache(maxsize=256)(chip_view)


def cached_view(chip_of_crop: ChipRule, crop_px: int, chip_px: int) -> ChipView:
    """The same, computed once; a compiled graph contains its numbers instead of the numpy code, which cannot be compiled."""
    return _cached_view(chip_of_crop, crop_px, chip_px)


# torch.compiler.assume_constant_result sets the same, but imports the compiler, which takes a second in every command.
setattr(cached_view, "_dynamo_marked_constant", True)  # noqa: B010


def crop_chip(crops: torch.Tensor, how: ChipView, chip_px: int) -> torch.Tensor:
    """Resample float (B, 3, S, S) crops to the recognizer's framing, float32 (B, 3, chip_px, chip_px)."""
    for _ in range(how.num_halvings):
        crops = F.avg_pool2d(crops, 2)
    return sample_view(crops, how.view, chip_px)


def dlib_chip(crop_px: int, chip_px: int) -> Affine:
    """Return the framing of dlib's recognizer, whose input has one size."""
    assert chip_px == INPUT_PX
    return recognizer_chip(crop_px)


class DlibRecognizer(Recognizer):
    """dlib's ResNet: 128-dimensional embeddings, trained by Davis King with a metric loss, public domain.

    Its five levels for the 150 px chip are 32 x 35 x 35, 64 x 17 x 17, 128 x 8 x 8, 256 x 4 x 4 and 256 x 2 x 2. Early
    levels respond to position and texture, late ones to identity. The file's affine layers are folded into the
    convolutions.
    """

    STAGES = ((32, False, 3), (64, True, 3), (128, True, 2), (256, True, 2), (256, True, 0))
    """Channels, whether the stage starts with a halving block, number of plain blocks."""

    mean_rgb: torch.Tensor

    def __init__(self, weights: DlibWeights) -> None:
        super().__init__()
        with torch.device("meta"):
            self._build()
        self.embedding_dim = weights.projection.shape[0]
        self.register_buffer("mean_rgb", torch.tensor(weights.mean_rgb).view(1, 3, 1, 1))
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        for layer, convolution in zip(layers, weights.convolutions, strict=True):
            _fill(layer, convolution)
        self.projection.weight = nn.Parameter(torch.from_numpy(weights.projection))
        self.freeze()

    def _build(self) -> None:
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        stages, width = [], 32
        for channels, halves, num_plain in self.STAGES:
            first = [HalvingBlock(width, channels)] if halves else []
            stages.append(nn.Sequential(*first, *(PlainBlock(channels) for _ in range(num_plain))))
            width = channels
        self.stages = nn.ModuleList(stages)
        self.projection = nn.Linear(256, 128, bias=False)

    def features(self, crops: torch.Tensor) -> Features:
        """See Recognizer."""
        return self.features_of_chips(self.cut_chip(crops, dlib_chip, INPUT_PX))

    def features_of_chips(self, chips: torch.Tensor) -> Features:
        """Return levels and embedding of float (B, 3, 150, 150) chips in [-1, 1]."""
        x = ((chips.to(torch.float32) + 1) * 127.5 - self.mean_rgb) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        # Full precision also under autocast: the centered cosine depends on small differences of the embedding.
        pooled = x.to(torch.float32).mean((2, 3))
        with torch.autocast(x.device.type, enabled=False):
            return Features(levels, self.projection(pooled))


class PlainBlock(nn.Module):
    """Two 3x3 convolutions and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        return F.relu(self.second(F.relu(self.first(x))) + x)


class HalvingBlock(nn.Module):
    """A plain block with stride 2; the skip is average-pooled, and the smaller operand is zero-padded."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, channels, 3, stride=2)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, W, H, H) to (B, C, about H / 2, about H / 2)."""
        return F.relu(_padded_sum(self.second(F.relu(self.first(x))), F.avg_pool2d(x, 2)))


def _padded_sum(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Add two tensors after zero-padding to the larger shape (dlib's add_prev): last channels, bottom, right."""
    channels, height, width = (max(first.shape[i], second.shape[i]) for i in (1, 2, 3))

    def pad(x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))

    return pad(first) + pad(second)


def _fill(layer: nn.Conv2d, source: Convolution) -> None:
    """Set a layer's weights from the file, with the following affine folded in (in double precision)."""
    assert layer.weight.shape == source.weight.shape
    assert (layer.stride[0], layer.padding[0]) == (source.stride, source.padding)
    gamma = source.gamma.astype(np.float64)
    weight = source.weight * gamma[:, None, None, None]
    bias = source.bias * gamma + source.beta
    layer.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))
    layer.bias = nn.Parameter(torch.from_numpy(bias.astype(np.float32)))
