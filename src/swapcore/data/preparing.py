"""Batches of sample groups: uint8 from the sampler, augmented on the device."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import AugmentParams
from swapcore.ops.compose import GUIDE_CHANNELS
from swapcore.ops.draws import below
from swapcore.ops.guide import GuideInputs, GuideMaker
from swapcore.ops.sampling import sample_at, sampling_grid

NUM_DRAWS = 6
"""Uniform numbers of an augmentation."""


class Augmentation(NamedTuple):
    """Augmentations of a batch of images."""

    flipped: torch.Tensor
    """bool (B,)."""
    shift_px: torch.Tensor
    """int64 (B, 2), x then y."""
    gain: torch.Tensor
    """float32 (B, 3), one for each color channel."""


def draw_augmentations(params: AugmentParams, size_px: int, uniforms: npt.NDArray[np.float64]) -> Augmentation:
    """Draw uniformly within the params' bounds; shifts are whole pixels, which avoids blur.

    Args:
        params: bounds.
        size_px: side of the images.
        uniforms: (B, NUM_DRAWS) in [0, 1).
    """
    reach = round(params.shift * size_px)
    shift = below(uniforms[:, 1:3], 2 * reach + 1) - reach
    gain = 1 - params.gain + 2 * params.gain * uniforms[:, 3:6]
    return Augmentation(
        torch.from_numpy(uniforms[:, 0] < params.flip), torch.from_numpy(shift), torch.from_numpy(gain).float()
    )


def augment(images: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Mirror, shift (edges replicated) and multiply colors.

    Args:
        images: uint8 (B, S, S, 3).
        augmentation: of the B images.

    Returns:
        float32 (B, 3, S, S) in [-1, 1].
    """
    size = images.shape[1]
    places = torch.arange(size, device=images.device)
    rows = (places - augmentation.shift_px[:, 1:]).clamp(0, size - 1)
    columns = (places - augmentation.shift_px[:, :1]).clamp(0, size - 1)
    columns = torch.where(augmentation.flipped[:, None], size - 1 - columns, columns)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    pixels = images[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous().float()
    return pixels.mul_(augmentation.gain[:, :, None, None]).clamp_(max=255.0).div_(127.5).sub_(1.0)


def recut(images: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
    """Resample images bicubically; edges are replicated.

    Args:
        images: uint8 (K, S, S, 3).
        views: (K, 2, 3), affine maps from the result to the image, both in [-1, 1].

    Returns:
        uint8 (K, S, S, 3).
    """
    grid = sampling_grid(views, *images.shape[1:3])
    moved = sample_at(images.permute(0, 3, 1, 2).contiguous().float(), grid, cubic=True)
    return moved.clamp_(0, 255).round_().to(torch.uint8).permute(0, 2, 3, 1)


def occlude(images: torch.Tensor, occluders: torch.Tensor) -> torch.Tensor:
    """Blend occluders, uint8 (K, S, S, 4) with opacity in the last channel, over images, uint8 (K, S, S, 3)."""
    color, alpha = occluders[..., :3].float(), occluders[..., 3:].float() / 255
    return (images + alpha * (color - images)).round().to(torch.uint8)


@dataclass(frozen=True)
class _Tensors:
    """A batch of tensors."""

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        """Return the batch with every tensor changed."""
        return replace(self, **{name: _changed(value, change) for name, value in vars(self).items()})


def _changed(value: object, change: Callable[[torch.Tensor], torch.Tensor]) -> object:
    if isinstance(value, dict):
        return {name: change(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return type(value)(*map(change, value))
    return change(value) if isinstance(value, torch.Tensor) else value


@dataclass(frozen=True)
class GroupBatch(_Tensors):
    """Sample groups as tensors, fake labels first."""

    source: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    template: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    label: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    num_fake_labels: int
    """Number of rows with a fake label; in host memory, so that no step waits for the device to know it."""
    source_index: torch.Tensor
    """int64 (B,): number of the source among the sampler's sources."""
    description: torch.Tensor
    """(B, P + D): source conditioning."""
    source_embedding: torch.Tensor
    """(B, D), raw."""
    template_embedding: torch.Tensor
    """(B, D), raw."""
    label_view: torch.Tensor
    """(B, 2, 3): from the crop aligned by the label's own landmarks to the label, both in [-1, 1]; see ``apply_jitter``."""
    guide_flow: torch.Tensor
    """(B, 2, w, w), see ``Guide``; w = 0 if the sampler makes no guides, and N = 0 below."""
    guide_own_flow: torch.Tensor
    """(B, 2, w, w)."""
    guide_visible: torch.Tensor
    """(B, 1, w, w)."""
    guide_kept: torch.Tensor
    """(B, 1, w, w)."""
    guide_skin: torch.Tensor
    """(B, 1, w, w)."""
    guide_eyes: torch.Tensor
    """(B, 1, w, w)."""
    guide_brows: torch.Tensor
    """(B, 1, w, w)."""
    guide_lips: torch.Tensor
    """(B, 1, w, w)."""
    guide_near: torch.Tensor
    """(B, 1, w, w)."""
    known_label: torch.Tensor
    """(B, N, 2): points of known correspondence in the label, in [-1, 1] over the crop."""
    known_source: torch.Tensor
    """(B, N, 2): the same in the source."""
    known_visible: torch.Tensor
    """(B, N) in {0, 1}: visible in both."""
    known_hidden: torch.Tensor
    """(B, N) in {0, 1}: visible in the label only."""

    def to(self, device: torch.device, *, channels_last: bool = False) -> "GroupBatch":
        """Return the batch on another device, its images in channels-last memory format on request."""
        order = torch.channels_last if channels_last else torch.contiguous_format

        def moved(value: torch.Tensor) -> torch.Tensor:
            return value.to(
                device, non_blocking=True, memory_format=order if value.dim() == 4 else torch.preserve_format
            )

        return self.map(moved)

    @property
    def is_fake_label(self) -> torch.Tensor:
        """Which rows have a fake label, bool (B,)."""
        return torch.arange(len(self.label), device=self.label.device) < self.num_fake_labels

    def select(self, rows: slice) -> "GroupBatch":
        """Return some of the rows."""
        return replace(self.map(lambda value: value[rows]), num_fake_labels=len(range(self.num_fake_labels)[rows]))


@dataclass(frozen=True)
class RawBatch(_Tensors):
    """Sample groups before augmentation, in host memory: pixels as stored and what was drawn for them."""

    source: torch.Tensor
    """uint8 (B, S, S, 3)."""
    template: torch.Tensor
    """uint8 (B, S, S, 3)."""
    label: torch.Tensor
    """uint8 (B, S, S, 3)."""
    recut_rows: torch.Tensor
    """int64 (K,): rows whose template and label are resampled."""
    recut_views: torch.Tensor
    """float32 (K, 2, 3), see ``recut``."""
    occluded_rows: torch.Tensor
    """int64 (M,): rows with something drawn over template and label."""
    occluders: torch.Tensor
    """uint8 (M, S, S, 4), see ``occlude``."""
    of_source: Augmentation
    of_pair: Augmentation
    """Of template and label."""
    num_fake_labels: int
    landmarks: GuideInputs | None
    """Of source and template as augmented; None for a generator without guides."""
    others: dict[str, torch.Tensor]
    """All other fields of ``GroupBatch`` except the guides, by name."""

    def pinned(self) -> "RawBatch":
        """Return the batch in pinned memory, which a GPU can copy asynchronously."""
        return self.map(torch.Tensor.pin_memory)

    def prepare(self, device: torch.device, maker: GuideMaker | None = None) -> GroupBatch:
        """Send the batch to a device, augment it and make its guides there, without waiting for the device.

        Args:
            device: of the result.
            maker: makes guides on the device; needed where there are landmarks.
        """
        raw = self.map(lambda value: value.to(device, non_blocking=True))
        return GroupBatch(
            source=augment(raw.source, raw.of_source).contiguous(),
            template=augment(raw._distorted(raw.template), raw.of_pair).contiguous(),
            label=augment(raw._distorted(raw.label), raw.of_pair).contiguous(),
            num_fake_labels=raw.num_fake_labels,
            **raw._guides(maker),
            **raw.others,
        )

    def _guides(self, maker: GuideMaker | None) -> dict[str, torch.Tensor]:
        """Return the guides by their names in GroupBatch; empty ones for a generator without guides."""
        if self.landmarks is None:
            parts = {
                name: self.of_pair.gain.new_zeros(len(self.label), num, 0, 0) for name, num in GUIDE_CHANNELS.items()
            }
        else:
            assert maker is not None
            parts = maker(self.landmarks)._asdict()
        return {f"guide_{name}": part for name, part in parts.items()}

    def _distorted(self, images: torch.Tensor) -> torch.Tensor:
        """Recut and occlude the rows for which it was drawn."""
        if len(self.recut_rows):
            images = images.index_copy(0, self.recut_rows, recut(images[self.recut_rows], self.recut_views))
        if len(self.occluded_rows):
            images = images.index_copy(0, self.occluded_rows, occlude(images[self.occluded_rows], self.occluders))
        return images
