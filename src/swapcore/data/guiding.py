"""Guides and known correspondence of training samples, from landmarks and exact surface points."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.data.groups import Cut, Pictures
from swapcore.ops.compose import Guide
from swapcore.ops.geometry import Points
from swapcore.ops.guide import Topology, make_five_point_guide, make_guide, to_half_sides

NUM_POINTS = 1024
"""Points of known correspondence drawn for each sample."""
_FIVE_MIRRORED = np.array([1, 0, 2, 4, 3])

Floats = npt.NDArray[np.floating]


class Placement(NamedTuple):
    """How the pixels of an image were moved by the augmentation."""

    flipped: bool
    shift: Points
    """(2,), x then y, in units of half the side."""


UNMOVED = Placement(flipped=False, shift=np.zeros(2))


class KnownPoints(NamedTuple):
    """Points of one surface in label and source; -1 to 1 over the crop."""

    label: Floats
    """(N, 2)."""
    source: Floats
    """(N, 2)."""
    visible: Floats
    """(N,) in {0, 1}: shown by both."""
    hidden: Floats
    """(N,) in {0, 1}: shown by the label only."""


def placed(points: Points, placement: Placement, mirrored: npt.NDArray[np.int64]) -> Points:
    """Points (L, 2) in [-1, 1] of an image after its augmentation; mirrored names each point's partner."""
    if placement.flipped:
        points = points[mirrored] * np.array([-1.0, 1.0])
    return points + placement.shift


class GuideSource:
    """Looks up the landmarks of pictures and turns them into guides and known correspondence."""

    def __init__(self, pictures: Pictures, topology: Topology, size_px: int, guide_px: int) -> None:
        """Bind to the pictures of a groups artifact.

        Args:
            pictures: whose landmarks are used.
            topology: of the mesh.
            size_px: of the pictures in the artifact.
            guide_px: working size of the generator.
        """
        self._pictures, self._topology = pictures, topology
        self._size_px, self.guide_px = size_px, guide_px

    def mesh(self, cut: Cut, placement: Placement) -> Points | None:
        """The mesh points (L, 2) of a picture as it is cut and augmented."""
        points = self._pictures.landmarks(cut)
        if points is None:
            return None
        return placed(to_half_sides(points, self._size_px), placement, self._topology.mirrored)

    def five(self, cut: Cut, placement: Placement) -> Points:
        """The five points (5, 2)."""
        return placed(to_half_sides(self._pictures.points(cut), self._size_px), placement, _FIVE_MIRRORED)

    def guides(self, pairs: list[tuple[Cut, Placement, Cut, Placement]]) -> Guide:
        """The guides of pairs of source and template; where either has no mesh, from its five points."""
        meshes = [(self.mesh(source, first), self.mesh(template, second)) for source, first, template, second in pairs]
        made = [
            make_guide([source], [template], self._topology, self.guide_px)
            if source is not None and template is not None
            else make_five_point_guide([self.five(*pair[:2])], [self.five(*pair[2:])], self.guide_px)
            for (source, template), pair in zip(meshes, pairs, strict=True)
        ]
        return Guide(*(torch.cat(parts) for parts in zip(*made, strict=True)))

    def known(
        self, source: Cut, of_source: Placement, label: Cut, of_label: Placement, rng: np.random.Generator
    ) -> KnownPoints:
        """Draw points whose place is known in source and label: exact ones where both have them, else the mesh's."""
        exact = self._exact(source, of_source, label, of_label)
        if exact is None:
            exact = self._from_mesh(self.mesh(source, of_source), self.mesh(label, of_label), rng)
        if exact is None:
            nothing = np.zeros((NUM_POINTS, 2), np.float32)
            return KnownPoints(nothing, nothing, nothing[:, 0], nothing[:, 0])
        chosen = rng.integers(len(exact.label), size=NUM_POINTS)
        return KnownPoints(*(np.asarray(values[chosen], dtype=np.float32) for values in exact))

    def _exact(self, source: Cut, of_source: Placement, label: Cut, of_label: Placement) -> KnownPoints | None:
        """Exact surface points; their mirrored partners are not known, so both must be mirrored or neither."""
        first, second = self._pictures.surface(source), self._pictures.surface(label)
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
        """Random places of the mesh's triangles; a triangle that turns its back is hidden."""
        if source is None or label is None:
            return None
        triangles = self._topology.triangles
        weights = rng.dirichlet((1, 1, 1), len(triangles))
        from_, to = ((points[triangles] * weights[..., None]).sum(1) for points in (source, label))
        shown, in_both = self._topology.visibility(source, label)
        return KnownPoints(to, from_, in_both.astype(float), (shown & ~in_both).astype(float))
