"""Light and skin color of the template for the source's face, in logarithms of sRGB."""

from typing import Final, NamedTuple

import numpy as np

from swapcore.warp.view import Field, blur, ramp

_FLOOR: Final = 6.0
"""Gray levels added before the logarithm, so that noise in the dark stays small."""
_LIGHT_SIGMA: Final = 0.16
"""Of the distance of the outer eye corners: what varies more slowly is light and skin color."""
_FAR_SIGMA: Final = 0.6
_FEATURE_SIGMA: Final = 0.05
_SOFTER: Final = 0.3
_DARK_FEATURES: Final = 1.3
_DARKER, _PALER = (0.5, 1.0), (0.45, 1.1)
"""Difference of the skins' logarithms for a darker and for a paler source: from here to there the features' tones become the
template's."""
_PALER_SHARE: Final = 0.8
_WHITE_PERCENTILE: Final = 75
"""Of the brightness in the eyes: what is brighter is the white of the eye."""
_MIN_EYE_PX: Final = 12.0
_SKIN_DETAIL: Final = 0.22
"""Logarithm: up to here a pixel differs from its surroundings as skin does, beyond it is hair, a nostril or a highlight."""
_CONTRAST_BOUNDS: Final = (0.4, 1.35)
_BLACK, _WHITE = np.log(14.0 + _FLOOR), np.log(255.0 + _FLOOR)
_DARK_BOUNDS: Final = (0.45, 2.2)
_BRIGHT_BOUNDS: Final = (0.25, 1.0)


class Areas(NamedTuple):
    """What the pixels of a view show; each (S, S), 0 to 1."""

    source_skin: Field
    template_skin: Field
    face: Field
    eyes: Field
    """Between the lids."""
    brows: Field


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
    own, wanted = (
        _slow(values, skin, inside, _LIGHT_SIGMA * eye_px, eye_px)
        for values, skin in zip((first, second), skins, strict=True)
    )
    # Shadows, highlights and lips of a much darker or paler source do not become the template's by an exchange of slow light:
    # there the template also gives the tones of the features, which have the same places. Brows and eyes stay the source's.
    near = [_slow(values, inside, inside, _FEATURE_SIGMA * eye_px, eye_px) for values in (first, second)]
    brighter = float(np.average((wanted - own).mean(-1), weights=inside + 1e-6))
    amount = float(ramp(brighter, *_DARKER)) + _PALER_SHARE * float(ramp(-brighter, *_PALER))
    share = np.asarray(amount * (1 - areas.brows), dtype=np.float32)
    own, wanted = (slow + share[..., None] * (fine - slow) for slow, fine in zip((own, wanted), near, strict=True))
    detail, wanted_detail = _detail(first, own), _detail(second, wanted)
    sigma = 2 * _LIGHT_SIGMA * eye_px
    ratio = _deviation(wanted_detail, skins[1], sigma) / np.maximum(_deviation(detail, skins[0], sigma), 1e-4)
    contrast = np.clip(ratio, *_CONTRAST_BOUNDS) * (1 - _SOFTER * share)
    light = LightTransfer(
        own, wanted, np.asarray(contrast, dtype=np.float32), share, np.asarray(amount * areas.brows, np.float32)
    )
    return _with_eyes(light, (first, second), areas.eyes)


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
    return LightTransfer(own, wanted, contrast, share, light.dark_hair)


def _white(values: Field, eyes: Field) -> Field:
    """Mean logarithm (3,) of the brightest part of the eyes."""
    inside = eyes > 0.5
    inside = inside if inside.any() else eyes > 0
    level = values.mean(-1)
    bright = inside & (level >= np.percentile(level[inside], _WHITE_PERCENTILE))
    return np.asarray(values[bright].mean(0), dtype=np.float32)


def relight(warped: Field, light: LightTransfer) -> Field:
    """Exchange the slow light: float32 (H, W, 3), gray levels.

    Detail of the size of skin's keeps its relative contrast, times ``contrast``. What is much darker (hair, brows, pupils) is mapped
    so that black stays black, what is much brighter (highlights) so that white stays white: else a dark face on a pale template
    would get gray brows and white patches, and a pale face on a dark template black shadows.

    Args:
        warped: (H, W, 3), gray levels.
        light: its fields at the same size.
    """
    own, wanted, contrast, feature_share, dark_hair = light
    logarithm = to_log(warped)
    detail = logarithm - own
    level = detail.mean(-1)
    own_level, wanted_level = own.mean(-1), wanted.mean(-1)
    dark = np.clip((wanted_level - _BLACK) / np.maximum(own_level - _BLACK, 0.2), *_DARK_BOUNDS)
    dark = dark + feature_share * (np.minimum(dark, _DARK_FEATURES) - dark)
    bright = np.clip((_WHITE - wanted_level) / np.maximum(_WHITE - own_level, 0.1), *_BRIGHT_BOUNDS)
    level = level - dark_hair * np.maximum(level, 0)
    small = np.clip(level, -_SKIN_DETAIL, _SKIN_DETAIL)
    mapped = contrast * small + np.where(level < 0, dark, bright) * (level - small)
    # Hair takes the template's brightness, not its skin's hue.
    hair = ((1 - feature_share) * ramp(level, -_SKIN_DETAIL, -3 * _SKIN_DETAIL))[..., None]
    shift = wanted - own
    hue = shift - shift.mean(-1, keepdims=True)
    chroma = (detail - level[..., None]) * np.minimum(contrast, 1)[..., None] + own + hue * (1 - hair)
    result = chroma - own_level[..., None] + (wanted_level + mapped)[..., None]
    return np.asarray(np.exp(result) - _FLOOR, dtype=np.float32)


def to_log(image: Field) -> Field:
    """Logarithm of gray levels (S, S, 3)."""
    return np.asarray(np.log(np.maximum(image, 0) + _FLOOR), dtype=np.float32)


def _slow(values: Field, skin: Field, inside: Field, sigma_px: float, eye_px: float) -> Field:
    """Blur of skin pixels only; where none are near, of those farther away, and of the whole face at last."""
    everywhere = np.average(values.reshape(-1, 3), axis=0, weights=inside.ravel() + 1e-6)
    total = skin.sum()
    mean = (values * skin[..., None]).sum((0, 1)) / total if total > 1 else everywhere
    result = np.broadcast_to(mean, values.shape).astype(np.float32)
    for sigma in (_FAR_SIGMA * eye_px, sigma_px):
        weight = blur(skin, sigma)[..., None]
        near = blur(values * skin[..., None], sigma) / np.maximum(weight, 1e-4)
        result = np.asarray(result + ramp(weight, 0.02, 0.25) * (near - result), dtype=np.float32)
    return np.asarray(result, dtype=np.float32)


def _detail(values: Field, slow: Field) -> Field:
    return np.asarray(np.clip((values - slow).mean(-1), -_SKIN_DETAIL, _SKIN_DETAIL), dtype=np.float32)


def _deviation(detail: Field, skin: Field, sigma_px: float) -> Field:
    weight = np.maximum(blur(skin, sigma_px), 1e-3)
    mean = blur(detail * skin, sigma_px) / weight
    square = blur(detail**2 * skin, sigma_px) / weight
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 1e-6)), dtype=np.float32)
