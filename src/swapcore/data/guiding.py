"""Landmarks of training samples: inputs of their guides, and known correspondence."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.data.groups import CropRef, GroupCrops
from swapcore.ops.compose import Guide
from swapcore.ops.geometry import Affine, Points
from swapcore.ops.guide import GuideInputs, GuideMaker, MeshTopology, guide_inputs, to_half_sides

NUM_POINTS = 1024
"""Number of points of known correspondence of each sample."""
_FIVE_MIRRORED = np.array([1, 0, 2, 4, 3])

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """Images of the artifact as a batch shows them."""

    images: npt.NDArray[np.integer]
    """(B,): numbers of the images."""
    alignments: Affine
    """(B, 2, 3): from each stored crop to the one that is shown, in pixels."""
    flipped: Bools
    """(B,)."""
    shift: Points
    """(B, 2), x then y, in units of half the side."""

    def row(self, index: int) -> "Shown":
        """Return one of them, B = 1."""
        return replace(self, **{name: value[index : index + 1] for name, value in vars(self).items()})


class KnownPoints(NamedTuple):
    """Points of one surface in label and source, in [-1, 1] over the crop; float32."""

    label: Floats
    """(N, 2)."""
    source: Floats
    """(N, 2)."""
    visible: Floats
    """(N,) in {0, 1}: visible in both."""
    hidden: Floats
    """(N,) in {0, 1}: visible in the label only."""


class GuideSource:
    """Gives landmarks of a groups artifact, from which guides and known correspondence are made."""

    def __init__(self, crops: GroupCrops, topology: MeshTopology, maker: GuideMaker, size_px: int) -> None:
        """Store the sources.

        Args:
            crops: images with landmarks.
            topology: of the mesh.
            maker: makes guides on the device of the training.
            size_px: size of the artifact's images.
        """
        self._crops, self._topology, self.maker = crops, topology, maker
        self._size_px = size_px

    def unmoved(self, refs: list[CropRef]) -> Shown:
        """Return images without augmentation."""
        num = len(refs)
        alignments = np.stack([self._crops.alignment(ref.aligned_by) for ref in refs])
        return Shown(self._crops.numbers(refs), alignments, np.zeros(num, bool), np.zeros((num, 2)))

    def inputs(self, source: Shown, template: Shown) -> GuideInputs:
        """Return what the maker needs for pairs of source and template, in host memory."""
        first, second = self._meshes(source), self._meshes(template)
        meshes = None if first is None or second is None else (first, second)
        return guide_inputs(meshes, (self._five(source), self._five(template)), self.maker.reshape)

    def guides(self, source: Shown, template: Shown) -> Guide:
        """Make guides of pairs of source and template, on the maker's device."""
        guide: Guide = self.maker.make(self.inputs(source, template))
        return guide

    def _placed(self, points: Points, shown: Shown, mirrored: Indices) -> Points:
        """Convert points (B, K, 2 or 3) of stored crops to those of the shown images, in [-1, 1].

        Args:
            points: in pixels; a third coordinate is a depth.
            shown: the images.
            mirrored: (K,), index of each point's mirror partner.
        """
        linear = shown.alignments[:, :, :2]
        flat = points[..., :2] @ linear.transpose(0, 2, 1) + shown.alignments[:, None, :, 2]
        depth = points[..., 2:] * np.sqrt(np.abs(np.linalg.det(linear)))[:, None, None]
        placed = to_half_sides(np.concatenate([flat, depth], 2), self._size_px)
        axes = np.array([-1.0, 1.0, 1.0])[: points.shape[2]]
        placed[shown.flipped] = placed[shown.flipped][:, mirrored] * axes
        placed[..., :2] += shown.shift[:, None]
        return placed

    def _meshes(self, shown: Shown) -> Points | None:
        """Return mesh landmarks (B, L, 3), NaN where no mesh was found; None if no image of the artifact has any."""
        points = self._crops.stored_landmarks(shown.images)
        return None if points is None else self._placed(points, shown, self._topology.mirrored)

    def _five(self, shown: Shown) -> Points:
        return self._placed(self._crops.stored_points(shown.images), shown, _FIVE_MIRRORED)

    def known(self, source: Shown, label: Shown, rngs: list[np.random.Generator]) -> KnownPoints:
        """Draw points that are known in source and label: exact surface points if both have them, and mesh points.

        Args:
            source: the source images.
            label: the label images.
            rngs: one for each row, which draws its points.

        Returns:
            Of B rows with N = NUM_POINTS points each; all invisible if nothing is known.
        """
        surfaces = (self._crops.stored_surface(source.images), self._crops.stored_surface(label.images))
        meshes = (self._meshes(source), self._meshes(label))
        in_mesh = None if meshes[0] is None or meshes[1] is None else self._triangles(meshes[0], meshes[1])
        rows = []
        for row, rng in enumerate(rngs):
            weights = None
            if in_mesh is not None and in_mesh.is_known[row]:
                weights = rng.dirichlet((1, 1, 1), len(self._topology.triangles))
            has_exact = self._has_exact(surfaces, source, label, row)
            num = NUM_POINTS // max(1, has_exact + (weights is not None))
            drawn = []
            if has_exact:
                drawn.append(self._exact(surfaces, source.row(row), label.row(row), row, num, rng))
            if in_mesh is not None and weights is not None:
                drawn.append(self._from_mesh(in_mesh, row, weights, num, rng))
            rows.append(_joined(drawn))
        return KnownPoints(*(np.stack(values) for values in zip(*rows, strict=True)))

    @staticmethod
    def _has_exact(surfaces: tuple[Floats | None, Floats | None], source: Shown, label: Shown, row: int) -> bool:
        """Mirror partners of exact points are unknown, so both images must be mirrored, or neither."""
        first, second = surfaces
        return bool(
            first is not None
            and second is not None
            and source.flipped[row] == label.flipped[row]
            and np.isfinite(first[row]).all()
            and np.isfinite(second[row]).all()
        )

    def _exact(
        self,
        surfaces: tuple[Floats | None, Floats | None],
        source: Shown,
        label: Shown,
        row: int,
        num: int,
        rng: np.random.Generator,
    ) -> KnownPoints:
        """Draw exact surface points with replacement."""
        assert surfaces[0] is not None
        assert surfaces[1] is not None
        chosen = rng.integers(surfaces[0].shape[1], size=num)
        first, second = (points[row, chosen].astype(np.float64) for points in surfaces if points is not None)
        own = np.arange(num)
        from_, to = (
            self._placed(points[None, :, :2], shown, own)[0] for points, shown in ((first, source), (second, label))
        )
        shown_in_label = second[:, 2] * (np.abs(to) <= 1).all(1)
        return KnownPoints(to, from_, shown_in_label * first[:, 2], shown_in_label * (1 - first[:, 2]))

    def _triangles(self, source: Points, label: Points) -> "_Triangles":
        is_known = np.asarray(np.isfinite(np.concatenate([source, label], 2)).all((1, 2)))
        with np.errstate(invalid="ignore"):  # rows without a mesh
            shown, in_both = self._topology.visibility(source, label)
        return _Triangles(source, label, is_known, shown, in_both)

    def _from_mesh(
        self, mesh: "_Triangles", row: int, weights: Points, num: int, rng: np.random.Generator
    ) -> KnownPoints:
        """Draw random points of the mesh's triangles; back-facing triangles are hidden."""
        chosen = rng.integers(len(weights), size=num)
        triangles, shares = self._topology.triangles[chosen], weights[chosen][..., None]
        from_, to = ((points[row][triangles, :2] * shares).sum(1) for points in (mesh.source, mesh.label))
        shown, in_both = mesh.shown[row][chosen], mesh.in_both[row][chosen]
        return KnownPoints(to, from_, in_both.astype(float), (shown & ~in_both).astype(float))


class _Triangles(NamedTuple):
    """Meshes of sources and labels, and which of their triangles are seen."""

    source: Points
    """(B, L, 3)."""
    label: Points
    is_known: Bools
    """(B,): both have a mesh."""
    shown: Bools
    """(B, T): in the label."""
    in_both: Bools


def _joined(drawn: list[KnownPoints]) -> KnownPoints:
    """Join the points of a row, as float32."""
    if not drawn:
        nothing = np.zeros((NUM_POINTS, 2), np.float32)
        return KnownPoints(nothing, nothing, nothing[:, 0], nothing[:, 0])
    return KnownPoints(*(np.concatenate(values).astype(np.float32) for values in zip(*drawn, strict=True)))
