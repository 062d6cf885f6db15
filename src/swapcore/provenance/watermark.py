"""An invisible watermark in a picture's brightness, read without the original after recompression, rescaling and cropping.

The pattern is a sum of plane waves whose wave vectors lie on a square lattice, k / period with integer k in a ring, where the
period is a quarter of the shorter side: so the mark scales with the picture, and rescaling alone changes nothing for the reader.
Two thirds of the waves carry a chip of the payload in their sign (spread spectrum); the rest have a known sign and find the
period and the shift that cropping left. It is stronger where the picture is busy, and keeps off chroma, which JPEG halves.

After spread-spectrum watermarking (Cox et al., 1997) and templates in the Fourier plane (Pereira and Pun, 2000). The key is public:
this is a label, which who knows how can remove or forge, and no proof.
"""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

from swapcore.ops.image import Image
from swapcore.provenance.watermark_code import NUM_CHIPS, from_chips, to_chips

Plane = npt.NDArray[np.float32]
Waves = npt.NDArray[np.complex128]

MIN_SIDE_PX = 160
"""Of the shorter side: below it the shortest wave would be under two pixels."""
STRENGTHS = (1.5, 2.4)
"""Root mean square of the change in gray levels, for calm pictures and at most for busy ones: 44.6 to 40.5 dB."""
THRESHOLD = 7.0
"""Of the synchronisation's peak over its noise. Among unmarked photographs it stays below about 5.5; marked ones reach 15."""
_PERIODS = 4.0
_K_MIN, _K_MAX = 5, 20
_SEARCHED = np.exp(np.arange(np.log(2.2), np.log(7.5), 0.0022))
"""Periods along the shorter side that the reader tries: from half of a picture cut away to a picture inside a wider screenshot."""
_READ_SIDE_PX = 512
_GRID = 64
"""Shifts that are tried in each direction, as fractions of a period."""


@dataclass(frozen=True)
class Reading:
    """A watermark that was found."""

    payload: int
    """28 bits."""
    confidence: float
    """Peak of the synchronisation over its noise, above THRESHOLD."""


@dataclass(frozen=True)
class _Spectrum:
    """A picture's whitened spectrum, finely sampled: only phases and local contrasts are left."""

    values: npt.NDArray[np.complex64]
    """(L, L // 2 + 1) of a real transform padded to L x L."""
    padded_px: int
    height: int
    width: int


def _lattice() -> tuple[npt.NDArray[np.int64], Waves]:
    """The wave vectors (N, 2) as (kx, ky) and their phases (N,), in an order that hashes give: the same for ever, in every version."""
    keyed = []
    for ky in range(_K_MAX + 1):
        for kx in range(-_K_MAX, _K_MAX + 1):
            if _K_MIN**2 <= kx * kx + ky * ky <= _K_MAX**2 and (ky > 0 or kx > 0):
                key = hashlib.sha256(f"swapcore watermark 1: {kx} {ky}".encode()).digest()
                keyed.append((key, kx, ky))
    keyed.sort()
    turns = np.array([int.from_bytes(key[-4:], "big") / 2**32 for key, _, _ in keyed])
    return np.array([(kx, ky) for _, kx, ky in keyed]), np.exp(2j * np.pi * turns)


_VECTORS, _PHASES = _lattice()
_ALL, _DATA, _SYNC = slice(None), slice(0, NUM_CHIPS), slice(NUM_CHIPS, None)


def embed(image: Image, payload: int) -> Image:
    """The picture with the payload in it.

    Args:
        image: uint8 (H, W, 3) RGB; one with a side below MIN_SIDE_PX is given back as it is.
        payload: 28 bits.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return image
    hidden = _hidden(_luma(image))
    change = hidden * _pattern(image.shape[0], image.shape[1], payload)
    strength = np.clip(0.6 * np.sqrt(np.mean(hidden**2)), *STRENGTHS)
    change *= strength / np.sqrt(np.mean(change**2))
    marked = cv2.add(image, cv2.merge([change] * 3), dtype=cv2.CV_8U)  # rounds, and stops at black and white
    return np.asarray(marked, dtype=np.uint8)


def read(image: Image) -> Reading | None:
    """What a picture's watermark says; None where none is found.

    Args:
        image: uint8 (H, W, 3) RGB, of any size; it may be a part of the marked picture, rescaled, recompressed.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX // 4:
        return None
    spectrum = _whitened(_luma(image))
    shorter = min(spectrum.height, spectrum.width)
    found = [_synchronise(_sample(spectrum, shorter / periods, _SYNC)) for periods in _SEARCHED]
    place = int(np.argmax([peak for peak, _ in found]))
    peak, shift = found[place]
    if peak < THRESHOLD:
        return None
    payload = from_chips(_demodulate(_sample(spectrum, shorter / _SEARCHED[place], _ALL), shift))
    return None if payload is None else Reading(payload, peak)


def _luma(image: Image) -> Plane:
    """Brightness as JPEG weighs it, float32 (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _pattern(height: int, width: int, payload: int) -> Plane:
    """The sum of waves over a picture, float32 (H, W); its phases are counted from the middle of the picture."""
    amplitudes = np.zeros((_K_MAX + 1, 2 * _K_MAX + 1), np.complex64)
    signs = np.ones(len(_VECTORS))
    signs[_DATA] = to_chips(payload)
    amplitudes[_VECTORS[:, 1], _VECTORS[:, 0] + _K_MAX] = signs * _PHASES
    period_px = min(height, width) / _PERIODS
    y, x = ((np.arange(n) - (n - 1) / 2) / period_px for n in (height, width))
    down = np.exp(2j * np.pi * np.outer(y, np.arange(_K_MAX + 1))).astype(np.complex64)
    across = np.exp(2j * np.pi * np.outer(np.arange(-_K_MAX, _K_MAX + 1), x)).astype(np.complex64)
    rows = down @ amplitudes
    return np.asarray(rows.real @ across.real - rows.imag @ across.imag, dtype=np.float32)


def _hidden(luma: Plane) -> Plane:
    """How much change a place hides: more where the picture is busy."""
    height, width = luma.shape
    scale_px = min(height, width) / 200
    # What follows is so smooth that a large picture's can be worked out on every step-th pixel.
    step = max(1, int(scale_px / 2))
    detail: Plane = (luma - _blur(luma, scale_px)) ** 2
    if step > 1:
        detail = _resized(detail, round(width / step), round(height / step))
    busy: Plane = np.sqrt(_blur(detail, 1.5 * scale_px / step))
    hidden: Plane = np.clip(busy, 1.5, 12.0) ** np.float32(0.7)
    smooth = _blur(hidden, 1.5 * scale_px / step)
    return _resized(smooth, width, height) if step > 1 else smooth


def _resized(plane: Plane, width: int, height: int) -> Plane:
    how = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (width, height), interpolation=how), dtype=np.float32)


def _blur(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), dtype=np.float32)


def _whitened(luma: Plane) -> _Spectrum:
    """Even out contrast over the picture, then magnitude over frequencies: what is left of the picture is as good as noise."""
    luma = _reduced(luma)
    height, width = luma.shape
    scale_px = min(height, width) / 64
    detail = luma - _blur(luma, scale_px)
    detail = np.clip(detail / (np.sqrt(_blur(detail**2, scale_px)) + 1.0), -2.5, 2.5)
    padded_px = cv2.getOptimalDFTSize(2 * max(height, width))
    values = scipy.fft.rfft2(detail * _taper(height)[:, None] * _taper(width), s=(padded_px, padded_px))
    magnitude = np.fft.ifftshift(cv2.blur(np.fft.fftshift(np.abs(values), axes=0), (17, 17)), axes=0)
    return _Spectrum((values / (magnitude + 1e-6)).astype(np.complex64), padded_px, height, width)


def _reduced(luma: Plane) -> Plane:
    """The picture with a shorter side of at most _READ_SIDE_PX."""
    factor = _READ_SIDE_PX / min(luma.shape)
    if factor >= 1:
        return luma
    return _resized(luma, round(luma.shape[1] * factor), round(luma.shape[0] * factor))


def _taper(length: int) -> Plane:
    """1, falling to 0 over the outer 6 % of each end, so that the edges of the picture leave no cross in its spectrum."""
    inside = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5) / (0.06 * length)
    return np.asarray(np.sin(np.clip(inside, 0, 1) * np.pi / 2) ** 2, dtype=np.float32)


def _sample(spectrum: _Spectrum, period_px: float, which: slice) -> Waves:
    """Those waves that a picture holds at the lattice of a period, phases counted from its middle, 0 beyond its resolution."""
    bins = np.rint(_VECTORS[which] * (spectrum.padded_px / period_px)).astype(np.int64)
    kx, ky = bins[:, 0], bins[:, 1]
    mirrored = kx < 0
    inside = (np.abs(kx) < spectrum.values.shape[1]) & (ky < spectrum.padded_px // 2)
    rows = np.where(inside, np.where(mirrored, -ky, ky), 0)
    found = spectrum.values[rows, np.where(inside, np.abs(kx), 0)]
    middle = (kx * (spectrum.width - 1) + ky * (spectrum.height - 1)) / (2 * spectrum.padded_px)
    return np.asarray(np.where(mirrored, found.conj(), found) * np.exp(2j * np.pi * middle) * inside)


def _synchronise(waves: Waves) -> tuple[float, tuple[int, int]]:
    """From the waves of known sign: their peak over noise, and the shift (rows, columns of _GRID) at which it stands."""
    plane = np.zeros((_GRID, _GRID), np.complex128)
    known = waves * _PHASES[_SYNC].conj()
    plane[_VECTORS[_SYNC, 1] % _GRID, _VECTORS[_SYNC, 0] % _GRID] = known
    agreement = np.fft.ifft2(plane).real * _GRID**2
    place = int(agreement.argmax())
    noise = np.sqrt(np.sum(np.abs(known) ** 2) / 2) + 1e-9
    return float(agreement.flat[place] / noise), (place // _GRID, place % _GRID)


def _demodulate(waves: Waves, shift: tuple[int, int]) -> npt.NDArray[np.float64]:
    """From all waves, the soft chips (384,), at the fraction of a shift at which the known waves agree best."""
    steps = np.linspace(-0.5, 0.5, 5)
    tried = [(shift[0] + down, shift[1] + across) for down in steps for across in steps]
    turns = [_VECTORS[:, 1] * down + _VECTORS[:, 0] * across for down, across in tried]
    signs = [(waves * _PHASES.conj() * np.exp(2j * np.pi * turn / _GRID)).real for turn in turns]
    return np.asarray(max(signs, key=lambda sign: float(sign[_SYNC].sum()))[_DATA])
