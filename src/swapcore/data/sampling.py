"""Batches of augmented sample groups, a pure function of seed and step."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import AugmentParams, SamplingParams
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, CropRef, GroupCrops, GroupRow, GroupSet
from swapcore.data.guiding import GuideSource, KnownPoints, Placement
from swapcore.data.occluders import draw_occluder, occlude
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import Affine, in_half_sides, invert
from swapcore.ops.image import Image, resize, to_tensor
from swapcore.progress import progress

Item = TypeVar("Item")
_ROW_STREAM = 2
"""Separates the random numbers of single rows from those of the draw, (seed, 0, step), and of the jitter."""


@dataclass(frozen=True)
class GroupBatch:
    """Sample groups as tensors, fake labels first."""

    source: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    template: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    label: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    is_fake_label: torch.Tensor
    """bool (B,)."""
    source_index: torch.Tensor
    """int64 (B,): index of the source in ``GroupSampler.sources``."""
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

        return self._map(moved)

    def select(self, rows: slice) -> "GroupBatch":
        """Return some of the rows."""
        return self._map(lambda value: value[rows])

    def pinned(self) -> "GroupBatch":
        """Return the batch in pinned memory, which a GPU can copy asynchronously."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "GroupBatch":
        return replace(self, **{name: change(value) for name, value in vars(self).items()})


class ImageStore:
    """Images of a groups artifact at one size: cached if all of them fit in memory, else decoded at each use."""

    def __init__(self, crops: GroupCrops, refs: list[CropRef], size_px: int, memory_megabytes: int) -> None:
        self._crops = crops
        self._size_px = size_px
        self._cache: dict[CropRef, Image] = {}
        if len(refs) * size_px * size_px * 3 <= memory_megabytes * 1_000_000:
            self._cache = {ref: self._read(ref) for ref in progress(refs, "decode", len(refs))}

    def _read(self, ref: CropRef) -> Image:
        return resize(self._crops.image(ref), self._size_px)

    def __getitem__(self, ref: CropRef) -> Image:
        """Return an image, uint8 (S, S, 3) RGB."""
        cached = self._cache.get(ref)
        return self._read(ref) if cached is None else cached


class GroupSampler:
    """Draws training batches from the accepted groups of the training people."""

    def __init__(
        self,
        groups: GroupSet,
        params: SamplingParams,
        *,
        size_px: int,
        batch_size: int,
        seed: int,
        guide: GuideSource | None = None,
    ) -> None:
        """Cache the images if they fit in memory.

        Args:
            groups: the groups artifact.
            params: share of fake labels, augmentation, size of the cache.
            size_px: size of the images of a batch.
            batch_size: of a step, over all processes.
            seed: of all draws.
            guide: makes guides and known correspondence; None for a generator that needs none.

        Raises:
            ArtifactError: the share needs a kind of group of which there is no accepted row.
        """
        rows = groups.accepted("train")
        self._by_kind = {kind: [row for row in rows if row.kind == kind] for kind in (FAKE_TEMPLATE, FAKE_LABEL)}
        for kind, share in ((FAKE_LABEL, params.fake_label_share), (FAKE_TEMPLATE, 1.0 - params.fake_label_share)):
            if share > 0 and not self._by_kind[kind]:
                raise ArtifactError(
                    f"{groups.folder}: no accepted {kind} group of a training person, but train.sampling.fake_label_share is "
                    f"{params.fake_label_share}; make such groups or change the share to {0 if kind == FAKE_LABEL else 1}"
                )
        self._groups = groups
        self._batch_size, self._fake_label_share = batch_size, params.fake_label_share
        self._augment, self._seed, self._size_px = params.augment, seed, size_px
        self._guide = guide
        self._photographs = photographs_of(groups) if params.augment.other_source else {}
        others = {key for row in rows for key in self._photographs.get(row.source_identity, [])}
        refs = sorted({ref for row in rows for ref in groups.crops.refs(row)} | {CropRef(key) for key in others})
        self._images = ImageStore(groups.crops, refs, size_px, params.memory_megabytes)
        self.sources = sorted({row.source for row in rows} | others)
        """Keys of all images that can be a source."""
        self._source_index = {key: index for index, key in enumerate(self.sources)}

    def source_images(self, first: int, last: int) -> torch.Tensor:
        """Return sources first to last - 1 without augmentation, (N, 3, S, S) in [-1, 1]."""
        return to_tensor(np.stack([self._images[CropRef(key)] for key in self.sources[first:last]]))

    def batch(self, step: int, share: slice = slice(None)) -> GroupBatch:
        """Return the batch of a step, or one process's share of it.

        Random numbers are drawn for the whole batch, so that a row does not depend on the number of processes.
        """
        rng = np.random.default_rng([self._seed, 0, step])
        drawn_rows = [self._with_another_source(row, rng) for row in self._draw(rng)]
        drawn = [(row, *self._draw_augmentations(rng)) for row in drawn_rows][share]
        rows = [row for row, *_ in drawn]
        crops = [(self._groups.crops.refs(row), of_source, of_pair) for row, of_source, of_pair in drawn]
        rngs = [np.random.default_rng([self._seed, _ROW_STREAM, step, row]) for row in range(self._batch_size)[share]]
        sources, templates, labels = zip(
            *(self._augmented(*each, rng) for each, rng in zip(crops, rngs, strict=True)), strict=True
        )
        views = [self._label_view(label, of_pair) for (_, _, label), _, of_pair in crops]
        return GroupBatch(
            source=torch.from_numpy(np.stack(sources)),
            template=torch.from_numpy(np.stack(templates)),
            label=torch.from_numpy(np.stack(labels)),
            is_fake_label=torch.tensor([row.kind == FAKE_LABEL for row in rows]),
            source_index=torch.tensor([self._source_index[row.source] for row in rows]),
            source_embedding=torch.from_numpy(np.stack([self._groups.embedding(row.source) for row in rows])),
            template_embedding=torch.from_numpy(np.stack([self._groups.embedding(row.template) for row in rows])),
            label_view=torch.from_numpy(np.stack(views).astype(np.float32)),
            **self._correspondence(crops, rngs),
        )

    def _correspondence(
        self,
        drawn: list[tuple[tuple[CropRef, CropRef, CropRef], "Augmentation", "Augmentation"]],
        rngs: list[np.random.Generator],
    ) -> dict[str, torch.Tensor]:
        """Return guides and points of known correspondence, by their names in GroupBatch."""
        if self._guide is None:
            return _no_correspondence(len(drawn))
        placements = [tuple(_placement(each, self._size_px) for each in row[1:]) for row in drawn]
        guide = self._guide.guides(
            [
                (source, first, template, second)
                for ((source, template, _), *_), (first, second) in zip(drawn, placements, strict=True)
            ]
        )
        known = [
            self._guide.known(source, first, label, second, rng)
            for ((source, _, label), *_), (first, second), rng in zip(drawn, placements, rngs, strict=True)
        ]
        points = {
            f"known_{name}": torch.from_numpy(np.stack([getattr(each, name) for each in known]))
            for name in KnownPoints._fields
        }
        return {f"guide_{name}": part for name, part in guide._asdict().items()} | points

    def _draw(self, rng: np.random.Generator) -> list[GroupRow]:
        """Draw rows with replacement; the number of fake labels is the share of the batch, its fraction rounded at random."""
        num_fake_labels = int(self._fake_label_share * self._batch_size + rng.random())
        kinds = [FAKE_LABEL] * num_fake_labels + [FAKE_TEMPLATE] * (self._batch_size - num_fake_labels)
        return [self._by_kind[kind][int(rng.integers(len(self._by_kind[kind])))] for kind in kinds]

    def _with_another_source(self, row: GroupRow, rng: np.random.Generator) -> GroupRow:
        """Replace the source by another photograph of the same person, with the probability of augment.other_source.

        The teacher uses the photograph that is closest in pose and expression, or copies pose and expression from it. At
        inference a source has any pose. The label itself is never drawn, since then copying the source would be right.
        """
        if not self._photographs or rng.random() >= self._augment.other_source:
            return row
        usable = [key for key in self._photographs[row.source_identity] if key != row.label]
        return replace(row, source=usable[int(rng.integers(len(usable)))])

    def _draw_augmentations(self, rng: np.random.Generator) -> tuple["Augmentation", "Augmentation"]:
        """Draw one augmentation for the source, and one for template and label.

        The shift is common to all three, since aligned crops coincide at inference too. Mirroring and color gain differ, so that
        the model does not learn to copy the source's light.
        """
        of_source, of_pair = (draw_augmentation(self._augment, self._size_px, rng) for _ in range(2))
        return replace(of_source, shift_px=of_pair.shift_px), of_pair

    def _augmented(
        self,
        refs: tuple[CropRef, CropRef, CropRef],
        of_source: "Augmentation",
        of_pair: "Augmentation",
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Return source, template and label, float (3, S, S)."""
        source, template, label = (self._images[ref] for ref in refs)
        if self._augment.occlusion and rng.random() < self._augment.occlusion:
            occluder = draw_occluder(self._size_px, rng)
            template, label = occlude(template, occluder), occlude(label, occluder)
        return augment(source, of_source), augment(template, of_pair), augment(label, of_pair)

    def _label_view(self, label: CropRef, of_pair: "Augmentation") -> Affine:
        """Map the crop aligned by the label's own landmarks to the augmented label, in units of half the side."""
        view = in_half_sides(invert(self._groups.crops.own_alignment(label)), self._groups.size_px)
        if of_pair.flipped:
            view = view * np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]])
        view[:, 2] += 2.0 * np.array(of_pair.shift_px) / self._size_px
        return view


def _placement(augmentation: "Augmentation", size_px: int) -> Placement:
    return Placement(augmentation.flipped, 2.0 * np.array(augmentation.shift_px) / size_px)


def _no_correspondence(num: int) -> dict[str, torch.Tensor]:
    channels = {"guide_flow": 2, "guide_own_flow": 2, "guide_visible": 1, "guide_near": 1}
    shapes: dict[str, tuple[int, ...]] = {name: (number, 0, 0) for name, number in channels.items()}
    shapes |= {"known_label": (0, 2), "known_source": (0, 2), "known_visible": (0,), "known_hidden": (0,)}
    return {name: torch.zeros(num, *shape) for name, shape in shapes.items()}


def photographs_of(groups: GroupSet) -> dict[str, list[str]]:
    """Return person -> keys of real images, for the training people."""
    photographs = defaultdict(list)
    for row in groups.images.values():
        if row.origin == "real" and row.split == "train":
            photographs[row.identity].append(row.key)
    return photographs


@dataclass(frozen=True)
class Augmentation:
    """One draw of the augmentation of an image."""

    flipped: bool
    shift_px: tuple[int, int]
    """x, y."""
    gain: npt.NDArray[np.float32]
    """(3,), one for each color channel."""


def draw_augmentation(params: AugmentParams, size_px: int, rng: np.random.Generator) -> Augmentation:
    """Draw uniformly within the params' bounds; shifts are whole pixels, which avoids blur."""
    reach = round(params.shift * size_px)
    x, y = rng.integers(-reach, reach, 2, endpoint=True)
    gain = rng.uniform(1 - params.gain, 1 + params.gain, 3).astype(np.float32)
    return Augmentation(bool(rng.random() < params.flip), (int(x), int(y)), gain)


def augment(image: Image, augmentation: Augmentation) -> npt.NDArray[np.float32]:
    """Mirror, shift (edges replicated) and multiply colors: uint8 (S, S, 3) to float (3, S, S) in [-1, 1]."""
    pixels = image[:, ::-1] if augmentation.flipped else image
    x, y = augmentation.shift_px
    columns = np.clip(np.arange(image.shape[1]) - x, 0, image.shape[1] - 1)
    rows = np.clip(np.arange(image.shape[0]) - y, 0, image.shape[0] - 1)
    light = np.minimum(pixels[rows[:, None], columns].astype(np.float32) * augmentation.gain, 255.0)
    return np.ascontiguousarray((light / np.float32(127.5) - 1.0).transpose(2, 0, 1))


def spread(rows: list[Item], limit: int) -> list[Item]:
    """Return at most limit items, evenly spaced over the list, in order."""
    if len(rows) <= limit:
        return rows
    return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, limit)]


def prefetch(make: Callable[[int], Item], steps: range, ahead: int = 3, threads: int = 1) -> Iterator[Item]:
    """Yield make(step) for each step, in order, computed in background threads.

    Args:
        make: called once for each step, possibly by several threads at once.
        steps: the steps.
        ahead: largest number of results that wait.
        threads: number of threads.
    """
    with ThreadPoolExecutor(threads, "batches") as pool:
        waiting: deque[Future[Item]] = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(make, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
