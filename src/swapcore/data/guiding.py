"""Guides and known correspondence of training samples."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.data.groups import CropRef, GroupCrops
from swapcore.ops.compose import Guide
from swapcore.ops.geometry import Points
from swapcore.ops.guide import MeshTopology, Reshape, make_five_point_guide, make_guide, to_half_sides

NUM_POINTS = 1024
"""Number of points of known correspondence of each sample."""
_FIVE_MIRRORED = np.array([1, 0, 2, 4, 3])

Floats = npt.NDArray[np.floating]


class Placement(NamedTuple):
    """Geometric part of an image's augmentation."""

    flipped: bool
    shift: Points
    """(2,), x then y, in units of half the side."""


UNMOVED = Placement(flipped=False, shift=np.zeros(2))


class KnownPoints(NamedTuple):
    """Points of one surface in label and source, in [-1, 1] over the crop."""

    label: Floats
    """(N, 2)."""
    source: Floats
    """(N, 2)."""
    visible: Floats
    """(N,) in {0, 1}: visible in both."""
    hidden: Floats
    """(N,) in {0, 1}: visible in the label only."""


def placed(points: Points, placement: Placement, mirrored: npt.NDArray[np.int64]) -> Points:
    """Apply an augmentation to points.

    Args:
        points: (L, 2 or 3) in [-1, 1].
        placement: the augmentation.
        mirrored: (L,), index of each point's mirror partner.
    """
    if placement.flipped:
        points = points[mirrored] * np.array([-1.0, 1.0, 1.0])[: points.shape[1]]
    return np.asarray(points + np.append(placement.shift, 0.0)[: points.shape[1]])


class GuideSource:
    """Makes guides and known correspondence from the landmarks of a groups artifact."""

    def __init__(
        self, crops: GroupCrops, topology: MeshTopology, reshape: Reshape, size_px: int, guide_px: int
    ) -> None:
        """Store the sources.

        Args:
            crops: images with landmarks.
            topology: of the mesh.
            reshape: places the landmarks of the output.
            size_px: size of the artifact's images.
            guide_px: working size of the generator.
        """
        self._crops, self._topology, self._reshape = crops, topology, reshape
        self._size_px, self.guide_px = size_px, guide_px

    def mesh(self, ref: CropRef, placement: Placement) -> Points | None:
        """Return the mesh landmarks (L, 3) of an augmented image, in [-1, 1]; None if no mesh was found."""
        points = self._crops.landmarks(ref)
        if points is None:
            return None
        return placed(to_half_sides(points, self._size_px), placement, self._topology.mirrored)

    def five(self, ref: CropRef, placement: Placement) -> Points:
        """Return the five landmarks (5, 2) of an augmented image, in [-1, 1]."""
        return placed(to_half_sides(self._crops.points(ref), self._size_px), placement, _FIVE_MIRRORED)

    def guides(self, pairs: list[tuple[CropRef, Placement, CropRef, Placement]]) -> Guide:
        """Make guides of pairs of source and template; from the five landmarks if one of them has no mesh."""
        meshes = [(self.mesh(source, first), self.mesh(template, second)) for source, first, template, second in pairs]
        made = [
            make_guide(source, template, self._topology, self._reshape, self.guide_px)
            if source is not None and template is not None
            else make_five_point_guide(self.five(*pair[:2]), self.five(*pair[2:]), self.guide_px)
            for (source, template), pair in zip(meshes, pairs, strict=True)
        ]
        return Guide(*(torch.cat(parts) for parts in zip(*made, strict=True)))

    def known(
        self, source: CropRef, of_source: Placement, label: CropRef, of_label: Placement, rng: np.random.Generator
    ) -> KnownPoints:
        """Draw points that are known in source and label: exact surface points if both have them, and mesh points.

        Args:
            source: the source image.
            of_source: its augmentation.
            label: the label image.
            of_label: its augmentation.
            rng: draws the points.

        Returns:
            N = NUM_POINTS points, all invisible if nothing is known.
        """
        exact = self._exact(source, of_source, label, of_label)
        mesh = self._from_mesh(self.mesh(source, of_source), self.mesh(label, of_label), rng)
        known = [points for points in (exact, mesh) if points is not None]
        if not known:
            nothing = np.zeros((NUM_POINTS, 2), np.float32)
            return KnownPoints(nothing, nothing, nothing[:, 0], nothing[:, 0])
        drawn = [_draw(points, NUM_POINTS // len(known), rng) for points in known]
        return KnownPoints(*(np.concatenate(values) for values in zip(*drawn, strict=True)))

    def _exact(self, source: CropRef, of_source: Placement, label: CropRef, of_label: Placement) -> KnownPoints | None:
        """Return exact surface points. Their mirror partners are unknown, so both images must be mirrored, or neither."""
        first, second = self._crops.surface(source), self._crops.surface(label)
        if first is None or second is None or of_source.flipped != of_label.flipped:
            return None
        own = np.arange(len(first))
        from_, to = (
            placed(to_half_sides(points[:, :2], self._size_px), placement, own)
            for points, placement in ((first, of_source), (second, of_label))
        )
        shown = second[:, 2] * (np.abs(to) <= 1).all(1)
        return KnownPoints(to, from_, shown * first[:, 2], shown * (1 - first[:, 2]))

    def _from_mesh(self, source: Points | None, label: Points | None, rng: np.random.Generator) -> KnownPoints | None:
        """Return random points of the mesh's triangles; back-facing triangles are hidden."""
        if source is None or label is None:
            return None
        triangles = self._topology.triangles
        weights = rng.dirichlet((1, 1, 1), len(triangles))
        from_, to = ((points[triangles, :2] * weights[..., None]).sum(1) for points in (source, label))
        shown, in_both = self._topology.visibility(source, label)
        return KnownPoints(to, from_, in_both.astype(float), (shown & ~in_both).astype(float))


def _draw(points: KnownPoints, num: int, rng: np.random.Generator) -> KnownPoints:
    """Draw points with replacement, as float32."""
    chosen = rng.integers(len(points.label), size=num)
    return KnownPoints(*(np.asarray(values[chosen], dtype=np.float32) for values in points))
