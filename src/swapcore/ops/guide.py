"""Guides of the field generator from landmarks, in batches on any device."""

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from swapcore.ops.compose import Guide
from swapcore.ops.correspondence import BARYCENTRIC, LEAST_AREA_RATIO, five_point_flow, guide_flow
from swapcore.ops.geometry import Points

Indices = npt.NDArray[np.int64]


class Reshape(nn.Module):
    """Places the landmarks of the output: the template's pose and expression with the source's proportions."""

    def fit(self, sources: Points, templates: Points) -> Points:
        """Fit what ``forward`` needs, on the host: a decomposition on a GPU would make the host wait for it.

        Args:
            sources: (B, L, 3).
            templates: (B, L, 3).

        Returns:
            (B, 3, 4): linear part and shift of the map from each source to its template.
        """
        raise NotImplementedError

    def forward(self, sources: torch.Tensor, templates: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
        """Return the landmarks of the output, (B, L, 2), from float64 (B, L, 3), (B, L, 3) and (B, 3, 4)."""
        raise NotImplementedError


class MeshTopology(NamedTuple):
    """The triangles of a face mesh."""

    triangles: Indices
    """(T, 3), indices of points; areas are positive where a triangle faces the camera."""
    mirrored: Indices
    """(L,): the point at each one's mirrored place."""
    not_skin: npt.NDArray[np.bool_]
    """(T,): triangles at brows, eyes and lips, and those next to them."""
    eyes: npt.NDArray[np.bool_]
    """(T,)."""
    brows: npt.NDArray[np.bool_]
    """(T,)."""
    lips: npt.NDArray[np.bool_]
    """(T,)."""
    kept: npt.NDArray[np.bool_]
    """(T,): triangles that a swap never takes from the source; teeth and tongue belong to the expression."""

    def areas(self, points: Points) -> Points:
        """Twice the signed areas (B, T) of the triangles between points (B, L, 2 or 3)."""
        a, b, c = (points[:, self.triangles[:, corner]] for corner in range(3))
        first, second = b - a, c - a
        return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])

    def visibility(self, points: Points, other: Points) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which triangles (B, T) ``other`` shows, and which of them ``points`` shows too; see ``is_visible``."""
        own, theirs = self.areas(points), self.areas(other)
        shown = theirs > LEAST_AREA_RATIO * np.median(np.abs(theirs), axis=1, keepdims=True)
        return shown, shown & (own > LEAST_AREA_RATIO * theirs)


class GuideInputs(NamedTuple):
    """Landmarks of pairs of source and template, in [-1, 1] over the image; B = M + K pairs."""

    mesh_rows: torch.Tensor
    """int64 (M,): pairs of which both faces have a mesh."""
    source: torch.Tensor
    """float64 (M, L, 3). Float32 would move some points into the neighboring pixel."""
    template: torch.Tensor
    """float64 (M, L, 3)."""
    fits: torch.Tensor
    """float64 (M, 3, 4), see ``Reshape.fit``."""
    five_rows: torch.Tensor
    """int64 (K,): the other pairs."""
    five_source: torch.Tensor
    """float32 (K, 5, 2)."""
    five_template: torch.Tensor
    """float32 (K, 5, 2)."""


def guide_inputs(meshes: tuple[Points, Points] | None, five: tuple[Points, Points], reshape: Reshape) -> GuideInputs:
    """Collect the landmarks of B pairs of source and template.

    Args:
        meshes: (B, L, 3) each in [-1, 1], NaN where no mesh was found; None if no image has a mesh.
        five: (B, 5, 2) each, used where a mesh is missing.
        reshape: fits sources to templates.
    """
    has_mesh: npt.NDArray[np.bool_] = np.zeros(len(five[0]), bool)
    source = template = np.zeros((0, 1, 3))
    if meshes is not None:
        has_mesh = np.asarray(np.isfinite(np.concatenate(meshes, 2)).all((1, 2)))
        source, template = (points[has_mesh] for points in meshes)
    fits = reshape.fit(source, template) if len(source) else np.zeros((0, 3, 4))
    first, second = (points[~has_mesh].astype(np.float32) for points in five)
    parts = (np.flatnonzero(has_mesh), source, template, fits, np.flatnonzero(~has_mesh), first, second)
    return GuideInputs(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


class GuideMaker(nn.Module):
    """Makes guides from landmarks; its buffers are on the device on which guides are made."""

    triangles: torch.Tensor
    areas: torch.Tensor
    kept: torch.Tensor
    weights: torch.Tensor

    def __init__(self, topology: MeshTopology, reshape: Reshape, size_px: int) -> None:
        """Bind the mesh.

        Args:
            topology: of the mesh.
            reshape: places the output's points.
            size_px: w, side of the guides.
        """
        super().__init__()
        self.reshape, self.size_px = reshape, size_px
        self.register_buffer("triangles", torch.from_numpy(topology.triangles), persistent=False)
        areas = np.stack([topology.not_skin, topology.eyes, topology.brows, topology.lips])
        self.register_buffer("areas", torch.from_numpy(areas), persistent=False)
        self.register_buffer("kept", torch.from_numpy(topology.kept[None]), persistent=False)
        self.register_buffer("weights", torch.tensor(BARYCENTRIC), persistent=False)

    @torch.no_grad()
    def forward(self, inputs: GuideInputs) -> Guide:
        """Make the guides of B pairs, without waiting for the device.

        Args:
            inputs: on the device of this module.
        """
        makers = ((inputs.mesh_rows, self._from_meshes), (inputs.five_rows, self._from_five_points))
        parts = [(rows, make(inputs)) for rows, make in makers if len(rows)]
        if len(parts) == 1:
            return parts[0][1]
        order = torch.cat([rows for rows, _ in parts]).argsort()
        return Guide(*(torch.cat(both)[order] for both in zip(*(guide for _, guide in parts), strict=True)))

    def make(self, inputs: GuideInputs) -> Guide:
        """Make guides from landmarks in host memory."""
        guide: Guide = self(GuideInputs(*(part.to(self.triangles.device) for part in inputs)))
        return guide

    def _from_meshes(self, inputs: GuideInputs) -> Guide:
        output = self.reshape(inputs.source, inputs.template, inputs.fits).float()
        source, template = (points[..., :2].float() for points in (inputs.source, inputs.template))
        flow = partial(guide_flow, output=output, triangles=self.triangles, size_px=self.size_px, weights=self.weights)
        from_source, from_template = flow(source, marked=self.kept), flow(template, marked=self.areas)
        not_skin, eyes, brows, lips = torch.split(from_template.marked, 1, 1)
        return Guide(
            from_source.flow,
            from_template.flow,
            from_source.visible,
            kept=from_source.marked,
            skin=1.0 - not_skin,
            eyes=eyes,
            brows=brows,
            lips=lips,
            near=from_source.near,
        )

    def _from_five_points(self, inputs: GuideInputs) -> Guide:
        return five_point_guide(inputs.five_source, inputs.five_template, self.size_px)


def five_point_guide(source: torch.Tensor, template: torch.Tensor, size_px: int) -> Guide:
    """Make guides from five points, float32 (B, 5, 2) each in [-1, 1]; the template does not move."""
    flow, visible, near, _ = five_point_flow(source, template, size_px)
    nothing = torch.zeros_like(near)
    return Guide(
        flow,
        torch.zeros_like(flow),
        visible,
        kept=nothing,
        skin=1.0 - nothing,
        eyes=nothing,
        brows=nothing,
        lips=nothing,
        near=near,
    )


def to_half_sides(points: Points, size_px: int) -> Points:
    """Convert pixels (..., 2 or 3), whole numbers at pixel centers, to -1 to 1 over the image's edges; depths are scaled."""
    centers = np.array([0.5, 0.5, 0.0])[: points.shape[-1]]
    edges = np.array([1.0, 1.0, 0.0])[: points.shape[-1]]
    return np.asarray((points + centers) * (2.0 / size_px) - edges)
