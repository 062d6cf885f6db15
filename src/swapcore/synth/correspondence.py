"""Where a surface point of one image is in another: exact fields between a source, a template and their true swap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import Camera, Pose
from swapcore.synth.compiled import compiled
from swapcore.synth.layers import INNER_FACE, Part
from swapcore.synth.person import prepare
from swapcore.synth.rasterize import barycentric, rasterize
from swapcore.synth.render import Picture
from swapcore.synth.scene import num_body_triangles, pose_person
from swapcore.synth.subject import Subject

_HIDDEN_CM, _HIDDEN_PX = 0.25, 1.5
"""A surface point that is farther than the sum of both lengths behind what an image shows there is hidden: a surface that is seen
at a grazing angle changes its depth within a pixel."""
_BODY = (*INNER_FACE, Part.NECK, Part.EAR)
"""Parts that are skin, eyes or mouth, or hair so short that it touches the skin."""


@dataclass(frozen=True)
class Surface:
    """The body's surface as it is in one image: skin, eyes, teeth and tongue."""

    triangle: Ints
    """(S, S) triangle at each pixel's center, the same numbers for everybody; -1 where no body is shown."""
    weights: Floats
    """(S, S, 3) of the triangle's corners."""
    place: Floats
    """(S, S, 3) cm on the mean head (skin, teeth, tongue) or direction in the eye's own frame; NaN where no body is shown."""
    corners: Floats
    """(V, 3) every vertex in the image: x, y in pixels and depth in cm."""
    triangles: Ints
    """(T, 3) of the body."""
    facing: npt.NDArray[np.bool_]
    """(T,) whether a triangle faces the camera."""
    px_cm: float
    """Size of a pixel at the head's distance."""


@dataclass(frozen=True)
class Field:
    """For each pixel of one image, where its surface point is in another."""

    xy: Floats
    """(S, S, 2) pixels of the other image; NaN where the pixel shows no body."""
    visible: npt.NDArray[np.bool_]
    """(S, S) whether the other image shows the point."""


def surface_of(subject: Subject, attributes: Attributes, picture: Picture) -> Surface:
    """Find the surface point at the center of every pixel of an image.

    Args:
        subject: who is shown.
        attributes: how.
        picture: what render gave for both; where it shows hair, clothes or glasses there is no surface point.
    """
    size_px = picture.parts.shape[0]
    pose, camera = Pose.of(attributes), Camera.of(attributes, size_px)
    scene = pose_person(prepare(subject, size_px), attributes, pose).scene
    corners = camera.project(scene.placed)
    triangles = scene.triangles[: num_body_triangles()]
    shown, _ = rasterize(corners, triangles, np.zeros(len(triangles), np.bool_), size_px, size_px)
    shown[~np.isin(picture.parts, _BODY)] = -1
    weights = np.zeros((size_px, size_px, 3), np.float32)
    place = np.full((size_px, size_px, 3), np.nan, np.float32)
    _interpolate(shown, corners, triangles, scene.local, weights, place)
    px_cm = attributes.span_cm / size_px
    return Surface(shown, weights, place, corners, triangles, _front_facing(corners, triangles), px_cm)


@compiled
def _interpolate(shown: Ints, corners: Floats, triangles: Ints, local: Floats, weights: Floats, place: Floats) -> None:
    for y in range(shown.shape[0]):
        for x in range(shown.shape[1]):
            t = shown[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = barycentric(corners, i, j, k, x, y)
            weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = a, b, c
            for n in range(3):
                place[y, x, n] = a * local[i, n] + b * local[j, n] + c * local[k, n]


def _front_facing(corners: Floats, triangles: Ints) -> npt.NDArray[np.bool_]:
    a, b, c = (corners[triangles[:, n], :2] for n in range(3))
    first, second = b - a, c - a
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0)


def field_to(surface: Surface, other: Surface, other_picture: Picture) -> Field:
    """Where each pixel's surface point is in another image.

    Args:
        surface: of the image whose pixels are asked for.
        other: of the image to look in; people and poses may differ.
        other_picture: that image, for what hides its surface.
    """
    on_body = surface.triangle >= 0
    corners = surface.triangles[surface.triangle]
    points = np.einsum("ijn,ijnc->ijc", surface.weights, other.corners[corners])
    xy = np.where(on_body[..., None], points[..., :2], np.nan).astype(np.float32)
    size = other_picture.parts.shape[0]
    column, row = (np.rint(np.where(on_body, points[..., axis], -1)).astype(int) for axis in (0, 1))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    at = row.clip(0, size - 1), column.clip(0, size - 1)
    near = points[..., 2] < other_picture.depth[at] + _HIDDEN_CM + _HIDDEN_PX * other.px_cm
    shown = np.isin(other_picture.parts[at], _BODY) & other.facing[surface.triangle]
    return Field(xy, on_body & inside & near & shown)
