"""Who is it: frozen face-recognition networks from aligned crop to embedding; the built-in one is dlib's."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from swapcore.faces.align import recogniser_chip
from swapcore.faces.dlib_weights import INPUT_PX, Convolution, DlibWeights
from swapcore.faces.features import FeatureNetwork
from swapcore.ops.geometry import Affine
from swapcore.ops.image import to_tensor
from swapcore.ops.sampling import resample

Embeddings = npt.NDArray[np.float32]
"""Raw face features, (..., D)."""
ChipRule = Callable[[int], Affine]
"""From the side of our crop, in pixels, to the affine (2, 3) that maps points of the crop to points of the chip."""


class Features(NamedTuple):
    """What one pass gives."""

    levels: list[torch.Tensor]
    """Feature maps, early to late; empty for a network that shows none."""
    embedding: torch.Tensor
    """float32 (B, D), raw: centre it by the training people's mean before a cosine."""


class Recogniser(FeatureNetwork):
    """A frozen face-recognition network on our aligned (FFHQ-like) crops of any size."""

    embedding_dim: int
    differentiable = True
    """Whether gradients reach the pixels, as training needs."""
    where: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # An empty tensor that tells the device, also of a network whose weights torch does not see.
        self.register_buffer("where", torch.empty(0), persistent=False)

    def features(self, crops: torch.Tensor) -> Features:
        """Levels and embedding of float (B, 3, S, S) crops in [-1, 1], in one pass."""
        raise NotImplementedError

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Raw embedding, float32 (B, D), of float (B, 3, S, S) crops in [-1, 1]."""
        return self.features(crops).embedding

    def levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """See FeatureNetwork."""
        return self.features(crops).levels

    @torch.no_grad()
    def embed(self, images: npt.NDArray[np.uint8], batch_size: int) -> Embeddings:
        """Raw embeddings, float32 (B, D), of uint8 (B, S, S, 3) crops, computed batch_size at a time."""
        parts = [self._embed_batch(images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
        return np.concatenate([np.zeros((0, self.embedding_dim), np.float32), *parts])

    def _embed_batch(self, images: npt.NDArray[np.uint8]) -> Embeddings:
        return np.asarray(self(to_tensor(images).to(self.where.device)).cpu().numpy(), dtype=np.float32)


def cut_chip(crops: torch.Tensor, chip_of_crop: ChipRule, size_px: int) -> torch.Tensor:
    """The recogniser's own framing, float32 (B, 3, size_px, size_px), of float (B, 3, S, S) crops.

    Crops more than twice as fine as the chip are averaged down first, against aliasing.
    """
    while chip_of_crop(crops.shape[-1])[0, 0] < 0.5:
        crops = F.avg_pool2d(crops, 2)
    return resample(crops, chip_of_crop(crops.shape[-1]), size_px)


class DlibRecogniser(Recogniser):
    """dlib's ResNet: 128 numbers a face, trained by Davis King with a metric loss, public domain.

    Its five levels at the 150 px chip are 32 x 35 x 35, 64 x 17 x 17, 128 x 8 x 8, 256 x 4 x 4 and 256 x 2 x 2. The early ones see
    position and texture, the late ones identity. The affines of the file are folded into the convolutions.
    """

    STAGES = ((32, False, 3), (64, True, 3), (128, True, 2), (256, True, 2), (256, True, 0))
    """Channels, whether it begins by halving, number of plain blocks."""

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
        """See Recogniser."""
        return self.features_of_chips(cut_chip(crops, recogniser_chip, INPUT_PX))

    def features_of_chips(self, chips: torch.Tensor) -> Features:
        """The same from dlib's own framing: float (B, 3, 150, 150) in [-1, 1]."""
        x = ((chips.to(torch.float32) + 1) * 127.5 - self.mean_rgb) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        # In full precision also under autocast: the centred cosine lives on small differences of the embedding.
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
    """The same at half the size; the skip is an average pooling, and the smaller operand is filled up with zeros."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, channels, 3, stride=2)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, W, H, H) to (B, C, about H / 2, about H / 2)."""
        return F.relu(_padded_sum(self.second(F.relu(self.first(x))), F.avg_pool2d(x, 2)))


def _padded_sum(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """dlib's add_prev: zeros at the last channels, at the bottom and at the right make both as large as the larger."""
    channels, height, width = (max(first.shape[i], second.shape[i]) for i in (1, 2, 3))

    def pad(x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))

    return pad(first) + pad(second)


def _fill(layer: nn.Conv2d, source: Convolution) -> None:
    """Give a layer the file's weights, with the affine that follows multiplied in (in double precision)."""
    assert layer.weight.shape == source.weight.shape
    assert (layer.stride[0], layer.padding[0]) == (source.stride, source.padding)
    gamma = source.gamma.astype(np.float64)
    weight = source.weight * gamma[:, None, None, None]
    bias = source.bias * gamma + source.beta
    layer.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))
    layer.bias = nn.Parameter(torch.from_numpy(bias.astype(np.float32)))
