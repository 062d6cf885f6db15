"""Light and skin color of a template for the face of a source, for batches on any device; logarithms of sRGB."""

import math
from typing import Final, NamedTuple

import torch

from swapcore.ops.correspondence import gaussian_blur, ramp

FLOOR: Final = 6.0
"""Gray levels added before the logarithm, so that noise in the dark stays small."""
LIGHT_SIGMA: Final = 0.16
"""Of the distance of the outer eye corners, as all lengths here: what varies more slowly is light and skin color."""
FAR_SIGMA: Final = 0.6
FEATURE_SIGMA: Final = 0.05
LIPS_SIGMA: Final = 0.12
SOFTER: Final = 0.3
"""Skin detail of a much darker or paler source is weaker by this share."""
DARKER, PALER = (0.6, 1.3), (0.9, 1.7)
"""Difference of the skins' logarithms for a darker and for a paler source: from here to there the features' tones become the
template's."""
DARKER_SHARE, PALER_SHARE = 0.7, 0.4
LIPS: Final = (0.25, 0.7)
"""The same difference, of a darker or a paler source: from here to there the lips' tone becomes the template's."""
PALE_LIPS_SHARE: Final = 0.6
SKIN_DETAIL: Final = 0.22
"""Logarithm: up to here a pixel differs from its surroundings as skin does, beyond it is hair, a nostril or a highlight."""
_CONTRAST_BOUNDS: Final = (0.95, 1.2)
"""At the working size contrast is measured without pores; less than 1 would blur skin."""
_EYE_SHARE: Final = 0.34
"""Distance of the outer eye corners over the side of an aligned crop."""
_WHITENESS: Final = 12.0
"""Of the weight exp(12 * brightness), with which the white of an eye outweighs iris and lashes."""
_MIN_EYES: Final = 2e-4
"""Share of the side's square; in smaller eyes no white is seen."""
_DARK_FEATURES: Final = 1.0
"""Bounds how dark shadows and strands of a much darker source are next to the template's skin; brows and eyes are not bounded."""
_BLACK, _WHITE = math.log(14.0 + FLOOR), math.log(255.0 + FLOOR)
_ROOM: Final = 0.5
"""Of the distance from skin to white, as logarithms: reflections of darker skin stay below."""
_DARK_BOUNDS: Final = (0.8, 2.2)
_WARM_BROWS: Final = 0.6
"""Of the skin's hue: brows are at least so warm. Hair is never bluer than gray, but gray next to pale skin looks blue."""
HALF_RANGE: Final = 127.5
"""Gray levels of a difference of 1 in [-1, 1]."""
_LEAST: Final = 1e-3
"""Keeps quotients finite."""


class Areas(NamedTuple):
    """What the pixels of a source and a template show that are aligned, each (B, 1, S, S) in [0, 1]."""

    skin: torch.Tensor
    """Skin in both."""
    face: torch.Tensor
    eyes: torch.Tensor
    brows: torch.Tensor
    lips: torch.Tensor


class Light(NamedTuple):
    """How a source becomes lit as the template is, fields (B, ., S, S) that may be enlarged."""

    own: torch.Tensor
    """3 channels: slow part of the source."""
    wanted: torch.Tensor
    """3 channels: slow part of the template."""
    contrast: torch.Tensor
    """1 channel: factor of skin detail."""
    feature_share: torch.Tensor
    """1 channel in [0, 1]: how far the tones of features are the template's, for a source that is much darker or paler."""
    dark_hair: torch.Tensor
    """1 channel in [0, 1]: where hair must not become brighter than skin."""
    brows: torch.Tensor
    """1 channel in [0, 1]: where hair must not become bluer than gray."""


def estimate_light(source: torch.Tensor, template: torch.Tensor, areas: Areas) -> Light:
    """Compare the slow light of two aligned images where they show skin.

    Args:
        source: (B, 3, S, S) in [-1, 1], with its features at the template's places.
        template: (B, 3, S, S) in [-1, 1].
        areas: what both show.
    """
    eye_px = _EYE_SHARE * int(template.shape[-1])
    logarithms = to_log(source), to_log(template)
    skin, face = areas.skin, areas.face
    own, wanted = (_slow(values, skin, face, LIGHT_SIGMA * eye_px, eye_px) for values in logarithms)
    brighter = _mean((wanted - own).mean(1, keepdim=True), face)
    # Shadows, highlights and lips of a much darker or paler source do not become the template's by an exchange of slow light:
    # there the template also gives the tones of the features, which have the same places. Brows and eyes stay the source's.
    near = [_slow(values, face, face, FEATURE_SIGMA * eye_px, eye_px) for values in logarithms]
    amount = DARKER_SHARE * ramp(brighter, *DARKER) + PALER_SHARE * ramp(-brighter, *PALER)
    share = amount * (1 - areas.brows)
    own, wanted = (torch.lerp(slow, fine, share) for slow, fine in zip((own, wanted), near, strict=True))
    detail, wanted_detail = (_detail(values, slow) for values, slow in zip(logarithms, (own, wanted), strict=True))
    sigma = 2 * LIGHT_SIGMA * eye_px
    ratio = _deviation(wanted_detail, skin, sigma) / _deviation(detail, skin, sigma).clamp(min=1e-4)
    contrast = ratio.clamp(*_CONTRAST_BOUNDS) * (1 - SOFTER * share)
    light = Light(own, wanted, contrast, share, amount * areas.brows, areas.brows)
    lips = areas.lips * torch.maximum(ramp(brighter, *LIPS), PALE_LIPS_SHARE * ramp(-brighter, *LIPS))
    return _with_eyes(_with_lips(light, logarithms, lips, LIPS_SIGMA * eye_px), logarithms, areas.eyes)


def relight(image: torch.Tensor, light: Light) -> torch.Tensor:
    """Exchange the slow light of images.

    Detail of the size of skin's keeps its relative contrast, times ``contrast``. What is much darker (hair, brows, pupils) is mapped
    so that black stays black; else a dark face on a pale template would get gray brows, and a pale face on a dark template black
    shadows. What is brighter are mostly reflections, which add the same light to any skin: relative to paler skin it is less.

    Args:
        image: (B, 3, S, S) in [-1, 1].
        light: its fields at the same size.
    """
    detail = to_log(image) - light.own
    level = detail.mean(1, keepdim=True)
    own_level, wanted_level = light.own.mean(1, keepdim=True), light.wanted.mean(1, keepdim=True)
    dark = ((wanted_level - _BLACK) / (own_level - _BLACK).clamp(min=0.2)).clamp(*_DARK_BOUNDS)
    limit = (light.feature_share / DARKER_SHARE).clamp(max=1)
    dark = dark + limit * (dark.clamp(max=_DARK_FEATURES) - dark)
    level = level - light.dark_hair * level.clamp(min=0)
    same = torch.where(level < 0, level, _reflections(level.clamp(min=0), own_level, wanted_level))
    small = same.clamp(-SKIN_DETAIL, SKIN_DETAIL)
    mapped = light.contrast * small + torch.where(level < 0, dark, 1.0) * (same - small)
    return from_log(_hues(detail, light, level, same) + wanted_level + mapped)


def to_log(image: torch.Tensor) -> torch.Tensor:
    """Logarithm of the gray levels of [-1, 1], any shape."""
    return torch.log((image.clamp(min=-1.0) + 1.0) * HALF_RANGE + FLOOR)


def from_log(values: torch.Tensor) -> torch.Tensor:
    """Inverse of ``to_log``."""
    return (torch.exp(values) - FLOOR) / HALF_RANGE - 1.0


def _hues(detail: torch.Tensor, light: Light, level: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Differences of the channels from their mean (B, 3, S, S), after the exchange.

    Args:
        detail: (B, 3, S, S), what deviates from the slow light.
        light: the exchange.
        level: (B, 1, S, S), the brightness of the detail.
        same: the same on the template's skin.
    """
    own, wanted = (slow - slow.mean(1, keepdim=True) for slow in (light.own, light.wanted))
    # Hair takes the template's brightness, not its skin's hue.
    hair = (1 - light.feature_share) * ramp(level, -SKIN_DETAIL, -3 * SKIN_DETAIL)
    # Reflections are less colored than skin by as much as they are brighter.
    reflected = torch.where(level > 0, (same + _LEAST) / (level.clamp(min=0) + _LEAST), 1.0)
    share = light.contrast.clamp(max=1) * reflected
    fine = (detail - detail.mean(1, keepdim=True)) * share
    return _warm(fine + own + (wanted - own) * (1 - hair), wanted, light.brows)


def _warm(hue: torch.Tensor, skin_hue: torch.Tensor, brows: torch.Tensor) -> torch.Tensor:
    """Give brows at least a share of the skin's hue (B, 3, S, S), so that they do not look blue next to it."""
    least = _WARM_BROWS * skin_hue
    warm = torch.cat([torch.maximum(hue[:, :1], least[:, :1]), hue[:, 1:2], torch.minimum(hue[:, 2:], least[:, 2:])], 1)
    return torch.lerp(hue, warm - warm.mean(1, keepdim=True), brows)


def _reflections(level: torch.Tensor, own_level: torch.Tensor, wanted_level: torch.Tensor) -> torch.Tensor:
    """What is brighter than skin, on the template's skin: the same light added, and less as that skin nears white."""
    ratio = torch.exp(own_level - wanted_level).clamp(max=1)
    added = torch.log(1 + (torch.exp(level) - 1) * ratio)
    room = (_ROOM * (_WHITE - wanted_level)).clamp(min=0.02)
    limited = room * (1 - torch.exp(-added / room))
    return torch.lerp(added, limited, ramp(ratio, 0.9, 0.5))


def _with_lips(light: Light, logarithms: tuple[torch.Tensor, torch.Tensor], lips: torch.Tensor, sigma: float) -> Light:
    """Give lips the template's tone; on much darker or paler skin the source's own looks like paint."""
    own, wanted = (
        torch.lerp(slow, _refined(slow, values, lips, sigma), lips)
        for slow, values in zip((light.own, light.wanted), logarithms, strict=True)
    )
    return light._replace(own=own, wanted=wanted)


def _with_eyes(light: Light, logarithms: tuple[torch.Tensor, torch.Tensor], eyes: torch.Tensor) -> Light:
    """Bring the whites of the eyes, not the skin around them, to the template's brightness."""
    weight = eyes * (eyes.mean((2, 3), keepdim=True) > _MIN_EYES)
    own, wanted = (
        torch.lerp(slow, _white(values, eyes), weight)
        for slow, values in zip((light.own, light.wanted), logarithms, strict=True)
    )
    contrast = light.contrast + weight * (1 - light.contrast)
    return light._replace(own=own, wanted=wanted, contrast=contrast, feature_share=light.feature_share * (1 - weight))


def _white(values: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
    """Mean logarithm (B, 3, 1, 1) of the brightest part of the eyes."""
    brightness = values.mean(1, keepdim=True)
    return _mean(values, eyes * torch.exp(_WHITENESS * (brightness - _WHITE)))


def _slow(values: torch.Tensor, skin: torch.Tensor, face: torch.Tensor, sigma_px: float, eye_px: float) -> torch.Tensor:
    """Blur of skin pixels only; where none are near, of those farther away, and of the whole face at last."""
    some_skin = ramp(skin.sum((2, 3), keepdim=True), 0.0, 4.0)
    result = torch.lerp(_mean(values, face), _mean(values, skin), some_skin).expand_as(values)
    for sigma in (FAR_SIGMA * eye_px, sigma_px):
        result = _refined(result, values, skin, sigma)
    return result


def _refined(slow: torch.Tensor, values: torch.Tensor, skin: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """Blur of skin pixels where they are near, what is known from farther away elsewhere."""
    weight = gaussian_blur(skin, sigma_px)
    near = gaussian_blur(values * skin, sigma_px) / weight.clamp(min=1e-4)
    return torch.lerp(slow, near, ramp(weight, 0.02, 0.25))


def _mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    weight = weight + 1e-6
    return (values * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True)


def _detail(values: torch.Tensor, slow: torch.Tensor) -> torch.Tensor:
    return (values - slow).mean(1, keepdim=True).clamp(-SKIN_DETAIL, SKIN_DETAIL)


def _deviation(detail: torch.Tensor, skin: torch.Tensor, sigma_px: float) -> torch.Tensor:
    weight = gaussian_blur(skin, sigma_px).clamp(min=1e-3)
    mean = gaussian_blur(detail * skin, sigma_px) / weight
    square = gaussian_blur(detail.square() * skin, sigma_px) / weight
    return (square - mean.square()).clamp(min=1e-6).sqrt()
