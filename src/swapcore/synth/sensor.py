"""From linear light to the image's bytes: lens, exposure, tone, noise and compression."""

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.image import Image
from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes

_EXPOSURE = 1.85
_TOE, _TOE_PIVOT = 1.30, 0.42
"""A film's toe: linear light is raised to this power around this value, which darkens shadows."""
_MAX_JPEG_LOSS = 45
"""Compression at its strongest takes this from quality 95."""


def develop(linear: Floats, attributes: Attributes) -> Image:
    """Turn linear light (S, S, 3) into uint8 RGB; the exposure does not depend on the person in the image."""
    light = _blurred(linear, attributes)
    light = _darkened(np.maximum(light, 0))
    toned = 1 - np.exp(np.float32(-_EXPOSURE * 2**attributes.exposure_ev) * light)
    values = np.clip(toned, 0, 1) ** np.float32(1 / 2.2)
    grain = np.random.default_rng(attributes.noise_seed).standard_normal(values.shape, dtype=np.float32)
    values = values + np.float32(attributes.noise) * grain
    image = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _compressed(image, attributes.jpeg)


def _darkened(light: Floats) -> Floats:
    """The toe, mostly by luminance: by channel it would saturate shadows more than photographs do."""
    luminance = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    # A third of it is by channel, as in film.
    base = np.maximum(luminance, 1e-6)[..., None] ** np.float32(2 / 3) * np.maximum(light, 1e-6) ** np.float32(1 / 3)
    return np.asarray(light * (base / np.float32(_TOE_PIVOT)) ** np.float32(_TOE - 1))


def _blurred(linear: Floats, attributes: Attributes) -> Floats:
    """Out of focus, and moved during the exposure in a direction of its own."""
    unit_px = linear.shape[0] / 256
    sigma = attributes.blur * unit_px
    light = cv2.GaussianBlur(linear, (0, 0), sigma) if sigma > 0.2 else linear
    length = 4 * attributes.motion * unit_px
    if length < 0.5:
        return np.asarray(light)
    angle = np.random.default_rng([attributes.noise_seed, 1]).uniform(0, np.pi)
    return np.asarray(cv2.filter2D(light, -1, _line_kernel(length, float(angle)), borderType=cv2.BORDER_REFLECT_101))


def _line_kernel(length: float, angle: float) -> npt.NDArray[np.float32]:
    """A line of a length in pixels through the middle of an odd kernel, antialiased."""
    reach = int(np.ceil(length / 2)) + 1
    offset = np.arange(-reach, reach + 1)
    x, y = np.meshgrid(offset, offset)
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    kernel = np.clip(1 - np.abs(across), 0, 1) * np.clip(length / 2 + 0.5 - np.abs(along), 0, 1)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _compressed(image: Image, strength: float) -> Image:
    if strength <= 0.02:
        return image
    quality = round(95 - _MAX_JPEG_LOSS * strength)
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
