"""Light and skin color of the template for the source's face, in logarithms of sRGB."""

from typing import Final, NamedTuple

import numpy as np

from swapcore.warp.view import Field, blur, ramp

_FLOOR: Final = 6.0
"""Gray levels added before the logarithm, so that noise in the dark stays small."""
_LIGHT_SIGMA: Final = 0.16
"""Of the distance of the outer eye corners: what varies more slowly is light and skin color."""
_FAR_SIGMA: Final = 0.6
_SIDE_SIGMA: Final = 0.06
"""The same at the side, where light falls off faster."""
_SIDE_SOFTER: Final = 0.85
"""Detail at the side, which is stretched to streaks and has the hue of reflections, is weaker by this share."""
_FEATURE_SIGMA: Final = 0.05
_SOFTER: Final = 0.3
_DARK_FEATURES: Final = 1.0
"""Bounds how dark shadows and strands of a much darker source are next to the template's skin; brows and eyes are not bounded."""
_DARKER, _PALER = (0.6, 1.3), (0.9, 1.7)
"""Difference of the skins' logarithms for a darker and for a paler source: from here to there the features' tones become the
template's."""
_DARKER_SHARE, _PALER_SHARE = 0.7, 0.4
_LIPS: Final = (0.25, 0.7)
"""The same difference, of a darker or a paler source: from here to there the lips' tone becomes the template's."""
_PALE_LIPS_SHARE: Final = 0.6
_LIPS_SIGMA: Final = 0.12
_AROUND_MOUTH: Final = (0.1, 0.35)
"""The same for a darker source: from here to there shadows around its open mouth go."""
_WHITE_PERCENTILE: Final = 75
"""Of the brightness in the eyes: what is brighter is the white of the eye."""
_MIN_EYE_PX: Final = 12.0
_SKIN_DETAIL: Final = 0.22
"""Logarithm: up to here a pixel differs from its surroundings as skin does, beyond it is hair, a nostril or a highlight."""
_CONTRAST_BOUNDS: Final = (0.9, 1.35)
"""Less would cost the source's features; measured on 55 pairs, 0.4 takes 0.01 of the cosine to the source."""
_BLACK, _WHITE = np.log(14.0 + _FLOOR), np.log(255.0 + _FLOOR)
_ROOM: Final = 0.5
"""Of the distance from skin to white, as logarithms: reflections of darker skin stay below."""
_DARK_BOUNDS: Final = (0.8, 2.2)
_WARM_BROWS: Final = 0.6
"""Of the skin's hue: brows are at least so warm. Hair is never bluer than gray, but gray next to pale skin looks blue."""


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
        _slow(values, skin, inside, _LIGHT_SIGMA * eye_px, eye_px)
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
        shadows = _refined(own, first, around_lips, _FEATURE_SIGMA * eye_px)
        own = own + around_mouth[..., None] * (shadows - own)
    # Shadows, highlights and lips of a much darker or paler source do not become the template's by an exchange of slow light:
    # there the template also gives the tones of the features, which have the same places. Brows and eyes stay the source's.
    near = [_slow(values, inside, inside, _FEATURE_SIGMA * eye_px, eye_px) for values in (first, second)]
    amount = _DARKER_SHARE * float(ramp(brighter, *_DARKER)) + _PALER_SHARE * float(ramp(-brighter, *_PALER))
    share = np.asarray(amount * (1 - areas.brows), dtype=np.float32)
    own, wanted = (slow + share[..., None] * (fine - slow) for slow, fine in zip((own, wanted), near, strict=True))
    detail, wanted_detail = _detail(first, own), _detail(second, wanted)
    sigma = 2 * _LIGHT_SIGMA * eye_px
    ratio = _deviation(wanted_detail, skins[1], sigma) / np.maximum(_deviation(detail, skins[0], sigma), 1e-4)
    contrast = np.clip(ratio, *_CONTRAST_BOUNDS) * (1 - _SOFTER * share) * (1 - _SIDE_SOFTER * areas.side)
    brows = np.asarray(areas.brows, dtype=np.float32)
    light = LightTransfer(own, wanted, np.asarray(contrast, dtype=np.float32), share, amount * brows, brows)
    lips = areas.lips * max(float(ramp(brighter, *_LIPS)), _PALE_LIPS_SHARE * float(ramp(-brighter, *_LIPS)))
    light = _with_lips(light, (first, second), lips, _LIPS_SIGMA * eye_px)
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
    """Exchange the slow light: float32 (H, W, 3), gray levels.

    Detail of the size of skin's keeps its relative contrast, times ``contrast``. What is much darker (hair, brows, pupils) is mapped
    so that black stays black; else a dark face on a pale template would get gray brows, and a pale face on a dark template black
    shadows. What is brighter are mostly reflections, which add the same light to any skin: relative to paler skin it is less.

    Args:
        warped: (H, W, 3), gray levels.
        light: its fields at the same size.
    """
    own, wanted, contrast, feature_share, dark_hair, _ = light
    detail = np.asarray(to_log(warped) - own, dtype=np.float32)
    level = detail.mean(-1)
    own_level, wanted_level = own.mean(-1), wanted.mean(-1)
    dark = np.clip((wanted_level - _BLACK) / np.maximum(own_level - _BLACK, 0.2), *_DARK_BOUNDS)
    limit = np.minimum(feature_share / _DARKER_SHARE, 1)
    dark = dark + limit * (np.minimum(dark, _DARK_FEATURES) - dark)
    level = level - dark_hair * np.maximum(level, 0)
    same = np.where(level < 0, level, _reflections(np.maximum(level, 0), own_level, wanted_level))
    small = np.clip(same, -_SKIN_DETAIL, _SKIN_DETAIL)
    mapped = contrast * small + np.where(level < 0, dark, 1) * (same - small)
    hue = _hues(detail, light, level, same)
    return np.asarray(np.exp(hue + (wanted_level + mapped)[..., None]) - _FLOOR, dtype=np.float32)


def _hues(detail: Field, light: LightTransfer, level: Field, same: Field) -> Field:
    """Differences of the channels from their mean (S, S, 3), after the exchange.

    Args:
        detail: (S, S, 3), what deviates from the slow light.
        light: the exchange.
        level: (S, S), the brightness of the detail.
        same: the same on the template's skin.
    """
    own, wanted = (slow - slow.mean(-1, keepdims=True) for slow in (light.own, light.wanted))
    # Hair takes the template's brightness, not its skin's hue.
    hair = (1 - light.feature_share) * ramp(level, -_SKIN_DETAIL, -3 * _SKIN_DETAIL)
    # Reflections are less colored than skin by as much as they are brighter.
    reflected = np.where(level > 0, same / np.maximum(level, 1e-6), 1)
    share = np.minimum(light.contrast, 1) * reflected
    fine = (detail - detail.mean(-1, keepdims=True)) * share[..., None]
    return _warm(fine + own + (wanted - own) * (1 - hair)[..., None], wanted, light.brows)


def _reflections(level: Field, own_level: Field, wanted_level: Field) -> Field:
    """What is brighter than skin, (S, S), on the template's skin: the same light added, and less as that skin nears white."""
    ratio = np.minimum(np.exp(own_level - wanted_level), 1)
    added = np.log1p(np.expm1(level) * ratio)
    room = np.maximum(_ROOM * (_WHITE - wanted_level), 0.02)
    limited = room * (1 - np.exp(-added / room))
    return np.asarray(added + ramp(ratio, 0.9, 0.5) * (limited - added), dtype=np.float32)


def _warm(hue: Field, skin_hue: Field, brows: Field) -> Field:
    """Give brows (S, S) at least a share of the skin's hue (S, S, 3), so that they do not look blue next to it."""
    least = _WARM_BROWS * skin_hue
    warm = np.stack(
        [np.maximum(hue[..., 0], least[..., 0]), hue[..., 1], np.minimum(hue[..., 2], least[..., 2])], axis=-1
    )
    warm -= warm.mean(-1, keepdims=True)
    return np.asarray(hue + brows[..., None] * (warm - hue), dtype=np.float32)


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
        result = _refined(result, values, skin, sigma)
    return result


def _refined(slow: Field, values: Field, skin: Field, sigma_px: float) -> Field:
    """Blur of skin pixels where they are near, what is known from farther away elsewhere."""
    weight = blur(skin, sigma_px)[..., None]
    near = blur(values * skin[..., None], sigma_px) / np.maximum(weight, 1e-4)
    return np.asarray(slow + ramp(weight, 0.02, 0.25) * (near - slow), dtype=np.float32)


def _detail(values: Field, slow: Field) -> Field:
    return np.asarray(np.clip((values - slow).mean(-1), -_SKIN_DETAIL, _SKIN_DETAIL), dtype=np.float32)


def _deviation(detail: Field, skin: Field, sigma_px: float) -> Field:
    weight = np.maximum(blur(skin, sigma_px), 1e-3)
    mean = blur(detail * skin, sigma_px) / weight
    square = blur(detail**2 * skin, sigma_px) / weight
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 1e-6)), dtype=np.float32)
