"""From sample groups to batches: which groups, how varied, is a pure function of (seed, step), whoever takes which rows."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import AugmentParams
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, Cut, GroupRow, GroupSet, Pictures
from swapcore.data.guiding import GuideSource, KnownPoints, Placement
from swapcore.data.occluders import draw_occluder, occlude
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import Affine, in_half_sides, invert
from swapcore.ops.image import Image, resize, to_tensor
from swapcore.progress import progress

Item = TypeVar("Item")
_ROW_STREAM = 2
"""Keeps the random numbers of single rows apart from those of the draw, (seed, 0, step), and of the jitter."""


@dataclass(frozen=True)
class Batch:
    """Sample groups ready for the model, in the order of the draw."""

    source: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    template: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    label: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    is_fake_label: torch.Tensor
    """bool (B,)."""
    source_index: torch.Tensor
    """int64 (B,): the source's place in the sampler's ``sources``."""
    source_embedding: torch.Tensor
    """(B, D), raw."""
    template_embedding: torch.Tensor
    """(B, D), raw."""
    label_view: torch.Tensor
    """(B, 2, 3): a point of the crop that the label's own key points ask for to where it lies in label, both from -1 to 1."""
    guide_flow: torch.Tensor
    """(B, 2, w, w), see ``Guide``; w = 0 where the sampler makes no guides, N = 0 below."""
    guide_visible: torch.Tensor
    """(B, 1, w, w)."""
    known_label: torch.Tensor
    """(B, N, 2): points of known correspondence in the label, -1 to 1 over the crop."""
    known_source: torch.Tensor
    """(B, N, 2): the same in the source."""
    known_visible: torch.Tensor
    """(B, N) in {0, 1}: shown by both."""
    known_hidden: torch.Tensor
    """(B, N) in {0, 1}: shown by the label only."""

    def to(self, device: torch.device, *, channels_last: bool = False) -> "Batch":
        """The same batch on another device, its pictures with pixels before channels in memory if asked for."""
        order = torch.channels_last if channels_last else torch.contiguous_format

        def moved(value: torch.Tensor) -> torch.Tensor:
            return value.to(
                device, non_blocking=True, memory_format=order if value.dim() == 4 else torch.preserve_format
            )

        return self._each(moved)

    def select(self, chosen: slice) -> "Batch":
        """Some of its rows."""
        return self._each(lambda value: value[chosen])

    def pinned(self) -> "Batch":
        """The same batch in memory from which a GPU can copy while it computes."""
        return self._each(torch.Tensor.pin_memory)

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Batch":
        return replace(self, **{name: change(value) for name, value in vars(self).items()})


class ImageStore:
    """Pictures of a groups artifact at one size: kept decoded if all of them fit in memory, else read at each use."""

    def __init__(self, pictures: Pictures, cuts: list[Cut], size_px: int, memory_megabytes: int) -> None:
        self._pictures = pictures
        self._size_px = size_px
        self._kept: dict[Cut, Image] = {}
        if len(cuts) * size_px * size_px * 3 <= memory_megabytes * 1_000_000:
            self._kept = {cut: self._read(cut) for cut in progress(cuts, "decode", len(cuts))}

    def _read(self, cut: Cut) -> Image:
        return resize(self._pictures.image(cut), self._size_px)

    def __getitem__(self, cut: Cut) -> Image:
        """The picture, uint8 (S, S, 3) RGB."""
        kept = self._kept.get(cut)
        return self._read(cut) if kept is None else kept


class GroupSampler:
    """Draws training batches from the accepted groups of the training people."""

    def __init__(
        self,
        groups: GroupSet,
        *,
        size_px: int,
        batch_size: int,
        fake_label_share: float,
        augment: AugmentParams,
        memory_megabytes: int,
        seed: int,
        guide: GuideSource | None = None,
    ) -> None:
        """Read what is small enough, and check that there is something to draw.

        Raises:
            ArtifactError: a kind of group that the share asks for has no accepted row.
        """
        rows = groups.accepted("train")
        self._by_kind = {kind: [row for row in rows if row.kind == kind] for kind in (FAKE_TEMPLATE, FAKE_LABEL)}
        for kind, share in ((FAKE_LABEL, fake_label_share), (FAKE_TEMPLATE, 1.0 - fake_label_share)):
            if share > 0 and not self._by_kind[kind]:
                raise ArtifactError(
                    f"{groups.folder}: no accepted {kind} group of a training person, but train.fake_label_share is "
                    f"{fake_label_share}; make such groups or change the share to {0 if kind == FAKE_LABEL else 1}"
                )
        self._groups = groups
        self._batch_size, self._share = batch_size, fake_label_share
        self._augment, self._seed, self._size_px = augment, seed, size_px
        self._guide = guide
        self._photographs = photographs_of(groups) if augment.other_source else {}
        others = {key for row in rows for key in self._photographs.get(row.source_identity, [])}
        cuts = sorted({cut for row in rows for cut in groups.pictures.cuts(row)} | {Cut(key) for key in others})
        self._images = ImageStore(groups.pictures, cuts, size_px, memory_megabytes)
        self.sources = sorted({row.source for row in rows} | others)
        """Keys of all pictures that serve as a source."""
        self._source_index = {key: index for index, key in enumerate(self.sources)}

    def source_images(self, first: int, last: int) -> torch.Tensor:
        """The unvaried sources first … last - 1, (N, 3, S, S) in [-1, 1]."""
        return to_tensor(np.stack([self._images[Cut(key)] for key in self.sources[first:last]]))

    def batch(self, step: int, share: slice = slice(None)) -> Batch:
        """The batch of a step, or one process's rows of it: all is drawn, so that the rows do not depend on the share."""
        rng = np.random.default_rng([self._seed, 0, step])
        drawn_rows = [self._with_another_source(row, rng) for row in self._draw(rng)]
        drawn = [(row, *self._draw_variations(rng)) for row in drawn_rows][share]
        rows = [row for row, *_ in drawn]
        cut = [(self._groups.pictures.cuts(row), of_source, of_pair) for row, of_source, of_pair in drawn]
        rngs = [np.random.default_rng([self._seed, _ROW_STREAM, step, row]) for row in range(self._batch_size)[share]]
        sources, templates, labels = zip(
            *(self._vary(*each, own) for each, own in zip(cut, rngs, strict=True)), strict=True
        )
        views = [self._label_view(label, of_pair) for (_, _, label), _, of_pair in cut]
        return Batch(
            source=torch.from_numpy(np.stack(sources)),
            template=torch.from_numpy(np.stack(templates)),
            label=torch.from_numpy(np.stack(labels)),
            is_fake_label=torch.tensor([row.kind == FAKE_LABEL for row in rows]),
            source_index=torch.tensor([self._source_index[row.source] for row in rows]),
            source_embedding=torch.from_numpy(np.stack([self._groups.embedding(row.source) for row in rows])),
            template_embedding=torch.from_numpy(np.stack([self._groups.embedding(row.template) for row in rows])),
            label_view=torch.from_numpy(np.stack(views).astype(np.float32)),
            **self._correspondence(cut, rngs),
        )

    def _correspondence(
        self, drawn: list[tuple[tuple[Cut, Cut, Cut], "Variation", "Variation"]], rngs: list[np.random.Generator]
    ) -> dict[str, torch.Tensor]:
        """Guides and points of known correspondence, by their names in Batch."""
        if self._guide is None:
            return _no_correspondence(len(drawn))
        placements = [tuple(_placement(varied, self._size_px) for varied in row[1:]) for row in drawn]
        flow, visible = self._guide.guides(
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
        return {"guide_flow": flow, "guide_visible": visible, **points}

    def _draw(self, rng: np.random.Generator) -> list[GroupRow]:
        """Rows with replacement; the number of fake labels is the share of the batch, its fraction left to chance."""
        num_fake_labels = int(self._share * self._batch_size + rng.random())
        kinds = [FAKE_LABEL] * num_fake_labels + [FAKE_TEMPLATE] * (self._batch_size - num_fake_labels)
        return [self._by_kind[kind][int(rng.integers(len(self._by_kind[kind])))] for kind in kinds]

    def _with_another_source(self, row: GroupRow, rng: np.random.Generator) -> GroupRow:
        """The row with, at times, another photograph of the source's person than the one the teacher chose.

        The teacher takes the photograph nearest in pose and expression, or may have copied them from it; at use the source
        looks as it likes. The label's own photograph never serves, for then copying the source would be right.
        """
        if not self._photographs or rng.random() >= self._augment.other_source:
            return row
        usable = [key for key in self._photographs[row.source_identity] if key != row.label]
        return replace(row, source=usable[int(rng.integers(len(usable)))])

    def _draw_variations(self, rng: np.random.Generator) -> tuple["Variation", "Variation"]:
        """Of the source, and of template and label.

        All three are shifted alike: aligned crops lie on each other at inference too. Mirroring and color are the
        source's own, lest its light be copied with its features.
        """
        of_source, of_pair = (draw_variation(self._augment, self._size_px, rng) for _ in range(2))
        return replace(of_source, shift_px=of_pair.shift_px), of_pair

    def _vary(
        self, cuts: tuple[Cut, Cut, Cut], of_source: "Variation", of_pair: "Variation", rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Source, template and label, float (3, S, S)."""
        source, template, label = (self._images[cut] for cut in cuts)
        if self._augment.occlusion and rng.random() < self._augment.occlusion:
            occluder = draw_occluder(self._size_px, rng)
            template, label = occlude(template, occluder), occlude(label, occluder)
        return vary(source, of_source), vary(template, of_pair), vary(label, of_pair)

    def _label_view(self, label: Cut, of_pair: "Variation") -> Affine:
        """Where the crop that the label's own key points ask for lies in the varied label, in units of half the side."""
        view = in_half_sides(invert(self._groups.pictures.own_alignment(label)), self._groups.size_px)
        if of_pair.flipped:
            view = view * np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]])
        view[:, 2] += 2.0 * np.array(of_pair.shift_px) / self._size_px
        return view


def _placement(variation: "Variation", size_px: int) -> Placement:
    return Placement(variation.flipped, 2.0 * np.array(variation.shift_px) / size_px)


def _no_correspondence(num: int) -> dict[str, torch.Tensor]:
    shapes = {"guide_flow": (2, 0, 0), "guide_visible": (1, 0, 0), "known_label": (0, 2), "known_source": (0, 2)}
    return {
        name: torch.zeros(num, *shape)
        for name, shape in (shapes | {"known_visible": (0,), "known_hidden": (0,)}).items()
    }


def photographs_of(groups: GroupSet) -> dict[str, list[str]]:
    """Keys of the training people's photographs, person by person."""
    photographs = defaultdict(list)
    for row in groups.images.values():
        if row.origin == "real" and row.split == "train":
            photographs[row.identity].append(row.key)
    return photographs


@dataclass(frozen=True)
class Variation:
    """One draw of the augmentation."""

    flipped: bool
    shift_px: tuple[int, int]
    """x, y."""
    gain: npt.NDArray[np.float32]
    """(3,), one for each color channel."""


def draw_variation(params: AugmentParams, size_px: int, rng: np.random.Generator) -> Variation:
    """Draw uniformly within the params' bounds; shifts are whole pixels, so that nothing is blurred."""
    reach = round(params.shift * size_px)
    x, y = rng.integers(-reach, reach, 2, endpoint=True)
    gain = rng.uniform(1 - params.gain, 1 + params.gain, 3).astype(np.float32)
    return Variation(bool(rng.random() < params.flip), (int(x), int(y)), gain)


def vary(image: Image, variation: Variation) -> npt.NDArray[np.float32]:
    """Mirror, shift (edges replicated) and color uint8 (S, S, 3) to float (3, S, S) in [-1, 1]."""
    pixels = image[:, ::-1] if variation.flipped else image
    x, y = variation.shift_px
    columns = np.clip(np.arange(image.shape[1]) - x, 0, image.shape[1] - 1)
    rows = np.clip(np.arange(image.shape[0]) - y, 0, image.shape[0] - 1)
    light = np.minimum(pixels[rows[:, None], columns].astype(np.float32) * variation.gain, 255.0)
    return np.ascontiguousarray((light / np.float32(127.5) - 1.0).transpose(2, 0, 1))


def spread(rows: list[Item], limit: int) -> list[Item]:
    """At most limit items, evenly spaced through the list, in order."""
    if len(rows) <= limit:
        return rows
    return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, limit)]


def prefetch(make: Callable[[int], Item], steps: range, ahead: int = 3, threads: int = 1) -> Iterator[Item]:
    """make(step) for each step, in order, computed up to ``ahead`` steps early by background threads."""
    with ThreadPoolExecutor(threads, "batches") as pool:
        waiting: deque[Future[Item]] = deque()
        upcoming = iter(steps)
        try:
            for step in upcoming:
                waiting.append(pool.submit(make, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
