"""Depth of field of the person in the image."""

import cv2
import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes
from swapcore.synth.rasterize import FAR

_APERTURE_CM = 2.5
"""Diameter of the lens's opening at background_blur 1; the lens focuses on the eyes."""
_BEHIND_CM = 14.0
"""What is this far out of focus gets the full blur, nearer surfaces a share of it."""
_SMALLEST_PX = 0.3


def blur_by_depth(linear: Floats, depth: Floats, attributes: Attributes) -> Floats:
    """Blur what is before or behind the eyes.

    Args:
        linear: (S, S, 3) linear RGB; the background has its own blur.
        depth: (S, S) cm from the camera, FAR in the background.
        attributes: distance, span and background_blur, which is the opening of the lens.

    Returns:
        (S, S, 3). The circle of confusion is the opening times |depth - focus| / depth, in the plane of the eyes.
    """
    focus = attributes.distance_cm
    circle_cm = _APERTURE_CM * attributes.background_blur * _BEHIND_CM / (focus + _BEHIND_CM)
    sigma = circle_cm / 4 * linear.shape[0] / attributes.span_cm
    if sigma < _SMALLEST_PX:
        return linear
    blurred_share = np.clip(np.abs(depth - focus) * (focus + _BEHIND_CM) / (_BEHIND_CM * depth), 0, 1)
    blurred_share[depth >= FAR] = 0
    # Without this the border between two depths would be as sharp as before.
    share = cv2.GaussianBlur(blurred_share.astype(np.float32), (0, 0), sigma)[..., None]
    blurred = cv2.GaussianBlur(linear, (0, 0), sigma)
    return np.asarray(linear + share * (blurred - linear), dtype=np.float32)
