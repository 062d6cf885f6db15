"""Light and skin color of the template for the source's face, in logarithms of sRGB."""

from typing import Final, NamedTuple

import numpy as np
import torch

from swapcore.ops.light import (
    DARKER,
    DARKER_SHARE,
    FAR_SIGMA,
    FEATURE_SIGMA,
    FLOOR,
    HALF_RANGE,
    LIGHT_SIGMA,
    LIPS,
    LIPS_SIGMA,
    PALE_LIPS_SHARE,
    PALER,
    PALER_SHARE,
    SKIN_DETAIL,
    SOFTER,
    Light,
)
from swapcore.ops.light import relight as relight_tensors
from swapcore.warp.view import Field, blur, ramp

_SIDE_SIGMA: Final = 0.06
"""Of the distance of the outer eye corners: what varies more slowly is light, at the side, where it falls off faster."""
_SIDE_SOFTER: Final = 0.85
"""Detail at the side, which is stretched to streaks and has the hue of reflections, is weaker by this share."""
_AROUND_MOUTH: Final = (0.1, 0.35)
"""Difference of the skins' logarithms for a darker source: from here to there shadows around its open mouth go."""
_WHITE_PERCENTILE: Final = 75
"""Of the brightness in the eyes: what is brighter is the white of the eye."""
_MIN_EYE_PX: Final = 12.0
_CONTRAST_BOUNDS: Final = (0.9, 1.35)
"""Less would cost the source's features; measured on 55 pairs, 0.4 takes 0.01 of the cosine to the source."""


class Areas(NamedTuple):
    """What the pixels of a view show; each (S, S), 0 to 1."""

    source_skin: Field
    template_skin: Field
    face: Field
    eyes: Field
    """Between the lids."""
    brows: Field
    lips: Field
    around_mouth: Field
    """Where a source's open mouth leaves shadows on the skin around a closed one."""
    side: Field
    """Next to the outline, where the source's skin is seen at a more grazing angle than the template's."""


class LightTransfer(NamedTuple):
    """How a warped source becomes lit as the template is; fields of the view, smooth enough to be enlarged."""

    own: Field
    """(S, S, 3): slow part of the warped source."""
    wanted: Field
    """(S, S, 3): slow part of the template."""
    contrast: Field
    """(S, S): of skin detail."""
    feature_share: Field
    """(S, S), 0 to 1: how far the features' tones are the template's, for a source that is much darker or paler."""
    dark_hair: Field
    """(S, S), 0 to 1: where hair must not become brighter than skin, as gray brows of dark skin would on pale skin."""
    brows: Field
    """(S, S), 0 to 1: where hair must not become bluer than gray."""


def estimate_light(warped: Field, template: Field, areas: Areas, eye_px: float) -> LightTransfer:
    """Compare the slow light of two aligned faces where they show skin.

    Args:
        warped: (S, S, 3), gray levels, the source.
        template: (S, S, 3), with its features at the same places.
        areas: what the pixels show.
        eye_px: distance of the outer eye corners.
    """
    inside, skins = areas.face, (areas.source_skin, areas.template_skin)
    first, second = to_log(warped), to_log(template)
    own, wanted = [
        _slow(values, skin, inside, LIGHT_SIGMA * eye_px, eye_px)
        for values, skin in zip((first, second), skins, strict=True)
    ]
    # Toward the outline light and hue change within a short distance, and differently in each pose.
    fine = [
        _refined(slow, values, skin, _SIDE_SIGMA * eye_px)
        for slow, values, skin in zip((own, wanted), (first, second), skins, strict=True)
    ]
    own, wanted = (slow + areas.side[..., None] * (near - slow) for slow, near in zip((own, wanted), fine, strict=True))
    brighter = float(np.average((wanted - own).mean(-1), weights=inside + 1e-6))
    around_mouth = ramp(brighter, *_AROUND_MOUTH) * areas.around_mouth
    if around_mouth.any():
        around_lips = np.asarray(inside * (1 - areas.lips), dtype=np.float32)
        shadows = _refined(own, first, around_lips, FEATURE_SIGMA * eye_px)
        own = own + around_mouth[..., None] * (shadows - own)
    # Shadows, highlights and lips of a much darker or paler source do not become the template's by an exchange of slow light:
    # there the template also gives the tones of the features, which have the same places. Brows and eyes stay the source's.
    near = [_slow(values, inside, inside, FEATURE_SIGMA * eye_px, eye_px) for values in (first, second)]
    amount = DARKER_SHARE * float(ramp(brighter, *DARKER)) + PALER_SHARE * float(ramp(-brighter, *PALER))
    share = np.asarray(amount * (1 - areas.brows), dtype=np.float32)
    own, wanted = (slow + share[..., None] * (fine - slow) for slow, fine in zip((own, wanted), near, strict=True))
    detail, wanted_detail = _detail(first, own), _detail(second, wanted)
    sigma = 2 * LIGHT_SIGMA * eye_px
    ratio = _deviation(wanted_detail, skins[1], sigma) / np.maximum(_deviation(detail, skins[0], sigma), 1e-4)
    contrast = np.clip(ratio, *_CONTRAST_BOUNDS) * (1 - SOFTER * share) * (1 - _SIDE_SOFTER * areas.side)
    brows = np.asarray(areas.brows, dtype=np.float32)
    light = LightTransfer(own, wanted, np.asarray(contrast, dtype=np.float32), share, amount * brows, brows)
    lips = areas.lips * max(float(ramp(brighter, *LIPS)), PALE_LIPS_SHARE * float(ramp(-brighter, *LIPS)))
    light = _with_lips(light, (first, second), lips, LIPS_SIGMA * eye_px)
    return _with_eyes(light, (first, second), areas.eyes)


def _with_lips(light: LightTransfer, logarithms: tuple[Field, Field], lips: Field, sigma_px: float) -> LightTransfer:
    """Give lips (S, S), 0 to 1, the template's tone; on much darker or paler skin the source's own looks like paint."""
    if not lips.any():
        return light
    own, wanted = (
        np.asarray(slow + lips[..., None] * (_refined(slow, values, lips, sigma_px) - slow), dtype=np.float32)
        for slow, values in zip((light.own, light.wanted), logarithms, strict=True)
    )
    return light._replace(own=own, wanted=wanted)


def _with_eyes(light: LightTransfer, logarithms: tuple[Field, Field], eyes: Field) -> LightTransfer:
    """Bring the whites of the eyes, not the skin around them, to the template's brightness."""
    if float(eyes.sum()) < _MIN_EYE_PX:
        return light
    whites = [_white(values, eyes) for values in logarithms]
    weight = eyes[..., None]
    own, wanted = (
        np.asarray(slow + weight * (white - slow), dtype=np.float32)
        for slow, white in zip((light.own, light.wanted), whites, strict=True)
    )
    contrast = np.asarray(light.contrast + eyes * (1 - light.contrast), dtype=np.float32)
    share = np.asarray(light.feature_share * (1 - eyes), dtype=np.float32)
    return light._replace(own=own, wanted=wanted, contrast=contrast, feature_share=share)


def _white(values: Field, eyes: Field) -> Field:
    """Mean logarithm (3,) of the brightest part of the eyes."""
    inside = eyes > 0.5
    inside = inside if inside.any() else eyes > 0
    level = values.mean(-1)
    bright = inside & (level >= np.percentile(level[inside], _WHITE_PERCENTILE))
    return np.asarray(values[bright].mean(0), dtype=np.float32)


def relight(warped: Field, light: LightTransfer) -> Field:
    """Exchange the slow light, see ``ops.light.relight``: float32 (H, W, 3), gray levels.

    Args:
        warped: (H, W, 3), gray levels.
        light: its fields at the same size.
    """
    fields = Light(**{name: _to_batch(field) for name, field in light._asdict().items()})
    lit = relight_tensors(_to_batch(warped) / HALF_RANGE - 1, fields)
    return np.ascontiguousarray(((lit[0] + 1) * HALF_RANGE).permute(1, 2, 0).numpy())


def _to_batch(field: Field) -> torch.Tensor:
    """(S, S) or (S, S, C) as a batch of one, (1, C, S, S)."""
    return torch.from_numpy(np.atleast_3d(field)).permute(2, 0, 1)[None]


def to_log(image: Field) -> Field:
    """Logarithm of gray levels (S, S, 3)."""
    return np.asarray(np.log(np.maximum(image, 0) + FLOOR), dtype=np.float32)


def _slow(values: Field, skin: Field, inside: Field, sigma_px: float, eye_px: float) -> Field:
    """Blur of skin pixels only; where none are near, of those farther away, and of the whole face at last."""
    everywhere = np.average(values.reshape(-1, 3), axis=0, weights=inside.ravel() + 1e-6)
    total = skin.sum()
    mean = (values * skin[..., None]).sum((0, 1)) / total if total > 1 else everywhere
    result = np.broadcast_to(mean, values.shape).astype(np.float32)
    for sigma in (FAR_SIGMA * eye_px, sigma_px):
        result = _refined(result, values, skin, sigma)
    return result


def _refined(slow: Field, values: Field, skin: Field, sigma_px: float) -> Field:
    """Blur of skin pixels where they are near, what is known from farther away elsewhere."""
    weight = blur(skin, sigma_px)[..., None]
    near = blur(values * skin[..., None], sigma_px) / np.maximum(weight, 1e-4)
    return np.asarray(slow + ramp(weight, 0.02, 0.25) * (near - slow), dtype=np.float32)


def _detail(values: Field, slow: Field) -> Field:
    return np.asarray(np.clip((values - slow).mean(-1), -SKIN_DETAIL, SKIN_DETAIL), dtype=np.float32)


def _deviation(detail: Field, skin: Field, sigma_px: float) -> Field:
    weight = np.maximum(blur(skin, sigma_px), 1e-3)
    mean = blur(detail * skin, sigma_px) / weight
    square = blur(detail**2 * skin, sigma_px) / weight
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 1e-6)), dtype=np.float32)
