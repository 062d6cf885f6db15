"""Frozen feature networks: the base class, and torchvision's VGG16 and AlexNet."""

import copy
from pathlib import Path
from typing import Literal, Self

import torch
from torch import nn

from swapcore.errors import ArtifactError, first_line

LEVELS = {"vgg16": (3, 8, 15, 22, 29), "alexnet": (1, 4, 7, 9, 11)}
"""Indices, in torchvision's ``features``, of the ReLUs whose outputs are the levels: for VGG16 the last of each of the
five blocks before its pooling (relu1_2, 2_2, 3_3, 4_3, 5_3), for AlexNet all five, as in Zhang et al., "The Unreasonable
Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class FrozenNetwork(nn.Module):
    """A network without trainable parameters that stays in evaluation mode."""

    def freeze(self) -> Self:
        """Disable the gradients of all parameters; gradients still flow to the input."""
        return self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002  # the signature is torch's
        """Stay in evaluation mode even if the parent module is set to training."""
        return super().train(False)

    def kept_in(self, dtype: torch.dtype) -> Self:
        """Return a copy for use under autocast to dtype, with its convolution weights already converted.

        Autocast caches converted weights only if they require gradients. The results are bit-identical.
        """
        kept = copy.deepcopy(self)
        for module in kept.modules():
            if isinstance(module, nn.Conv2d):
                module.to(dtype)
        return kept


class FeatureNetwork(FrozenNetwork):
    """A frozen network whose feature maps measure the perceptual distance of two aligned crops."""

    def levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps of float (B, 3, S, S) crops in [-1, 1], early to late, each (B, C_i, H_i, W_i)."""
        raise NotImplementedError


class TorchvisionFeatures(FeatureNetwork):
    """The convolutions of VGG16 or AlexNet on the whole crop, with ImageNet color normalization."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, kind: Literal["vgg16", "alexnet"], path: Path) -> None:
        """Load weights from a state_dict file as published by torchvision.

        Raises:
            ArtifactError: the file is not a state_dict of this network.
        """
        super().__init__()
        from swapcore.ops.vision import models  # slow import that dlib's network does not need

        with torch.device("meta"):
            layers = getattr(models, kind)(weights=None).features
        layers.load_state_dict(_state_of_features(kind, path, layers), assign=True)
        last = LEVELS[kind][-1]
        self.layers = nn.ModuleList(list(layers)[: last + 1])
        self._taken = frozenset(LEVELS[kind])
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.freeze()

    def levels(self, crops: torch.Tensor) -> list[torch.Tensor]:
        """See FeatureNetwork. Five levels, each half the size of the previous one; crops need at least 64 px."""
        x = ((crops.to(torch.float32) + 1) / 2 - self.mean) / self.std
        taken = []
        for position, layer in enumerate(self.layers):
            x = layer(x)
            if position in self._taken:
                taken.append(x)
        return taken


def _state_of_features(kind: str, path: Path, layers: nn.Module) -> dict[str, torch.Tensor]:
    """Return the ``features`` part of a state_dict after comparing its shapes with the layers."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = {name.removeprefix("features."): state[name] for name in state if name.startswith("features.")}
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    except Exception as error:  # torch.load raises a dozen kinds for a damaged file
        raise ArtifactError(f"{path}: cannot be read as the state_dict of {kind}: {first_line(error)}") from None
    if shapes != {name: tuple(tensor.shape) for name, tensor in layers.state_dict().items()}:
        raise ArtifactError(f"{path}: tensor shapes differ from torchvision's {kind}; use its published state_dict")
    return {name: tensor.to(torch.float32) for name, tensor in found.items()}
