"""Skin in shadow: what deviates from a face's skin once its light is followed into the shadows."""

from typing import Final

import cv2
import numpy as np

from swapcore.warp.regions import above_mouth, forehead, has_beard
from swapcore.warp.skin import SkinModel, features, opponent
from swapcore.warp.view import VIEW_PX, FaceView, Field, blur, ramp

_REDUCED: Final = 2
"""The light is followed at a view reduced by this factor."""
_REACH: Final = 0.04
"""Of the distance of the outer eye corners: so far the light is followed in a round. Skin darkens over several of them, hair within
one."""
_NUM_ROUNDS: Final = 10
_SURELY: Final = (1.3, 0.8)
"""Deviation: below the second a pixel says how skin looks, beyond the first it does not."""
_NEAR: Final = (0.02, 0.2)
"""Share of skin within reach, from which on its light is known."""
_LEAST: Final = np.array([-0.9, -0.15, -0.15], np.float32)
_MOST: Final = np.array([0.3, 0.15, 0.15], np.float32)
"""Brightness and hues of shaded skin against the fit, logarithms."""


def deviation_from_skin(view: FaceView, skin: SkinModel) -> Field:
    """How far each pixel is from skin: (S, S), 1 at the border of what skin varies by.

    The fit of a quadratic ends where light falls off fast: at the sides of the face and in shadows. There the skin next to a pixel
    says how skin looks, so that shadows are skin, and hair, which begins at once, is not. The light is not followed into a beard,
    which begins slowly, nor over the forehead, where strands of a fringe are no wider than their soft edges.

    Args:
        view: the face.
        skin: fitted to it.
    """
    values = opponent(view)
    residual, brightness = values - skin.fitted(view), values[..., 0]
    followed = 1 - has_beard(view, skin) * (1 - above_mouth(view))
    followed *= 1 - blur(forehead(view), 0.03 * view.eye_px)
    free = np.asarray(followed * (1 - features(view, 0.03)), dtype=np.float32)
    small, bright, where = (_reduced(each) for each in (residual, brightness, free))
    shading = np.zeros_like(small)
    for _ in range(_NUM_ROUNDS):
        deviation = skin.deviation(small - shading, bright)
        known = np.asarray(where * ramp(deviation, *_SURELY), dtype=np.float32)
        shading = _nearby(small, known, _REACH * view.eye_px / _REDUCED)
    whole = cv2.resize(shading, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_LINEAR) * followed[..., None]
    return skin.deviation(np.asarray(residual - whole, dtype=np.float32), brightness)


def _nearby(residual: Field, known: Field, sigma_px: float) -> Field:
    """What skin differs by from the fit within reach of each pixel, (S, S, 3)."""
    share = blur(known, sigma_px)[..., None]
    mean = blur(residual * known[..., None], sigma_px) / np.maximum(share, 1e-4)
    return np.asarray(np.clip(ramp(share, *_NEAR) * mean, _LEAST, _MOST), dtype=np.float32)


def _reduced(values: Field) -> Field:
    side = VIEW_PX // _REDUCED
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
