"""The dense warp: a source's face onto a template's photograph, at the photograph's resolution."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import FACE_OVAL
from swapcore.ops.geometry import Affine, apply, compose, invert
from swapcore.ops.image import Image
from swapcore.warp.color import Light, estimate_light, relight
from swapcore.warp.eyes import closed_in_source, move_irises
from swapcore.warp.flow import correspond
from swapcore.warp.regions import face_mask, features, hair, hair_over_face, mouth_interior, mouth_opening
from swapcore.warp.shape import reshape_template
from swapcore.warp.view import VIEW_PX, FaceView, Field, Floats, blur, grow, ramp, view_face

_SMOOTHING: Final = 0.012
"""Of the distance of the outer eye corners: the flow's blur, which hides the triangles' edges."""
_AROUND: Final = 0.3
"""Of the distance of the outer eye corners: so far around the face the template's pixels move with its outline."""
_UNMOVED_PX: Final = 0.02
_FINE: Final = 1.2
"""Photograph pixels per pixel of the result, from which on averaging is due."""
_OPEN: Final = 0.01
"""Mouth opening in distances of the outer eye corners; less is closed."""
_HIDDEN: Final = (0.05, 0.35)
"""Cosine of the source's surface to the camera, below which its mirrored half is used."""


@dataclass(frozen=True)
class DenseWarp:
    """A swap, and the fields of the template's view that it was composed by."""

    image: Image
    """uint8 (H, W, 3), as large as the template."""
    points: Floats
    """(478, 3) landmarks of the new face, in pixels of the template."""
    flow: Field
    """(S, S, 2): x, y in the source's view for each pixel of the template's view."""
    mask: Field
    """(S, S): share of the source, 0 to 1."""
    visibility: Field
    """(S, S): 1 where the source shows the surface, 0 where its mirrored half was used."""
    light: Light
    source: FaceView
    template: FaceView


class _Layer(NamedTuple):
    """A view and the flow to it, from the template's view."""

    view: FaceView
    flow: Field
    facing: Field

    def image(self) -> Field:
        return at_flow(self.view.image.astype(np.float32), self.flow)

    def hair(self) -> Field:
        return at_flow(hair(self.view), self.flow)


class _Layers(NamedTuple):
    """All that the result is mixed from."""

    direct: _Layer
    mirrored: _Layer
    """Of the source."""
    moved: _Layer
    """Of the template: its pixels at the places that the source's proportions give them."""
    shaped: FaceView
    """The template's view with landmarks at those places."""


def dense_warp(source: Image, source_points: Floats, template: Image, template_points: Floats) -> DenseWarp:
    """Put the source's face onto the template: pose, expression, gaze, light and hair stay the template's.

    Args:
        source: uint8 (H, W, 3) RGB, a photograph or a crop.
        source_points: (478, 3) landmarks in pixels of it.
        template: uint8 (H, W, 3) RGB.
        template_points: (478, 3) landmarks in pixels of it.
    """
    own, view = view_face(source, source_points), view_face(template, template_points)
    shaped = replace(view, points=reshape_template(view.points, own.points))
    layers = _Layers(_layer(own, shaped), _layer(own.mirrored(), shaped), _moved(view, shaped), shaped)
    visibility = _visibility(layers)
    warped = _mixed(layers.direct.image(), layers.mirrored.image(), visibility)
    source_hair = _mixed(layers.direct.hair(), layers.mirrored.hair(), visibility)
    template_hair = layers.moved.hair()
    mask, kept = _shares(layers, source_hair, template_hair)
    skin = _common_skin(shaped, source_hair, template_hair)
    light = estimate_light(warped, layers.moved.image(), skin, face_mask(shaped), view.eye_px)
    image = _compose(source, template, layers, (visibility, mask, kept), light)
    return DenseWarp(image, shaped.in_photograph(), layers.direct.flow, mask, visibility, light, own, view)


def at_flow(values: Field, flow: Field) -> Field:
    """Values of one view at the places that a flow names, bilinear."""
    sampled = cv2.remap(values, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _layer(source: FaceView, shaped: FaceView) -> _Layer:
    found = correspond(shaped.points, source.points, VIEW_PX, _SMOOTHING * shaped.eye_px)
    return _Layer(source, move_irises(found.flow, shaped, source), blur(found.facing, 0.04 * shaped.eye_px))


def _moved(template: FaceView, shaped: FaceView) -> _Layer:
    """The template's own pixels moved inside the face and, less and less, around it."""
    found = correspond(shaped.points, template.points, VIEW_PX, _SMOOTHING * shaped.eye_px)
    rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX].astype(np.float32)
    places = np.stack([columns, rows], -1)
    outside = np.asarray(cv2.distanceTransform((~found.inside).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    near = ramp(outside, _AROUND * shaped.eye_px, 0)[..., None]
    exact = found.flow - places
    # Pixels far outside would follow single pixels of the outline: there the displacement is smoothed.
    smooth = blur(exact, 0.12 * shaped.eye_px)
    inner = blur(found.inside.astype(np.float32), 0.04 * shaped.eye_px)[..., None]
    displacement = smooth + ramp(inner, 0.3, 0.7) * (exact - smooth)
    return _Layer(template, np.asarray(places + near * displacement, dtype=np.float32), found.facing)


def _visibility(layers: _Layers) -> Field:
    """Share of the direct layer: all of it, but where its surface is turned away and the mirrored one's is not."""
    direct, mirrored = layers.direct.facing, layers.mirrored.facing
    hidden = ramp(direct, _HIDDEN[1], _HIDDEN[0]) * ramp(mirrored - direct, 0.1, 0.4)
    return np.asarray(1 - blur(hidden, 0.04 * layers.shaped.eye_px), dtype=np.float32)


def _mixed(direct: Field, mirrored: Field, share: Field) -> Field:
    weight = share[..., None] if direct.ndim == 3 else share
    return np.asarray(mirrored + weight * (direct - mirrored), dtype=np.float32)


def _shares(layers: _Layers, source_hair: Field, template_hair: Field) -> tuple[Field, Field]:
    """How much of the source each pixel gets, and where the template's own features stay within the new face."""
    shaped, source = layers.shaped, layers.direct.view
    hidden = np.maximum(hair_over_face(shaped, template_hair), hair_over_face(shaped, source_hair))
    mask = face_mask(shaped) * (1 - blur(hidden, 0.02 * shaped.eye_px))
    # Teeth and tongue belong to the expression, so they are the template's.
    closed = mouth_opening(shaped) < _OPEN < mouth_opening(source)
    kept = np.maximum(closed_in_source(shaped, source), mouth_interior(shaped, closed=closed))
    return np.asarray(mask * (1 - kept), dtype=np.float32), np.asarray(mask * kept, dtype=np.float32)


def _common_skin(shaped: FaceView, source_hair: Field, template_hair: Field) -> Field:
    """Where both faces show skin, for the comparison of light."""
    inside = grow(shaped.polygon(FACE_OVAL), -0.05 * shaped.eye_px)
    skin = inside * (1 - features(shaped, 0.03)) * (1 - template_hair) * (1 - source_hair)
    return grow(np.asarray(skin, dtype=np.float32), -0.01 * shaped.eye_px)


def _compose(
    source: Image, template: Image, layers: _Layers, shares: tuple[Field, Field, Field], light: Light
) -> Image:
    """Enlarge the fields to the photograph's resolution and mix the photographs' own pixels."""
    visibility, mask, _ = shares
    view = layers.moved.view
    rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX]
    changed = (mask > 0) | (np.abs(layers.moved.flow - np.stack([columns, rows], -1)).max(-1) > _UNMOVED_PX)
    enlarge, (left, top, right, bottom) = _enlarger(changed, view.affine, template.shape)
    warped = _sample(source, layers.direct, enlarge)
    if float(visibility.min()) < 0.99:
        warped = _mixed(warped, _sample(source, layers.mirrored, enlarge), enlarge(visibility))
    own, wanted, contrast = enlarge(light.own), enlarge(light.wanted), enlarge(light.contrast)
    lit = relight(warped, Light(own, wanted, contrast, light.feature_share))
    base = _sample(template, layers.moved, enlarge)
    result = template.copy()
    mixed = base + enlarge(mask)[..., None] * (lit - base)
    unchanged = enlarge(changed.astype(np.float32)) == 0
    seen = template[top:bottom, left:right]
    result[top:bottom, left:right] = np.where(unchanged[..., None], seen, np.clip(mixed + 0.5, 0, 255).astype(np.uint8))
    return result


def _enlarger(
    changed: npt.NDArray[np.bool_], affine: Affine, shape: tuple[int, ...]
) -> tuple[Callable[[Field], Field], tuple[int, int, int, int]]:
    """The part of the photograph that changes, and what brings fields of the view to its resolution."""
    left, top, right, bottom = _reach(changed, affine, shape)
    to_view = compose(affine, np.array([[1.0, 0, left], [0, 1.0, top]]))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def enlarge(field: Field) -> Field:
        size = (right - left, bottom - top)
        return np.asarray(
            cv2.warpAffine(field, to_view, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    return enlarge, (left, top, right, bottom)


def _sample(photograph: Image, layer: _Layer, enlarge: Callable[[Field], Field]) -> Field:
    """The photograph's own pixels, averaged first where they are much finer than the result's."""
    to_photograph = invert(layer.view.affine)
    places = enlarge(np.asarray(apply(to_photograph, layer.flow.astype(np.float64)), dtype=np.float32))
    step = np.linalg.norm(np.diff(places[places.shape[0] // 2], axis=0), axis=-1)
    fineness = float(np.median(step)) if step.size else 1.0
    if fineness > _FINE:
        sigma = 0.45 * np.sqrt(fineness**2 - 1)
        photograph = np.asarray(cv2.GaussianBlur(photograph, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)
    sampled = cv2.remap(photograph, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _reach(changed: npt.NDArray[np.bool_], affine: Affine, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of a photograph (H, W, 3) that the view's changed pixels cover."""
    rows, columns = np.nonzero(changed.any(1))[0], np.nonzero(changed.any(0))[0]
    low, high = np.array([columns[0], rows[0]]) - 2.0, np.array([columns[-1], rows[-1]]) + 2.0
    corners = apply(invert(affine), np.array([low, [high[0], low[1]], high, [low[0], high[1]]]))
    first = np.clip(np.floor(corners.min(0)), 0, [shape[1] - 1, shape[0] - 1]).astype(int)
    last = np.clip(np.ceil(corners.max(0)) + 1, first + 1, [shape[1], shape[0]]).astype(int)
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])
