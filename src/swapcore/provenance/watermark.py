"""An invisible watermark in the luma, robust to compression, scaling and cropping.

The pattern is a sum of plane waves whose wave vectors lie on a square lattice, k / period with integer k in a ring, where the
period is a quarter of the shorter side, so that the mark scales with the image and rescaling does not affect the reader.
Two thirds of the waves carry a chip of the payload in their sign (spread spectrum). The signs of the others are known; the
reader finds the period and the shift after cropping with them. The mark is stronger in textured regions, and it leaves
chroma alone, which JPEG subsamples. It is read without the original.

After spread-spectrum watermarking (Cox et al., 1997) and templates in the Fourier plane (Pereira and Pun, 2000). The key is public:
the mark is a label, which can be removed or forged, not a proof.
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
Waves = npt.NDArray[np.complexfloating]

MIN_SIDE_PX = 160
"""Minimum shorter side; in a smaller image the shortest wave would be under two pixels."""
STRENGTHS = (1.0, 2.4)
"""Root mean square of the change in gray levels over the whole image, minimum and maximum: 48 to 40.5 dB."""
_FLAT, _SLOPE, _BUSIEST = 0.35, 0.9, 5.0
"""Local strength in gray levels: on a smooth wall, per gray level of local activity above _CALM, and at most."""
_CALM = 1.0
"""Local activity of a photographed wall, which is its noise."""
THRESHOLD = 7.0
"""Minimum peak-to-noise ratio of the synchronization: below about 5.5 in unmarked photographs, up to 15 in marked ones."""
_PERIODS = 4.0
_K_MIN, _K_MAX = 5, 20
_SEARCHED = np.exp(np.arange(np.log(2.2), np.log(7.5), 0.0022))
"""Periods along the shorter side that the reader tries: from an image cropped to half to an image inside a wider screenshot."""
_READ_SIDE_PX = 512
_GRID = 64
"""Number of shifts per period that are tried in each direction."""


@dataclass(frozen=True)
class Reading:
    """A watermark found in an image."""

    payload: int
    """28 bits."""
    confidence: float
    """Peak-to-noise ratio of the synchronization, above THRESHOLD."""


@dataclass(frozen=True)
class _Spectrum:
    """An image's whitened spectrum, oversampled."""

    values: npt.NDArray[np.complex64]
    """(L, L // 2 + 1) of a real transform padded to L x L."""
    padded_px: int
    height: int
    width: int


def _lattice() -> tuple[npt.NDArray[np.int64], Waves]:
    """Return the wave vectors (N, 2) as (kx, ky) and their phases (N,), in an order given by hashes, fixed for all versions."""
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


def _views() -> list[npt.NDArray[np.float64]]:
    """Return the maps (2, 2) of wave vectors that the reader tries: rotations by up to 3 degrees, each also mirrored.

    Between two rotations the shortest wave moves by less than a bin of the spectrum.
    """
    turns = np.deg2rad(sorted(np.linspace(-3.0, 3.0, 17), key=abs))
    rotations = [np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in turns]
    return [rotation @ np.diag([side, 1.0]) for rotation in rotations for side in (1.0, -1.0)]


_VIEWS = _views()


def embed(image: Image, payload: int) -> Image:
    """Add a watermark to an image.

    Args:
        image: uint8 (H, W, 3) RGB; returned unchanged if a side is below MIN_SIDE_PX.
        payload: 28 bits.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return image
    pattern = _pattern(image.shape[0], image.shape[1], payload)
    change = _local_strength(_luma(image)) * pattern / np.sqrt(np.mean(pattern**2))
    strength = np.sqrt(np.mean(change**2))
    change *= np.float32(np.clip(strength, *STRENGTHS) / strength)
    marked = cv2.add(image, cv2.merge([change] * 3), dtype=cv2.CV_8U)  # rounds and saturates
    return np.asarray(marked, dtype=np.uint8)


def read(image: Image) -> Reading | None:
    """Read an image's watermark; None if none is found.

    Args:
        image: uint8 (H, W, 3) RGB of any size; it may be cropped, rescaled, recompressed, mirrored, and rotated by up to 3
            degrees.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX // 4:
        return None
    spectrum = _whitened(_luma(image))
    return next(filter(None, (_read_at(spectrum, view) for view in _VIEWS)), None)


def _read_at(spectrum: _Spectrum, view: npt.NDArray[np.float64]) -> Reading | None:
    """Read the watermark of an image that a (2, 2) map rotated or mirrored, at the most likely scale."""
    shorter = min(spectrum.height, spectrum.width)
    place, peak, shift = _synchronize(_sample(spectrum, shorter / _SEARCHED, view, _SYNC))
    if peak < THRESHOLD:
        return None
    (waves,) = _sample(spectrum, shorter / _SEARCHED[[place]], view, _ALL)
    payload = from_chips(_demodulate(waves, shift))
    return None if payload is None else Reading(payload, peak)


def _luma(image: Image) -> Plane:
    """Return the luma of JPEG, float32 (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _pattern(height: int, width: int, payload: int) -> Plane:
    """Return the sum of waves, float32 (H, W), with phases relative to the image's center."""
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


def _local_strength(luma: Plane) -> Plane:
    """Compute the mark's strength at each pixel in gray levels, float32 (H, W): low on smooth surfaces, higher in texture.

    The activity is eroded, so that a smooth background next to a contour counts as smooth: otherwise the mark is a halo.
    """
    height, width = luma.shape
    scale_px = min(height, width) / 200
    # The result is smooth, so large images are processed at every step-th pixel.
    step = max(1, int(scale_px / 2))
    if step > 1:
        luma = _resized(luma, round(width / step), round(height / step))
        scale_px /= step
    window_px = 2 * round(scale_px / 1.3) + 1
    activity = np.sqrt(np.maximum(cv2.blur(luma**2, (window_px,) * 2) - cv2.blur(luma, (window_px,) * 2) ** 2, 0))
    eroded = cv2.erode(activity, np.ones((window_px + 2,) * 2, np.uint8))
    busy = _blur(np.asarray(eroded, dtype=np.float32), 1.2 * scale_px)
    strength: Plane = np.clip(_FLAT + _SLOPE * (busy - np.float32(_CALM)), _FLAT, _BUSIEST)
    return _resized(strength, width, height) if step > 1 else strength


def _resized(plane: Plane, width: int, height: int) -> Plane:
    how = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (width, height), interpolation=how), dtype=np.float32)


def _blur(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), dtype=np.float32)


def _whitened(luma: Plane) -> _Spectrum:
    """Normalize local contrast, then the magnitude over frequencies, so that the image acts like white noise."""
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
    """Shrink to a shorter side of at most _READ_SIDE_PX."""
    factor = _READ_SIDE_PX / min(luma.shape)
    if factor >= 1:
        return luma
    return _resized(luma, round(luma.shape[1] * factor), round(luma.shape[0] * factor))


def _taper(length: int) -> Plane:
    """Return a window (length,): 1, falling to 0 over the outer 6 % at each end, against edge artifacts in the spectrum."""
    inside = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5) / (0.06 * length)
    return np.asarray(np.sin(np.clip(inside, 0, 1) * np.pi / 2) ** 2, dtype=np.float32)


def _sample(
    spectrum: _Spectrum, periods_px: npt.NDArray[np.float64], view: npt.NDArray[np.float64], which: slice
) -> Waves:
    """Sample the spectrum at the lattices of several periods, mapped by a view (2, 2).

    Returns:
        complex64 (P, N), phases relative to the image's center; waves beyond the spectrum's resolution are 0.
    """
    bins = np.rint((_VECTORS[which] @ view) * (spectrum.padded_px / periods_px)[:, None, None]).astype(np.int64)
    kx, ky = bins[..., 0], bins[..., 1]
    mirrored = kx < 0
    inside = (np.abs(kx) < spectrum.values.shape[1]) & (np.abs(ky) < spectrum.padded_px // 2)
    rows = np.where(inside, np.where(mirrored, -ky, ky), 0)
    found = spectrum.values[rows, np.where(inside, np.abs(kx), 0)]
    middle = (kx * (spectrum.width - 1) + ky * (spectrum.height - 1)) / (2 * spectrum.padded_px)
    turned = np.exp(np.complex64(2j * np.pi) * middle.astype(np.float32))
    return np.asarray(np.where(mirrored, found.conj(), found) * turned * inside, dtype=np.complex64)


def _synchronize(waves: Waves) -> tuple[int, float, tuple[int, int]]:
    """Find the period and shift at which the waves of known sign agree best.

    Args:
        waves: complex64 (P, N), the known waves at P periods.

    Returns:
        The period's index, its peak-to-noise ratio, and the shift (rows, columns of _GRID).
    """
    planes = np.zeros((len(waves), _GRID, _GRID), np.complex64)
    known = waves * _PHASES[_SYNC].conj().astype(np.complex64)
    planes[:, _VECTORS[_SYNC, 1] % _GRID, _VECTORS[_SYNC, 0] % _GRID] = known
    agreement = scipy.fft.ifft2(planes).real.reshape(len(waves), -1) * _GRID**2
    noise = np.sqrt(np.sum(np.abs(known) ** 2, 1) / 2) + 1e-9
    peaks = agreement.max(1) / noise
    best = int(peaks.argmax())
    place = int(agreement[best].argmax())
    return best, float(peaks[best]), (place // _GRID, place % _GRID)


def _demodulate(waves: Waves, shift: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the soft chips (384,) at the sub-grid shift at which the known waves agree best."""
    steps = np.linspace(-0.5, 0.5, 5)
    tried = [(shift[0] + down, shift[1] + across) for down in steps for across in steps]
    turns = [_VECTORS[:, 1] * down + _VECTORS[:, 0] * across for down, across in tried]
    signs = [(waves * _PHASES.conj() * np.exp(2j * np.pi * turn / _GRID)).real for turn in turns]
    return np.asarray(max(signs, key=lambda sign: float(sign[_SYNC].sum()))[_DATA])
