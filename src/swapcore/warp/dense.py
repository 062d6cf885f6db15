"""The dense warp: a source's face onto a template's photograph, at the photograph's resolution."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import FACE_OVAL, INNER_LIPS, LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from swapcore.ops.geometry import Affine, apply, compose, invert
from swapcore.ops.image import Image
from swapcore.warp.color import Areas, LightTransfer, estimate_light, relight
from swapcore.warp.eyes import closed_in_source, move_irises
from swapcore.warp.flow import correspond
from swapcore.warp.glasses import frames
from swapcore.warp.regions import (
    above_fringe,
    around_closed_mouth,
    beard_difference,
    bright_surroundings,
    closed_mouth,
    face_mask,
    hair_over_face,
    has_beard,
    mouth_interior,
)
from swapcore.warp.reshaping import reshape_template
from swapcore.warp.shading import deviation_from_skin
from swapcore.warp.skin import SkinModel, features, fit_skin, not_skin
from swapcore.warp.view import VIEW_PX, FaceView, Field, Floats, blur, grow, ramp, view_face

_SMOOTHING: Final = 0.012
"""Of the distance of the outer eye corners: the flow's blur, which hides the triangles' edges."""
_AROUND: Final = 0.3
"""Of the distance of the outer eye corners: so far around the face the template's pixels move with its outline."""
_UNMOVED_PX: Final = 0.02
_FINE: Final = 1.2
"""Photograph pixels per pixel of the result, from which on averaging is due."""
_HIDDEN: Final = (0.05, 0.35)
"""Cosine of the source's surface to the camera, below which its mirrored half is used."""
_STRETCHED: Final = (0.4, 0.8)
"""Cosine of the source's surface to the camera over the template's: below, the source has too few pixels of the surface."""
_GRAZING: Final = (0.9, 0.6)
"""The same quotient: from the first to the second the light of the source's side gives way to the template's at a finer scale."""
_RIM: Final = 0.25
"""Of the distance of the outer eye corners: the side's width."""


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
    light: LightTransfer
    source: FaceView
    template: FaceView


@dataclass(frozen=True)
class StudiedFace:
    """A face, and what its pixels show besides its skin."""

    view: FaceView
    skin: SkinModel
    other: Field
    """(S, S): share of everything that is not skin."""
    unusable: Field
    """(S, S): of a template what is in front of its face, of a source what must not be pasted."""

    def mirrored(self) -> "StudiedFace":
        """The face seen in a mirror."""
        other, unusable = (np.ascontiguousarray(field[:, ::-1]) for field in (self.other, self.unusable))
        return replace(self, view=self.view.mirrored(), other=other, unusable=unusable)


class _Layer(NamedTuple):
    """A face and the flow to it, from the template's view."""

    face: StudiedFace
    flow: Field
    facing: Field

    def at_flow(self, values: Field) -> Field:
        return at_flow(values, self.flow)

    def image(self) -> Field:
        return at_flow(self.face.view.image.astype(np.float32), self.flow)


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
    own, wanted = study_source(view_face(source, source_points)), study_template(view_face(template, template_points))
    view = wanted.view
    shaped = replace(view, points=reshape_template(view.points, own.view.points))
    layers = _Layers(_layer(own, shaped), _layer(own.mirrored(), shaped), _moved(wanted, shaped), shaped)
    visibility = _visibility(layers)
    warped = _mixed(layers.direct.image(), layers.mirrored.image(), visibility)
    stretching = _stretching(layers, visibility)
    mask, kept = _shares(layers, visibility, stretching)
    light = estimate_light(warped, layers.moved.image(), _areas(layers, visibility, stretching), view.eye_px)
    image = _compose(source, template, layers, (visibility, mask, kept), light)
    return DenseWarp(image, shaped.in_photograph(), layers.direct.flow, mask, visibility, light, own.view, view)


def study_template(view: FaceView) -> StudiedFace:
    """Find what is in front of a template's face: hair and glasses."""
    skin = fit_skin(view)
    deviation = deviation_from_skin(view, skin)
    return StudiedFace(
        view, skin, not_skin(view, deviation), np.maximum(hair_over_face(view, deviation), frames(view, deviation))
    )


def study_source(view: FaceView) -> StudiedFace:
    """Find what must not be pasted of a source: hair and the forehead between it, glasses, bright surroundings."""
    skin = fit_skin(view)
    deviation = deviation_from_skin(view, skin)
    hair = hair_over_face(view, deviation)
    bright = bright_surroundings(view, skin, deviation)
    covered = np.maximum.reduce([hair, above_fringe(view, hair), frames(view, deviation), bright])
    return StudiedFace(view, skin, not_skin(view, deviation), covered)


def at_flow(values: Field, flow: Field) -> Field:
    """Values of one view at the places that a flow names, bilinear."""
    sampled = cv2.remap(values, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.float32)


def _layer(source: StudiedFace, shaped: FaceView) -> _Layer:
    found = correspond(shaped.points, source.view.points, VIEW_PX, _SMOOTHING * shaped.eye_px)
    flow = move_irises(found.flow, shaped, source.view)
    return _Layer(source, flow, blur(found.facing, 0.04 * shaped.eye_px))


def _moved(template: StudiedFace, shaped: FaceView) -> _Layer:
    """The template's own pixels moved inside the face and, less and less, around it."""
    found = correspond(shaped.points, template.view.points, VIEW_PX, _SMOOTHING * shaped.eye_px)
    rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX].astype(np.float32)
    places = np.stack([columns, rows], -1)
    outside = np.asarray(cv2.distanceTransform((~found.inside).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    near = ramp(outside, _AROUND * shaped.eye_px, 0)[..., None]
    exact = found.flow - places
    # Pixels far outside would follow single pixels of the outline: there the displacement is smoothed.
    smooth = blur(exact, 0.12 * shaped.eye_px)
    inner = blur(found.inside.astype(np.float32), 0.04 * shaped.eye_px)[..., None]
    displacement = smooth + ramp(inner, 0.3, 0.7) * (exact - smooth)
    return _Layer(
        template, np.asarray(places + near * displacement, dtype=np.float32), blur(found.facing, 0.04 * shaped.eye_px)
    )


def _visibility(layers: _Layers) -> Field:
    """Share of the direct layer: all of it, but where its surface is turned away and the mirrored one's is not."""
    direct, mirrored = layers.direct.facing, layers.mirrored.facing
    hidden = ramp(direct, _HIDDEN[1], _HIDDEN[0]) * ramp(mirrored - direct, 0.1, 0.4)
    return np.asarray(1 - blur(hidden, 0.04 * layers.shaped.eye_px), dtype=np.float32)


def _mixed(direct: Field, mirrored: Field, share: Field) -> Field:
    weight = share[..., None] if direct.ndim == 3 else share
    return np.asarray(mirrored + weight * (direct - mirrored), dtype=np.float32)


def _shares(layers: _Layers, visibility: Field, stretching: Field) -> tuple[Field, Field]:
    """How much of the source each pixel gets, and where the template's own features stay within the new face."""
    shaped, source = layers.shaped, layers.direct.face
    in_front = layers.moved.at_flow(layers.moved.face.unusable)
    unusable = _of_source(layers, visibility, "unusable")
    # Few pixels of the source, seen at a grazing angle, would be stretched over many.
    too_stretched = ramp(stretching, _STRETCHED[1], _STRETCHED[0])
    hidden = np.maximum.reduce([in_front, unusable, too_stretched])
    beard = beard_difference((source.view, source.skin), (layers.moved.face.view, layers.moved.face.skin))
    mask = face_mask(shaped, beard) * (1 - blur(hidden, 0.02 * shaped.eye_px))
    kept = kept_of_template(shaped, source.view)
    return np.asarray(mask * (1 - kept), dtype=np.float32), np.asarray(mask * kept, dtype=np.float32)


def kept_of_template(shaped: FaceView, source: FaceView) -> Field:
    """Features within the new face that are the template's: (S, S), 0 to 1.

    Teeth and tongue belong to the expression, and closed eyes of the source show no iris.

    Args:
        shaped: the template's view with the landmarks of the new face.
        source: the source's view.
    """
    return np.maximum(closed_in_source(shaped, source), mouth_interior(shaped, closed_mouth(shaped, source)))


def _of_source(layers: _Layers, visibility: Field, name: str) -> Field:
    """A field of the source's view at the places that the result takes."""
    direct, mirrored = (layer.at_flow(getattr(layer.face, name)) for layer in (layers.direct, layers.mirrored))
    return _mixed(direct, mirrored, visibility)


def _stretching(layers: _Layers, visibility: Field) -> Field:
    """Cosine of the source's surface to the camera over that of the template's, (S, S): below 1 the source is stretched."""
    facing = _mixed(layers.direct.facing, layers.mirrored.facing, visibility)
    return np.asarray(facing / np.maximum(layers.moved.facing, 0.1), dtype=np.float32)


def _areas(layers: _Layers, visibility: Field, stretching: Field) -> Areas:
    """What the warped source and the moved template show."""
    shaped = layers.shaped
    inside = grow(shaped.polygon(FACE_OVAL), -0.05 * shaped.eye_px)
    bare = inside * (1 - features(shaped, 0.03))
    others = _of_source(layers, visibility, "other"), layers.moved.at_flow(layers.moved.face.other)
    own, wanted = (grow(np.asarray(bare * (1 - other), np.float32), -0.01 * shaped.eye_px) for other in others)
    eyes = np.maximum(shaped.polygon(LEFT_EYE), shaped.polygon(RIGHT_EYE))
    brows = grow(np.maximum(shaped.polygon(LEFT_BROW), shaped.polygon(RIGHT_BROW)), 0.03 * shaped.eye_px)
    rim = 1 - blur(grow(shaped.polygon(FACE_OVAL), -_RIM * shaped.eye_px), 0.06 * shaped.eye_px)
    side = rim * ramp(stretching, *_GRAZING)
    lips = grow(shaped.polygon(OUTER_LIPS), -0.015 * shaped.eye_px) * (1 - shaped.polygon(INNER_LIPS))
    lips = blur(np.asarray(lips, np.float32), 0.015 * shaped.eye_px)
    source = layers.direct.face
    closed = closed_mouth(shaped, source.view)
    if closed:  # a beard around the mouth is no shadow
        closed *= 1 - has_beard(source.view, source.skin)
    around_mouth = around_closed_mouth(shaped, closed)
    eyes, brows = blur(eyes, 0.008 * shaped.eye_px), blur(brows, 0.03 * shaped.eye_px)
    return Areas(own, wanted, face_mask(shaped), eyes, brows, lips, around_mouth, side)


def _compose(
    source: Image, template: Image, layers: _Layers, shares: tuple[Field, Field, Field], light: LightTransfer
) -> Image:
    """Enlarge the fields to the photograph's resolution and mix the photographs' own pixels."""
    visibility, mask, _ = shares
    view = layers.moved.face.view
    rows, columns = np.mgrid[:VIEW_PX, :VIEW_PX]
    changed = (mask > 0) | (np.abs(layers.moved.flow - np.stack([columns, rows], -1)).max(-1) > _UNMOVED_PX)
    enlarge, (left, top, right, bottom) = _enlarger(changed, view.affine, template.shape)
    warped = _sample(source, layers.direct, enlarge)
    if float(visibility.min()) < 0.99:
        warped = _mixed(warped, _sample(source, layers.mirrored, enlarge), enlarge(visibility))
    lit = relight(warped, LightTransfer(*(enlarge(field) for field in light)))
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
    to_photograph = invert(layer.face.view.affine)
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
