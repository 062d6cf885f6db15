"""Where each pixel of a template's face is found in the source, by the triangles of two meshes."""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import closed_triangles
from swapcore.warp.view import Field, Floats, blur

_MIN_AREA_PX: Final = 1e-4
"""Smaller triangles, of closed lips and lids, are not drawn."""
_SUBPIXEL_BITS: Final = 4


class WarpField(NamedTuple):
    """For each pixel of the template's view."""

    flow: Field
    """(S, S, 2): x, y in the source's view; outside the mesh it continues with the displacement of the nearest pixel."""
    inside: npt.NDArray[np.bool_]
    """(S, S): whether the mesh covers it."""
    facing: Field
    """(S, S): cosine between the camera and the surface's normal in the source; negative on its hidden side."""


def correspond(template: Floats, source: Floats, size_px: int, smoothing_px: float = 0.0) -> WarpField:
    """Map the pixels of one view to another by the triangles that connect the landmarks.

    Args:
        template: (478, 3) landmarks in the view whose pixels are mapped.
        source: (478, 3) landmarks in the other view.
        size_px: side S of the template's view.
        smoothing_px: sigma by which the flow is smoothed; the triangles' edges would show as creases.
    """
    triangles = closed_triangles()
    index = rasterize(template, triangles, size_px)
    inside = index >= 0
    matrices = _affines(template[triangles, :2], source[triangles, :2])
    nearest = _nearest_inside(inside)
    y, x = np.divmod(nearest, size_px)
    at = np.stack([x, y, np.ones_like(x)], -1).astype(np.float64)
    owner = index.ravel()[nearest]
    flow = np.einsum("hwij,hwj->hwi", matrices[owner], at)
    rows, columns = np.mgrid[:size_px, :size_px]
    displacement = (flow - np.stack([x, y], -1)).astype(np.float32)
    # No point of a triangle moves farther than its corners; pixels whose centers are beyond the outline, next to a sliver, would.
    corners = (source - template)[:, :2].astype(np.float32)
    displacement = np.clip(displacement, corners.min(0), corners.max(0))
    if smoothing_px > 0:
        displacement = blur(displacement, smoothing_px)
    facing = _facing(source[triangles], template[triangles])[owner].astype(np.float32)
    return WarpField(displacement + np.stack([columns, rows], -1).astype(np.float32), inside, facing)


def rasterize(points: Floats, triangles: npt.NDArray[np.int64], size_px: int) -> npt.NDArray[np.int32]:
    """The nearest triangle at each pixel, int32 (S, S), -1 where there is none."""
    index = np.full((size_px, size_px), -1, np.int32)
    corners = np.round(points[triangles, :2] * 2**_SUBPIXEL_BITS).astype(np.int32)
    drawable = np.abs(_areas(points[triangles, :2])) > _MIN_AREA_PX
    # Far to near: what is near covers what is far.
    for i in np.argsort(-points[triangles, 2].mean(1), kind="stable"):
        if drawable[i]:
            cv2.fillConvexPoly(index, corners[i], int(i), shift=_SUBPIXEL_BITS)
    return index


def _areas(corners: Floats) -> Floats:
    """Signed areas (T,) of triangles (T, 3, 2)."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2)


def _affines(template: Floats, source: Floats) -> Floats:
    """For each triangle (T, 3, 2) the affine (T, 2, 3) from the template's view to the source's."""
    homogeneous = np.concatenate([template, np.ones((*template.shape[:2], 1))], 2)
    flat = np.abs(np.linalg.det(homogeneous)) < 2 * _MIN_AREA_PX
    homogeneous[flat] = np.eye(3)  # never drawn
    return np.asarray((np.linalg.inv(homogeneous) @ source).transpose(0, 2, 1))


def _facing(source: Floats, template: Floats) -> Floats:
    """Cosines (T,); the sign is that of the source's orientation relative to the template's, which is visible where drawn."""
    normals = np.cross(source[:, 1] - source[:, 0], source[:, 2] - source[:, 0])
    cosine = np.abs(normals[:, 2]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    return np.asarray(cosine * np.sign(_areas(source[..., :2]) * _areas(template[..., :2])))


def _nearest_inside(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each pixel the flat index of the nearest pixel inside."""
    outside = (~inside).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.zeros(int(labels.max()) + 1, np.int64)
    places[labels[inside]] = np.flatnonzero(inside)
    return np.asarray(places[labels])
