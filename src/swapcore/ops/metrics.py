"""Image and embedding metrics with bootstrap intervals; numpy in, float64 out."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from swapcore.ops.embedding import unit_length
from swapcore.ops.image import Image

Mask = npt.NDArray[np.floating]
"""(H, W) weights in [0, 1]."""
Vectors = npt.NDArray[np.floating]
"""Embeddings or network features, (N, D)."""

PEAK = 255.0
SSIM_WINDOW_PX = 11
SSIM_SIGMA_PX = 1.5
LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. ITU-R BT.601: red, green, blue to luma."""


class Interval(NamedTuple):
    """Bounds of an interval estimate."""

    low: float
    high: float


def _weighted_mean(values: npt.NDArray[np.floating], mask: Mask | None) -> float:
    if mask is None:
        return float(values.mean())
    if mask.shape != values.shape:
        raise ValueError(f"mask {mask.shape} and image {values.shape} differ in shape")
    total = float(mask.sum(dtype=np.float64))
    if total <= 0:
        raise ValueError("the mask is empty")
    return float((values * mask).sum(dtype=np.float64)) / total


def _same_shape(first: Image, second: Image) -> None:
    if first.shape != second.shape or first.ndim != 3:
        raise ValueError(f"expected two (H, W, 3) images of one size, got {first.shape} and {second.shape}")


def l1(first: Image, second: Image, mask: Mask | None = None) -> float:
    """Mean absolute difference in gray levels, 0 to 255, of two (H, W, 3) images, weighted by mask (H, W).

    Raises:
        ValueError: shapes that differ, or an empty mask.
    """
    _same_shape(first, second)
    return _weighted_mean(np.abs(first.astype(np.float64) - second).mean(2), mask)


def psnr(first: Image, second: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255² / mean squared error); infinite for equal images.

    Raises:
        ValueError: shapes that differ, or an empty mask.
    """
    _same_shape(first, second)
    squared = _weighted_mean(((first.astype(np.float64) - second) ** 2).mean(2), mask)
    return float("inf") if squared == 0 else float(10 * np.log10(PEAK**2 / squared))


def _blur(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Filter with the Gaussian window, without the border that the window does not fit in."""
    radius = SSIM_WINDOW_PX // 2
    window = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * SSIM_SIGMA_PX**2))
    window /= window.sum()
    filtered = correlate1d(correlate1d(plane, window, 0), window, 1)
    return np.asarray(filtered[radius:-radius, radius:-radius])


def ssim(first: Image, second: Image, mask: Mask | None = None) -> float:
    """Structural similarity of the luma, in [-1, 1], 1 for equal images.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 2004, eq. 13: Gaussian window of 11 px and deviation 1.5 px, K1 = 0.01, K2 = 0.03; the border is left out.

    Raises:
        ValueError: shapes that differ, an image smaller than the window, or an empty mask.
    """
    _same_shape(first, second)
    if min(first.shape[:2]) < SSIM_WINDOW_PX:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW_PX} px on a side, got {first.shape}")
    x, y = first @ LUMA, second @ LUMA
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    radius = SSIM_WINDOW_PX // 2
    return _weighted_mean(similarity, None if mask is None else mask[radius:-radius, radius:-radius])


def centered_cosine(first: Vectors, second: Vectors, mean: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Cosines of the rows of two (N, D) arrays after subtracting mean (D,) from both: (N,) in [-1, 1].

    The cosine of a row that equals the mean is 0.
    """
    return np.asarray((_unit(first, mean) * _unit(second, mean)).sum(1))


def cosine_table(queries: Vectors, gallery: Vectors, mean: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Centered cosines of every query (Q, D) with every gallery row (N, D): (Q, N)."""
    return np.asarray(_unit(queries, mean) @ _unit(gallery, mean).T)


def _unit(vectors: Vectors, mean: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return unit_length(vectors.astype(np.float64) - mean)


def retrieval_rank(
    similarity: npt.NDArray[np.floating], people: npt.NDArray[np.str_], person: str, allowed: npt.NDArray[np.bool_]
) -> int | None:
    """Rank of a person, 1 = first, when people are ordered by their most similar allowed image.

    Ties count against the person, so that features without information rank last, not first.

    Args:
        similarity: (N,) of the query to each gallery image.
        people: (N,) identity of each gallery image.
        person: the identity to find.
        allowed: (N,) which gallery images count.

    Returns:
        The rank, or None if no image of the person is allowed.
    """
    mine = allowed & (people == person)
    if not mine.any():
        return None
    as_good = allowed & (people != person) & (similarity >= similarity[mine].max())
    return 1 + len(set(people[as_good].tolist()))


def polynomial_kernel(first: Vectors, second: Vectors) -> npt.NDArray[np.float64]:
    """k(x, y) = (x · y / D + 1)³ for rows of (N, D) and (M, D): (N, M). Binkowski et al. 2018, sec. 4."""
    table = first.astype(np.float64) @ second.T.astype(np.float64)
    return np.asarray((table / first.shape[1] + 1.0) ** 3)


def kid(
    first: Vectors,
    second: Vectors,
    first_weights: npt.NDArray[np.floating] | None = None,
    second_weights: npt.NDArray[np.floating] | None = None,
) -> float:
    """Kernel inception distance: unbiased squared MMD with the polynomial kernel; near 0 for one distribution.

    Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", ICLR 2018, eq. 4. Weights (N,), (M,) are the
    bootstrap counts of each row; a row is never compared with itself, so that the estimate stays unbiased.

    Args:
        first: features (N, D).
        second: features (M, D).
        first_weights: (N,), default 1.
        second_weights: (M,), default 1.

    Raises:
        ValueError: fewer than two rows (of positive weight) on a side.
    """
    w = np.ones(len(first)) if first_weights is None else first_weights.astype(np.float64)
    v = np.ones(len(second)) if second_weights is None else second_weights.astype(np.float64)
    if (w > 0).sum() < 2 or (v > 0).sum() < 2:
        raise ValueError("KID needs at least two rows on each side")
    return _kid_of_kernels(
        polynomial_kernel(first, first), polynomial_kernel(second, second), polynomial_kernel(first, second), w, v
    )


def _kid_of_kernels(
    xx: npt.NDArray[np.float64],
    yy: npt.NDArray[np.float64],
    xy: npt.NDArray[np.float64],
    w: npt.NDArray[np.float64],
    v: npt.NDArray[np.float64],
) -> float:
    def among(kernel: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
        pairs = weights @ kernel @ weights - (weights**2 * np.diag(kernel)).sum()
        return float(pairs / (weights.sum() ** 2 - (weights**2).sum()))

    return among(xx, w) + among(yy, v) - 2 * float(w @ xy @ v / (w.sum() * v.sum()))


def kid_interval(first: Vectors, second: Vectors, *, num_samples: int, seed: int, level: float = 0.95) -> Interval:
    """Bootstrap percentile interval of ``kid`` over the rows of both sides.

    Args:
        first: features (N, D).
        second: features (M, D).
        num_samples: bootstrap samples.
        seed: of the draws.
        level: coverage.
    """
    rng = np.random.default_rng(seed)
    kernels = polynomial_kernel(first, first), polynomial_kernel(second, second), polynomial_kernel(first, second)
    estimates = []
    for w, v in zip(_draws(rng, len(first), num_samples), _draws(rng, len(second), num_samples), strict=True):
        if (w > 0).sum() >= 2 and (v > 0).sum() >= 2:
            estimates.append(_kid_of_kernels(*kernels, w, v))
    return _percentiles(np.asarray(estimates), level)


def _draws(rng: np.random.Generator, num_items: int, num_samples: int) -> npt.NDArray[np.float64]:
    """Draw bootstrap counts (num_samples, num_items): num_items draws with replacement per sample."""
    return rng.multinomial(num_items, np.full(num_items, 1 / num_items), size=num_samples).astype(np.float64)


def _percentiles(values: npt.NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_interval(
    values: npt.NDArray[np.floating], *, num_samples: int, seed: int, level: float = 0.95
) -> Interval:
    """Percentile interval of the mean of independent values (N,).

    Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13.

    Args:
        values: (N,).
        num_samples: bootstrap samples.
        seed: of the draws.
        level: coverage.

    Raises:
        ValueError: no values.
    """
    if len(values) == 0:
        raise ValueError("an interval needs at least one value")
    weights = _draws(np.random.default_rng(seed), len(values), num_samples)
    return _percentiles(weights @ values / len(values), level)


def crossed_bootstrap_interval(
    values: npt.NDArray[np.floating],
    rows: npt.NDArray[np.str_],
    columns: npt.NDArray[np.str_],
    *,
    num_samples: int,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of the mean of values (N,) of pairs that share people: people are resampled, not pairs.

    The pigeonhole bootstrap: rows (sources) and columns (templates) are resampled independently, and a value's weight is
    the product of the counts of its row and its column. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics
    2007. Values that share a person are not independent; resampling pairs would give too narrow an interval.

    Args:
        values: (N,).
        rows: (N,) source of each value.
        columns: (N,) template of each value.
        num_samples: bootstrap samples.
        seed: of the draws.
        level: coverage.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    if len(values) == 0 or not len(values) == len(rows) == len(columns):
        raise ValueError("expected values, rows and columns of one length, at least one")
    rng = np.random.default_rng(seed)
    row_names, row_index = np.unique(rows, return_inverse=True)
    column_names, column_index = np.unique(columns, return_inverse=True)
    row_draws = _draws(rng, len(row_names), num_samples)
    column_draws = _draws(rng, len(column_names), num_samples)
    estimates = []
    for row_draw, column_draw in zip(row_draws, column_draws, strict=True):
        weights = row_draw[row_index] * column_draw[column_index]
        if weights.sum() > 0:
            estimates.append(float(weights @ values / weights.sum()))
    return (
        _percentiles(np.asarray(estimates), level) if estimates else Interval(float(values.min()), float(values.max()))
    )
