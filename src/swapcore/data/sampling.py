"""Batches of augmented sample groups, a pure function of seed and step."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import SamplingParams
from swapcore.data.artifact import artifact_digest
from swapcore.data.crop_store import CropStore
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupSet
from swapcore.data.guiding import GuideSource, Shown
from swapcore.data.occluders import draw_occluder
from swapcore.data.preparing import NUM_DRAWS, Augmentation, GroupBatch, RawBatch, draw_augmentations
from swapcore.errors import ArtifactError
from swapcore.ops.draws import below, uniform
from swapcore.ops.guide import GuideInputs
from swapcore.ops.image import to_tensor

Item = TypeVar("Item")
_DRAW_STREAM = 0
"""Of the random numbers from which groups and augmentations are drawn."""
_ROW_STREAM = 2
"""Of the generators of single rows: occluders and known points."""
_NUM_DRAWS = 4 + 2 * NUM_DRAWS
"""Uniform numbers of a row: group, whether another source, which, occlusion, augmentations of pair and source."""
_WHOLE_BATCH = 2**40
"""Row number of what is drawn for a batch; no batch has so large a row."""
_FLIP = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]])
"""Signs by which mirroring changes an affine map in units of half the side."""


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
        """Find the images of all groups, and decode them into the cache if they fit.

        Args:
            groups: the groups artifact.
            params: share of fake labels, augmentation, size of the cache.
            size_px: size of the images of a batch.
            batch_size: of a step, over all processes.
            seed: of all draws.
            guide: gives landmarks for guides and known correspondence; None for a generator that needs none.

        Raises:
            ArtifactError: the share needs a kind of group of which there is no accepted row.
            InputError: there is no space for the cache.
        """
        self._groups, self._guide = groups, guide
        self._batch_size, self._fake_label_share = batch_size, params.fake_label_share
        self._augment, self._seed, self.size_px = params.augment, seed, size_px
        self._by_kind = {kind: self._images_of(kind) for kind in (FAKE_TEMPLATE, FAKE_LABEL)}
        self._require_kinds()
        self._photographs = Photographs(groups) if params.augment.other_source else None
        drawn = np.concatenate([*self._by_kind.values()])
        sources = drawn[:, 0]
        if self._photographs is not None:
            sources = np.concatenate([sources, self._photographs.of_people_of(sources)])
        self._sources = np.unique(sources)
        self._images = CropStore(
            groups, np.union1d(drawn, self._sources).astype(np.int64), size_px, params.cache_megabytes
        )
        self.describe: Callable[[npt.NDArray[np.int64]], torch.Tensor] = lambda rows: torch.zeros(len(rows), 0)
        """Numbers of sources (B,) to their source conditioning (B, P + D), in host memory."""

    def _images_of(self, kind: str) -> npt.NDArray[np.int32]:
        """Return the images of the accepted groups of a kind: source, template and label, (N, 3)."""
        rows = self._groups.accepted_indices("train", kind)
        return np.stack([self._groups.image_indices(part, rows) for part in ("source", "template", "label")], 1)

    def _require_kinds(self) -> None:
        shares = {FAKE_LABEL: self._fake_label_share, FAKE_TEMPLATE: 1.0 - self._fake_label_share}
        for kind, share in shares.items():
            if share > 0 and not len(self._by_kind[kind]):
                raise ArtifactError(
                    f"{self._groups.folder}: no accepted {kind} group of a training person, but "
                    f"train.sampling.fake_label_share is {self._fake_label_share}; make such groups or change the share to "
                    f"{0 if kind == FAKE_LABEL else 1}"
                )

    @property
    def num_groups(self) -> int:
        """Number of groups that can be drawn."""
        return sum(map(len, self._by_kind.values()))

    @property
    def num_sources(self) -> int:
        """Number of images that can be a source."""
        return len(self._sources)

    @property
    def sources(self) -> list[str]:
        """Keys of all images that can be a source."""
        return [self._key(image) for image in self._sources]

    def sources_digest(self) -> str:
        """Return a digest of the artifact and of the images that can be a source."""
        digest = hashlib.sha256(artifact_digest(self._groups.folder).encode())
        digest.update(self._sources.astype("<i8").tobytes())
        return digest.hexdigest()

    def source_images(self, first: int, last: int) -> torch.Tensor:
        """Return sources first to last - 1 without augmentation, (N, 3, S, S) in [-1, 1]."""
        return to_tensor(self._images.take(self._sources[first:last]))

    def batch(self, step: int, share: slice = slice(None)) -> GroupBatch:
        """Return the batch of a step, or one process's share of it, augmented, in host memory."""
        return self.prepare(self.draw(step, share), torch.device("cpu"))

    def prepare(self, raw: RawBatch, device: torch.device) -> GroupBatch:
        """Send a batch to a device, which must be the guide maker's, and augment it there."""
        return raw.prepare(device, None if self._guide is None else self._guide.maker)

    def draw(self, step: int, share: slice = slice(None)) -> RawBatch:
        """Draw the batch of a step, or one process's share of it.

        All random numbers are functions of seed, step and row, so a row depends neither on the number of processes nor on the
        threads that make batches.
        """
        rows = np.arange(self._batch_size)[share]
        uniforms = uniform((self._seed, _DRAW_STREAM, step), rows, _NUM_DRAWS)
        is_fake_label = rows < self._num_fake_labels(step)
        images = self._with_other_sources(self._draw_groups(is_fake_label, uniforms[:, 0]), uniforms[:, 1:3])
        of_pair, of_source = (
            draw_augmentations(self._augment, self.size_px, uniforms[:, first : first + NUM_DRAWS])
            for first in (4, 4 + NUM_DRAWS)
        )
        # Aligned crops coincide at inference too, so the shift is common to all three images. Mirroring and color gain differ, so
        # that the model does not learn to copy the source's light.
        of_source = of_source._replace(shift_px=of_pair.shift_px)
        rngs = [np.random.default_rng([self._seed, _ROW_STREAM, step, int(row)]) for row in rows]
        recut_rows, recut_views, label_view = self._views(images, of_pair)
        occluded = np.flatnonzero(uniforms[:, 3] < self._augment.occlusion)
        source_index = np.searchsorted(self._sources, images[:, 0])
        landmarks, known = self._correspondence(images, of_source, of_pair, rngs)
        return RawBatch(
            source=torch.from_numpy(self._images.take(images[:, 0])),
            template=torch.from_numpy(self._images.take(images[:, 1])),
            label=torch.from_numpy(self._images.take(images[:, 2])),
            recut_rows=torch.from_numpy(recut_rows),
            recut_views=torch.from_numpy(recut_views),
            occluded_rows=torch.from_numpy(occluded),
            occluders=torch.from_numpy(self._occluders([rngs[row] for row in occluded])),
            of_source=of_source,
            of_pair=of_pair,
            num_fake_labels=int(is_fake_label.sum()),
            landmarks=landmarks,
            others={
                "source_index": torch.from_numpy(source_index),
                "description": self.describe(source_index),
                "source_embedding": self._embeddings(images[:, 0]),
                "template_embedding": self._embeddings(images[:, 1]),
                "label_view": torch.from_numpy(label_view),
                **known,
            },
        )

    def _num_fake_labels(self, step: int) -> int:
        """Return the share of the batch, its fraction rounded at random."""
        rounding = uniform((self._seed, _DRAW_STREAM, step), np.array([_WHOLE_BATCH]), 1)
        return int(self._fake_label_share * self._batch_size + rounding[0, 0])

    def _draw_groups(
        self, is_fake_label: npt.NDArray[np.bool_], uniforms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """Draw groups with replacement: source, template and label, (B, 3)."""
        images = np.empty((len(uniforms), 3), np.int32)
        for kind, chosen in ((FAKE_LABEL, is_fake_label), (FAKE_TEMPLATE, ~is_fake_label)):
            if chosen.any():
                groups = self._by_kind[kind]
                images[chosen] = groups[below(uniforms[chosen], len(groups))]
        return images

    def _with_other_sources(
        self, images: npt.NDArray[np.int32], uniforms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """Replace sources by other photographs of the same person, with the probability of augment.other_source.

        The teacher uses the photograph that is closest in pose and expression, or copies pose and expression from it. At
        inference a source has any pose. The label itself is never drawn, since then copying the source would be right.
        """
        if self._photographs is not None:
            others = self._photographs.draw_another(images[:, 0], images[:, 2], uniforms[:, 1])
            images[:, 0] = np.where(uniforms[:, 0] < self._augment.other_source, others, images[:, 0])
        return images

    def _views(
        self, images: npt.NDArray[np.int32], of_pair: Augmentation
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return which templates and labels are recut, how, and where the label's own crop is.

        At inference a template is aligned by its own landmarks. Therefore template and label are aligned by the template's
        landmarks, also if the template is a fake: in the label's alignment the model would learn to move every face to the
        aligned position.

        Returns:
            Rows (K,); for each of them the map (2, 3) from the recut image to the stored one; for each row of the batch the map
            from the crop aligned by the label's own landmarks to the augmented label. All in units of half the side.
        """
        by_template, by_label = (self._alignments(images[:, part]) for part in (1, 2))
        rows = np.flatnonzero((by_template != np.eye(3)).any((1, 2)))
        inverse = np.asarray(np.linalg.inv(by_template), dtype=np.float64)
        views = _in_half_sides(by_template @ np.linalg.inv(by_label), self._groups.size_px)
        flips = np.where(of_pair.flipped.numpy()[:, None, None], _FLIP, 1.0)
        views = views * flips
        views[:, :, 2] += 2.0 * of_pair.shift_px.numpy() / self.size_px
        recut = _in_half_sides(inverse[rows], self._groups.size_px)
        return rows, recut.astype(np.float32), views.astype(np.float32)

    def _alignments(self, images: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Return the maps from crops to the crops aligned by the images' own landmarks, (B, 3, 3), in pixels."""
        table = self._groups.images.table
        maps = np.zeros((len(images), 3, 3))
        maps[:, 2, 2] = 1.0
        maps[:, :2] = np.stack([table.vector("alignment", int(image)) for image in images]).reshape(-1, 2, 3)
        return maps

    def _occluders(self, rngs: list[np.random.Generator]) -> npt.NDArray[np.uint8]:
        """Draw occluders, uint8 (M, S, S, 4) with the opacity in the last channel."""
        drawn = [draw_occluder(self.size_px, rng) for rng in rngs]
        size = self.size_px
        pixels = [np.concatenate([each.color, 255 * each.alpha], 2).round().astype(np.uint8) for each in drawn]
        return np.stack(pixels) if pixels else np.zeros((0, size, size, 4), np.uint8)

    def _embeddings(self, images: npt.NDArray[np.int32]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self._groups.embedding_at(int(image)) for image in images]))

    def _key(self, image: np.integer) -> str:
        return str(self._groups.images.table.value("key", int(image)))

    def _correspondence(
        self,
        images: npt.NDArray[np.int32],
        of_source: Augmentation,
        of_pair: Augmentation,
        rngs: list[np.random.Generator],
    ) -> tuple[GuideInputs | None, dict[str, torch.Tensor]]:
        """Return the landmarks for guides, and points of known correspondence by their names in GroupBatch."""
        if self._guide is None:
            return None, _no_correspondence(len(images))
        unmoved = np.broadcast_to(np.eye(2, 3), (len(images), 2, 3))
        by_template = self._alignments(images[:, 1])[:, :2]
        source, template, label = (
            Shown(images[:, part], alignments, each.flipped.numpy(), 2.0 * each.shift_px.numpy() / self.size_px)
            for part, (alignments, each) in enumerate(
                ((unmoved, of_source), (by_template, of_pair), (by_template, of_pair))
            )
        )
        known = self._guide.known(source, label, rngs)
        points = {f"known_{name}": torch.from_numpy(values) for name, values in known._asdict().items()}
        return self._guide.inputs(source, template), points


def _in_half_sides(maps: npt.NDArray[np.float64], size_px: int) -> npt.NDArray[np.float64]:
    """Convert maps (B, 3, 3) between images of size_px to (B, 2, 3) in units of half the side."""
    scaling = np.array(
        [[2.0 / size_px, 0.0, 1.0 / size_px - 1.0], [0.0, 2.0 / size_px, 1.0 / size_px - 1.0], [0, 0, 1]]
    )
    return np.asarray((scaling @ maps @ np.linalg.inv(scaling))[:, :2])


def _no_correspondence(num: int) -> dict[str, torch.Tensor]:
    shapes = {"known_label": (0, 2), "known_source": (0, 2), "known_visible": (0,), "known_hidden": (0,)}
    return {name: torch.zeros(num, *shape) for name, shape in shapes.items()}


class Photographs:
    """Real images of the training people, by person."""

    def __init__(self, groups: GroupSet) -> None:
        table = groups.images.table
        codes, _ = table.codes("identity")
        self._person = codes
        real = (np.array(table.column("origin")) == "real") & (np.array(table.column("split")) == "train")
        members = np.flatnonzero(real)
        self._members = members[np.argsort(codes[members], kind="stable")].astype(np.int32)
        """All photographs, ordered by person."""
        counts = np.bincount(codes[members], minlength=int(codes.max(initial=-1)) + 1)
        self._ends = np.cumsum(counts)
        self._counts = counts
        self._place = np.full(len(table), -1, np.int32)
        """Of an image among its person's photographs; -1 for an image that is none."""
        starts = (self._ends - counts)[codes[self._members]]
        self._place[self._members] = np.arange(len(members)) - starts

    def of_people_of(self, images: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return all photographs of the people of some images."""
        wanted = np.zeros(len(self._counts), bool)
        wanted[self._person[images]] = True
        return np.asarray(self._members[wanted[self._person[self._members]]])

    def draw_another(
        self, sources: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], uniforms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """Draw a photograph of the person of each source, (B,), which is not the label."""
        people = self._person[sources]
        excluded = np.where(self._person[labels] == people, self._place[labels], -1)
        num = self._counts[people] - (excluded >= 0)
        drawn = below(uniforms, num)
        drawn += (excluded >= 0) & (drawn >= excluded)
        return np.asarray(self._members[self._ends[people] - self._counts[people] + drawn])


def spread(rows: list[Item], limit: int) -> list[Item]:
    """Return at most limit items, evenly spaced over the list, in order."""
    if len(rows) <= limit:
        return rows
    return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, limit)]
