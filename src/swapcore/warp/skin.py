"""Skin color of one face at each pixel, and what deviates from it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_BROW, LEFT_EYE, NOSE_BASE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from swapcore.ops.color import to_lab
from swapcore.warp.view import VIEW_PX, FaceView, Field, blur, grow, ramp

# Lengths are shares of the distance of the outer eye corners.
_FLOOR: Final = 6.0
"""Gray levels added before the logarithm, so that noise in the dark stays small."""
_NUM_ROUNDS: Final = 4
_FIRST_BOUNDS: Final = (0.5, 0.16)
"""Logarithms of brightness and hue around the cheeks' median: what the first fit uses."""
_SPREAD_PER_DEVIATION: Final = 3.0
_MIN_SPREAD: Final = (0.14, 0.07)
_MAX_SPREAD: Final = (0.30, 0.14)
_BRIGHTER: Final = 1.8
"""Skin may be brighter than the fit (highlights) by more than it may be darker."""
_RIDGE: Final = 0.02
"""Of the quadratic terms: keeps the fit flat where it is extrapolated."""
_STRIDE: Final = 3
_SURELY_SKIN, _SURELY_OTHER = 1.0, 1.7
_BELOW_TOLERANCE: Final = 0.6


@dataclass(frozen=True)
class SkinModel:
    """Skin of one face: brightness as a quadratic of the place, which follows the light, and hue as a linear one."""

    coefficients: npt.NDArray[np.float64]
    """(6, 3): of 1, x, y, x², xy, y² for brightness and two hues."""
    spread: tuple[float, float]
    """Tolerance of brightness and hue, logarithms."""

    def fitted(self, view: FaceView) -> Field:
        """Brightness and two hues (S, S, 3) that skin has at each pixel, logarithms."""
        return np.asarray(_basis(view) @ self.coefficients, dtype=np.float32)

    def deviation(self, residual: Field, brightness: Field) -> Field:
        """How far each pixel is from skin: (S, S), 1 at the border of what skin varies by.

        Args:
            residual: (S, S, 3), brightness and two hues minus those that skin has at the pixel.
            brightness: (S, S), logarithm of the pixel's.
        """
        level = residual[..., 0] / self.spread[0]
        level = np.where(level > 0, level / _BRIGHTER, level)
        hue = residual[..., 1:] / self.spread[1]
        # In deep shadow hue is noise.
        faint = ramp(brightness, np.log(14.0), np.log(34.0))
        return np.asarray(np.sqrt(level**2 + (faint[..., None] * hue**2).sum(-1)), dtype=np.float32)

    def darkness(self, view: FaceView) -> Field:
        """How much darker than skin each pixel is: (S, S), logarithm, negative where it is brighter."""
        return np.asarray(self.fitted(view)[..., 0] - opponent(view)[..., 0], dtype=np.float32)


def fit_skin(view: FaceView) -> SkinModel:
    """Fit the skin of a face by its cheeks, nose and forehead; hair, glasses and shadows are left out as outliers.

    Iteratively reweighted least squares with Tukey's biweight; its scale is the median absolute deviation.
    """
    part = (slice(None, None, _STRIDE), slice(None, None, _STRIDE))
    where = upper_face(view)[part] > 0.5
    values, basis = opponent(view)[part], _basis(view)[part]
    cheeks = cheek_area(view)[part]
    middle = np.median(values[cheeks], axis=0)
    near = np.abs(values - middle)
    weight = (where & (near[..., 0] < _FIRST_BOUNDS[0]) & (near[..., 1:].max(-1) < _FIRST_BOUNDS[1])).astype(np.float64)
    weight[cheeks] = 1
    coefficients = np.zeros((6, 3))
    spread = _MAX_SPREAD
    for _ in range(_NUM_ROUNDS):
        coefficients = _solve(basis, values, weight)
        residual = values - basis @ coefficients
        used = weight > 0.3
        spread = (
            _tolerance(residual[used][:, 0], _MIN_SPREAD[0], _MAX_SPREAD[0]),
            _tolerance(residual[used][:, 1:], _MIN_SPREAD[1], _MAX_SPREAD[1]),
        )
        distance = (residual[..., 0] / spread[0]) ** 2 + ((residual[..., 1:] / spread[1]) ** 2).sum(-1)
        weight = np.where(where | cheeks, np.maximum(1 - distance / 4, 0) ** 2, 0)
    return SkinModel(coefficients, spread)


def _tolerance(residual: npt.NDArray[np.float64], low: float, high: float) -> float:
    return float(np.clip(_SPREAD_PER_DEVIATION * np.median(np.abs(residual)), low, high))


def _solve(basis: npt.NDArray[np.float64], values: Field, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weighted least squares (6, 3) with a ridge on the quadratic terms; hue has no quadratic terms."""
    used = weight > 0
    rows, targets, weights = basis[used], values[used].astype(np.float64), weight[used][:, None]
    normal, right = rows.T @ (weights * rows), rows.T @ (weights * targets)
    ridge = np.diag([0, 0, 0, 1.0, 1.0, 1.0]) * _RIDGE * float(weights.sum())
    level = np.linalg.solve(normal + ridge + 1e-9 * np.eye(6), right[:, 0])
    hue = np.vstack([np.linalg.solve(normal[:3, :3] + 1e-9 * np.eye(3), right[:3, 1:]), np.zeros((3, 2))])
    return np.column_stack([level, hue])


def opponent(view: FaceView) -> Field:
    """Brightness and two hues (S, S, 3) as logarithms: light changes the first, hardly the others."""
    values = np.log(blur(view.image.astype(np.float32), 0.8) + np.float32(_FLOOR))
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return np.asarray(np.stack([(red + green + blue) / 3, red - green, green - blue], -1), dtype=np.float32)


def _basis(view: FaceView) -> npt.NDArray[np.float64]:
    center = view.points[168, :2]
    x = (np.arange(VIEW_PX)[None, :] - center[0]) / view.eye_px + np.zeros((VIEW_PX, 1))
    y = (np.arange(VIEW_PX)[:, None] - center[1]) / view.eye_px + np.zeros((1, VIEW_PX))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)


def features(view: FaceView, grown: float) -> Field:
    """Brows, eyes and lips, grown by a length: (S, S), 0 to 1."""
    parts = [view.polygon(part) for part in (LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, OUTER_LIPS)]
    return grow(np.maximum.reduce(parts), grown * view.eye_px)


def upper_face(view: FaceView) -> Field:
    """The face above the mouth without features, where most people have bare skin: (S, S), 0 to 1."""
    rows = np.arange(VIEW_PX, dtype=np.float32)[:, None]
    above = rows < view.points[NOSE_BASE, 1]
    inner = grow(view.polygon(FACE_OVAL), -0.06 * view.eye_px)
    return np.asarray(inner * above * (1 - features(view, 0.05)), dtype=np.float32)


def skin_color(view: FaceView) -> npt.NDArray[np.float32]:
    """Median Lab (3,) between eyes and mouth."""
    return np.asarray(np.median(to_lab(view.image)[cheek_area(view)], axis=0), dtype=np.float32)


def cheek_area(view: FaceView) -> npt.NDArray[np.bool_]:
    """Cheeks and nose, between eyes and nose base: (S, S)."""
    rows = np.arange(VIEW_PX)[:, None]
    eyes = view.points[[468, 473], 1].mean()
    inner = grow(view.polygon(FACE_OVAL), -0.15 * view.eye_px) > 0.5
    between = (rows > eyes + 0.18 * view.eye_px) & (rows < view.points[NOSE_BASE, 1] + 0.05 * view.eye_px)
    area = inner & between & (features(view, 0.05) < 0.5)
    return np.asarray(area if area.any() else inner)


def not_skin(view: FaceView, deviation: Field) -> Field:
    """Share of each pixel that is something else than skin: (S, S), 0 to 1.

    Below the nose, which the fit extrapolates, more is tolerated.

    Args:
        view: the face.
        deviation: of ``shading.deviation_from_skin``.
    """
    rows = np.arange(VIEW_PX, dtype=np.float32)[:, None]
    below = ramp(rows, view.points[NOSE_BASE, 1] - 0.1 * view.eye_px, view.points[NOSE_BASE, 1] + 0.1 * view.eye_px)
    return ramp(deviation / (1 + _BELOW_TOLERANCE * below), _SURELY_SKIN, _SURELY_OTHER)
