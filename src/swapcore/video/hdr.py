"""Tone mapping of HDR frames (PQ and HLG in BT.2020) to SDR (BT.709)."""

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorTrc

from swapcore.ops.image import Image

_WHITE_NITS: Final = 203.0
"""Reference white of HDR video (ITU-R BT.2408); it becomes a bright white of SDR."""
_HLG_PEAK_NITS: Final = 1000.0
_HLG_GAMMA: Final = 1.2
_KNEE: Final = 0.6
"""Share of reference white up to which tones stay linear; the rest of the range is compressed into what is above."""
_PEAK: Final = _HLG_PEAK_NITS / _WHITE_NITS
"""Multiple of reference white that becomes white; what is brighter is clipped."""
_DISPLAY_GAMMA: Final = 2.2
_TO_BT709: Final = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
    dtype=np.float32,
)
"""Linear BT.2020 to linear BT.709 (ITU-R BT.2087)."""
_LUMINANCE: Final = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
"""Of BT.2020."""


def is_hdr(transfer: int) -> bool:
    """Whether a transfer curve (H.273) is PQ or HLG."""
    return int(transfer) in {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}


def to_sdr(image: npt.NDArray[np.uint16], transfer: int) -> Image:
    """Convert a frame uint16 (H, W, 3) in BT.2020 with PQ or HLG to uint8 (H, W, 3) in BT.709."""
    light = _curve(int(transfer))[image]  # multiples of reference white, or HLG's scene light
    if int(transfer) == ColorTrc.ARIB_STD_B67:
        scene = np.maximum(light @ _LUMINANCE, 1e-6)[..., None]
        light = light * scene ** np.float32(_HLG_GAMMA - 1) * np.float32(_PEAK)
    light = np.maximum(light @ _TO_BT709.T, 0)
    brightest = np.maximum(light.max(-1, keepdims=True), 1e-6)
    light *= _compress(brightest) / brightest  # all channels alike, which keeps hues
    return np.asarray(np.clip(light, 0, 1) ** np.float32(1 / _DISPLAY_GAMMA) * 255 + 0.5, dtype=np.uint8)


def _compress(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Map 0 to _PEAK to 0 to 1, linear below the knee and with a continuous slope."""
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    highest = (_PEAK - _KNEE) / (1 - _KNEE)
    rolled = over * (1 + over / highest**2) / (1 + over)  # extended Reinhard: highest becomes 1
    return np.where(light < _KNEE, light, _KNEE + (1 - _KNEE) * rolled).astype(np.float32)


@functools.cache
def _curve(transfer: int) -> npt.NDArray[np.float32]:
    """Tabulate a transfer curve for 16-bit values: PQ (SMPTE ST 2084) in reference whites, HLG (BT.2100) from 0 to 1."""
    signal = np.linspace(0, 1, 65536)
    if transfer == ColorTrc.SMPTE2084:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = signal ** (1 / m2)
        light = 10_000 / _WHITE_NITS * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return light.astype(np.float32)
