"""The dense warp: a source's face onto a template's photograph, at the photograph's resolution."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np

from swapcore.faces.mesh.topology import FACE_OVAL
from swapcore.ops.geometry import Affine, apply, compose, invert
from swapcore.ops.image import Image
from swapcore.warp.color import Light, estimate_light, relight
from swapcore.warp.eyes import closed_in_source, move_irises
from swapcore.warp.flow import correspond
from swapcore.warp.regions import (
    face_mask,
    features,
    hair,
    hair_over_face,
    mouth_interior,
    mouth_opening,
)
from swapcore.warp.shape import reshape_template
from swapcore.warp.view import VIEW_PX, FaceView, Field, Floats, blur, grow, ramp, view_face

_SMOOTHING: Final = 0.012
"""Of the distance of the outer eye corners: the flow's blur, which hides the triangles' edges."""
_SHAPE_SHARE: Final = 1.0
_OPEN: Final = 0.01
_HIDDEN: Final = (0.05, 0.35)
"""Cosine of the source's surface to the camera, below which its mirrored half is used."""


@dataclass(frozen=True)
class DenseWarp:
    """A swap, and the fields of the template's view that it was composed by."""

    image: Image
    """uint8 (H, W, 3), as large as the template."""
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
    """One view of the source and the flow to it."""

    view: FaceView
    flow: Field
    facing: Field


def dense_warp(source: Image, source_points: Floats, template: Image, template_points: Floats) -> DenseWarp:
    """Put the source's face onto the template: expression, gaze, light, outline and hair stay the template's.

    Args:
        source: uint8 (H, W, 3) RGB, a photograph or a crop.
        source_points: (478, 3) landmarks in pixels of it.
        template: uint8 (H, W, 3) RGB.
        template_points: (478, 3) landmarks in pixels of it.
    """
    view, wanted = view_face(source, source_points), view_face(template, template_points)
    shaped = replace(wanted, points=reshape_template(wanted.points, view.points, _SHAPE_SHARE))
    moved = correspond(shaped.points, wanted.points, VIEW_PX, _SMOOTHING * wanted.eye_px).flow
    direct, mirrored = _layer(view, shaped), _layer(view.mirrored(), shaped)
    visibility = _visibility(direct, mirrored, wanted)
    warped = _mixed(_sample(direct), _sample(mirrored), visibility)
    covered = _mixed(_at_flow(hair(direct.view), direct.flow), _at_flow(hair(mirrored.view), mirrored.flow), visibility)
    mask, kept = _mask(wanted, shaped, view, covered)
    skin = _common_skin(shaped, _at_flow(hair(wanted), moved), covered)
    light = estimate_light(
        warped, _at_flow(wanted.image.astype(np.float32), moved), skin, face_mask(wanted), wanted.eye_px
    )
    image = _compose(source, template, (direct, mirrored), visibility, light, mask, wanted, (moved, kept))
    return DenseWarp(image, direct.flow, mask, visibility, light, view, wanted)


def _layer(source: FaceView, template: FaceView) -> _Layer:
    found = correspond(template.points, source.points, VIEW_PX, _SMOOTHING * template.eye_px)
    facing = blur(found.facing, 0.04 * template.eye_px)
    return _Layer(source, move_irises(found.flow, template, source), facing)


def _visibility(direct: _Layer, mirrored: _Layer, template: FaceView) -> Field:
    """Share of the direct layer: all of it, but where its surface is turned away and the mirrored one's is not."""
    hidden = ramp(direct.facing, _HIDDEN[1], _HIDDEN[0]) * ramp(mirrored.facing - direct.facing, 0.1, 0.4)
    return np.asarray(1 - blur(hidden, 0.04 * template.eye_px), dtype=np.float32)


def _mixed(direct: Field, mirrored: Field, share: Field) -> Field:
    weight = share[..., None] if direct.ndim == 3 else share
    return np.asarray(mirrored + weight * (direct - mirrored), dtype=np.float32)


def _sample(layer: _Layer) -> Field:
    return _at_flow(layer.view.image.astype(np.float32), layer.flow)


def _at_flow(values: Field, flow: Field) -> Field:
    sampled = cv2.remap(values, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _mask(template: FaceView, shaped: FaceView, source: FaceView, covered: Field) -> tuple[Field, Field]:
    """Share of the source in each pixel, and of the template's features that moved to the source's places."""
    template_hair = hair(template)
    hidden = np.maximum(hair_over_face(template, template_hair), hair_over_face(template, covered))
    mask = face_mask(template) * (1 - blur(np.minimum(hidden, 1), 0.02 * template.eye_px))
    # Teeth and tongue belong to the expression, so they are the template's.
    interior = mouth_interior(shaped, closed=mouth_opening(template) < _OPEN < mouth_opening(source))
    kept = mask * np.maximum(closed_in_source(shaped, source), interior)
    return mask - kept, kept


def _common_skin(template: FaceView, template_hair: Field, covered: Field) -> Field:
    """Where both faces show skin, for the comparison of light."""
    inside = grow(template.polygon(FACE_OVAL), -0.05 * template.eye_px)
    skin = inside * (1 - features(template, 0.03)) * (1 - template_hair) * (1 - covered)
    return grow(np.asarray(skin, dtype=np.float32), -0.01 * template.eye_px)


def _compose(
    source: Image,
    template: Image,
    layers: tuple[_Layer, _Layer],
    visibility: Field,
    light: Light,
    mask: Field,
    view: FaceView,
    moved: tuple[Field, Field],
) -> Image:
    """Enlarge the fields to the photograph's resolution and mix the photographs' own pixels."""
    left, top, right, bottom = _reach(mask + moved[1], view.affine, template.shape)
    if right <= left or bottom <= top:
        return template.copy()
    to_view = compose(view.affine, np.array([[1.0, 0, left], [0, 1.0, top]]))
    size = (right - left, bottom - top)

    def enlarge(field: Field) -> Field:
        return np.asarray(
            cv2.warpAffine(
                field, to_view, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
            ),
            dtype=np.float32,
        )

    warped = _sample_photograph(source, layers[0], enlarge)
    if float(visibility.min()) < 0.99:
        warped = _mixed(warped, _sample_photograph(source, layers[1], enlarge), enlarge(visibility))
    lit = relight(warped, Light(*map(enlarge, light[:3]), light.feature_share))
    share = enlarge(mask)[..., None]
    seen = template[top:bottom, left:right]
    mixed = seen + share * (lit - seen)
    if float(moved[1].max()) > 0:
        own = _sample_photograph(template, _Layer(view, moved[0], mask), enlarge)
        mixed = mixed + enlarge(moved[1])[..., None] * (own - seen)
    result = template.copy()
    result[top:bottom, left:right] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return result


def _sample_photograph(source: Image, layer: _Layer, enlarge: Callable[[Field], Field]) -> Field:
    """The source's own pixels, averaged first where they are much finer than the template's."""
    to_source = invert(layer.view.affine)
    places = enlarge(np.asarray(apply(to_source, layer.flow.astype(np.float64)), dtype=np.float32))
    step = np.linalg.norm(np.diff(places[:, places.shape[1] // 3 : -(places.shape[1] // 3) or None], axis=1), axis=-1)
    fineness = float(np.median(step)) if step.size else 1.0
    if fineness > 1.2:
        source = np.asarray(
            cv2.GaussianBlur(source, (0, 0), 0.45 * np.sqrt(fineness**2 - 1), borderType=cv2.BORDER_REPLICATE)
        )
    sampled = cv2.remap(source, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _reach(mask: Field, affine: Affine, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of the photograph that the mask covers."""
    rows, columns = np.nonzero(mask.max(1) > 0)[0], np.nonzero(mask.max(0) > 0)[0]
    if not len(rows):
        return 0, 0, 0, 0
    low, high = np.array([columns[0], rows[0]]) - 2, np.array([columns[-1], rows[-1]]) + 2
    corners = apply(invert(affine), np.array([low, [high[0], low[1]], high, [low[0], high[1]]], dtype=np.float64))
    first, last = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    return (
        max(0, int(first[0])),
        max(0, int(first[1])),
        min(shape[1], int(last[0])),
        min(shape[0], int(last[1])),
    )
