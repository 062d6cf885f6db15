"""Guides of the field generator from landmarks in numpy."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.ops.compose import Guide
from swapcore.ops.correspondence import LEAST_AREA_RATIO, five_point_flow, guide_flow
from swapcore.ops.geometry import Points

Indices = npt.NDArray[np.int64]
Reshape = Callable[[Points, Points], Points]
"""Points of a template and of a source, (L, 3) each, to those of the output (L, 3): the template's pose and expression with
the source's proportions."""


class MeshTopology(NamedTuple):
    """The triangles of a face mesh."""

    triangles: Indices
    """(T, 3), indices of points; areas are positive where a triangle faces the camera."""
    mirrored: Indices
    """(L,): the point at each one's mirrored place."""
    hidden: npt.NDArray[np.bool_]
    """(T,): triangles that a swap never takes from the source; teeth and tongue belong to the expression."""

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
    """Convert pixels (L, 2 or 3), whole numbers at pixel centers, to -1 to 1 over the image's edges; depths are scaled."""
    centers = np.array([0.5, 0.5, 0.0])[: points.shape[1]]
    edges = np.array([1.0, 1.0, 0.0])[: points.shape[1]]
    return np.asarray((points + centers) * (2.0 / size_px) - edges)


def make_guide(source: Points, template: Points, topology: MeshTopology, reshape: Reshape, size_px: int) -> Guide:
    """Make the guide of one pair of faces.

    Args:
        source: (L, 3) mesh points in [-1, 1] over the image.
        template: (L, 3), the same.
        topology: of the mesh.
        reshape: places the output's points.
        size_px: w, side of the guide.

    Returns:
        The guide, B = 1.
    """
    output = reshape(template, source)
    first, own, out = (
        torch.from_numpy(points[None, :, :2].astype(np.float32)) for points in (source, template, output)
    )
    triangles, hidden = torch.from_numpy(topology.triangles), torch.from_numpy(topology.hidden)
    from_source = guide_flow(first, out, triangles, size_px, hidden=hidden)
    from_template = guide_flow(own, out, triangles, size_px)
    return Guide(from_source.flow, from_template.flow, from_source.visible, from_source.near)


def make_five_point_guide(source: Points, template: Points, size_px: int) -> Guide:
    """Make the same from five points (5, 2) each; the template does not move."""
    first, second = (torch.from_numpy(points[None].astype(np.float32)) for points in (source, template))
    flow, visible, near = five_point_flow(first, second, size_px)
    return Guide(flow, torch.zeros_like(flow), visible, near)
