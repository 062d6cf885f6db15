"""Guides of the field generator from landmarks in numpy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.ops.compose import Guide
from swapcore.ops.correspondence import LEAST_AREA_RATIO, five_point_flow, guide_flow
from swapcore.ops.geometry import Points

Indices = npt.NDArray[np.int64]


class Topology(NamedTuple):
    """The triangles of a face mesh."""

    triangles: Indices
    """(T, 3), indices of points; areas are positive where a triangle faces the camera."""
    mirrored: Indices
    """(L,): the point at each one's mirrored place."""

    def areas(self, points: Points) -> Points:
        """Twice the signed areas (T,) of the triangles between points (L, 2)."""
        a, b, c = (points[self.triangles[:, corner]] for corner in range(3))
        first, second = b - a, c - a
        return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])

    def visibility(self, points: Points, other: Points) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which triangles (T,) ``other`` shows, and which of them ``points`` shows too; see ``is_visible``."""
        own, theirs = self.areas(points), self.areas(other)
        shown = theirs > LEAST_AREA_RATIO * np.median(np.abs(theirs))
        return shown, shown & (own > LEAST_AREA_RATIO * theirs)


def to_half_sides(points: Points, size_px: int) -> Points:
    """Convert pixels, whole numbers at pixel centers, to -1 to 1 over the image's edges."""
    return (points + 0.5) * (2.0 / size_px) - 1.0


def make_guide(sources: list[Points], templates: list[Points], topology: Topology, size_px: int) -> Guide:
    """Make guides from mesh points (L, 2) in [-1, 1] of pairs of faces, see ``guide_flow``."""
    first, second = (torch.from_numpy(np.stack(points).astype(np.float32)) for points in (sources, templates))
    return Guide(*guide_flow(first, second, torch.from_numpy(topology.triangles), size_px))


def make_five_point_guide(sources: list[Points], templates: list[Points], size_px: int) -> Guide:
    """Make the same from five points each."""
    first, second = (torch.from_numpy(np.stack(points).astype(np.float32)) for points in (sources, templates))
    return Guide(*five_point_flow(first, second, size_px))
