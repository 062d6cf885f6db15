"""The z-buffer: which triangle is seen at each pixel, the same in any order of the triangles' memory."""

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.compiled import compiled

FAR = np.float32(1e9)
"""Depth of a pixel that nothing covers."""
NO_AREA = 1e-9
"""Triangles of a smaller area in square pixels are not drawn."""


def rasterize(
    corners: Floats, triangles: Ints, two_sided: npt.NDArray[np.bool_], height: int, width: int
) -> tuple[Ints, Floats]:
    """Find the nearest triangle at every pixel's center.

    Args:
        corners: (V, 3) x, y in pixels (the center of the first pixel is (0, 0)), z depth in cm, small is near.
        triangles: (T, 3) counterclockwise seen from outside, where y points up.
        two_sided: (T,) whether the back of a triangle is seen too.
        height: of the image in pixels.
        width: of the image in pixels.

    Returns:
        (height, width) int32 index of the triangle, -1 where there is none; (height, width) its depth, FAR where none.
    """
    triangle = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), FAR, np.float32)
    _fill(corners, triangles, two_sided, triangle, depth)
    return triangle, depth


@compiled
def _fill(corners: Floats, triangles: Ints, two_sided: npt.NDArray[np.bool_], triangle: Ints, depth: Floats) -> None:
    height, width = depth.shape
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = corners[i, 0], corners[i, 1], corners[i, 2]
        bx, by, bz = corners[j, 0], corners[j, 1], corners[j, 2]
        cx, cy, cz = corners[k, 0], corners[k, 1], corners[k, 2]
        # Image rows run down, so that a front face has a negative area.
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if (area > -NO_AREA and not two_sided[t]) or abs(area) < NO_AREA:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx))))
        right = min(width - 1, int(np.floor(max(ax, bx, cx))))
        top = max(0, int(np.ceil(min(ay, by, cy))))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy))))
        inverse = 1.0 / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                w0 = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                w1 = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                w2 = 1.0 - w0 - w1
                if w0 < -1e-6 or w1 < -1e-6 or w2 < -1e-6:
                    continue
                z = w0 * az + w1 * bz + w2 * cz
                if z < depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = t


@compiled
def barycentric(corners: Floats, i: int, j: int, k: int, x: float, y: float) -> tuple[float, float, float]:
    """Weights of the corners i, j, k of a triangle at a pixel; they sum to 1."""
    ax, ay = corners[i, 0], corners[i, 1]
    bx, by = corners[j, 0], corners[j, 1]
    cx, cy = corners[k, 0], corners[k, 1]
    inverse = 1.0 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    w0 = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
    w1 = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
    return w0, w1, 1.0 - w0 - w1
