"""Irises that stay round: the flow and the visibility of eyes."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from swapcore.faces.mesh.topology import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from swapcore.warp.view import VIEW_PX, FaceView, Field, Floats, blur, ramp

EYES: Final = ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS))
_IRIS_ENDS: Final = (1.05, 1.6)
"""In radii of the iris: up to here it is moved as a disk, from there on with the lids."""
_LIDS_KEEP: Final = 0.012
"""Of the distance of the outer eye corners: this near a lid the pixels follow the lid."""


def openness(points: Floats, contour: Sequence[int]) -> float:
    """Height of an eye over its width."""
    upper, lower = points[list(contour[3:6]), :2].mean(0), points[list(contour[11:14]), :2].mean(0)
    width = float(np.linalg.norm(points[contour[0]] - points[contour[8]]))
    return float(np.linalg.norm(upper - lower)) / max(width, 1e-6)


def move_irises(flow: Field, template: FaceView, source: FaceView) -> Field:
    """Give each eye the template's gaze and the source's iris, round whatever the lids do.

    Args:
        flow: (S, S, 2) from the template's view to the source's.
        template: gives gaze and lids.
        source: gives the irises.
    """
    # A narrower eye of the source has no more iris to show: there the lids' stretching is the lesser evil.
    share = float(ramp(_relative_openness(template, source), 0.65, 0.95))
    for contour, iris in EYES:
        radius, own_radius = _radius(template.points, iris), _radius(source.points, iris)
        center, own_center = template.points[iris[0], :2], source.points[iris[0], :2]
        rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX].astype(np.float32)
        offset = np.stack([columns - center[0], rows - center[1]], -1)
        disk = own_center + offset * (own_radius / radius)
        distance = np.linalg.norm(offset, axis=-1) / radius
        weight = ramp(distance, _IRIS_ENDS[1], _IRIS_ENDS[0]) * _inside(template, contour)
        weight *= share
        flow = np.asarray(flow + weight[..., None] * (disk - flow), dtype=np.float32)
    return flow


def closed_in_source(template: FaceView, source: FaceView) -> Field:
    """Eyes that are open in the template and closed in the source, which has nothing to show there: (S, S), 0 to 1."""
    wanted = max(openness(template.points, contour) for contour, _ in EYES)
    # Both eyes alike: one of each person's would have two colors.
    share = float(ramp(_relative_openness(template, source), 0.5, 0.3) * ramp(wanted, 0.08, 0.15))
    both = np.maximum(*(template.polygon(contour) for contour, _ in EYES))
    return np.asarray(share * blur(both, 0.01 * template.eye_px), dtype=np.float32)


def _relative_openness(template: FaceView, source: FaceView) -> float:
    """Openness of the source's eyes over the template's, of the eye that is wider open in each: a turned head hides one."""
    own, wanted = (max(openness(view.points, contour) for contour, _ in EYES) for view in (source, template))
    return own / max(wanted, 1e-3)


def _radius(points: Floats, iris: Sequence[int]) -> float:
    return float(np.linalg.norm(points[list(iris[1:]), :2] - points[iris[0], :2], axis=1).mean())


def _inside(view: FaceView, contour: Sequence[int]) -> Field:
    edge = _LIDS_KEEP * view.eye_px
    return np.asarray(ramp(blur(view.polygon(contour), edge), 0.5, 0.9), dtype=np.float32)
