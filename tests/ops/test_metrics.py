"""Metrics compared with values computed by hand and with their definitions, and their properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops import metrics


def flat_image(value: int, size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def noise(seed: int, size: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_l1_by_hand():
    other = flat_image(10)
    other[0, 0] = [40, 10, 10]  # 30 in one of 3 channels of one of 256 pixels
    assert metrics.l1(flat_image(10), other) == pytest.approx(30 / 3 / 256)


def test_l1_is_weighted_by_the_mask():
    other = flat_image(10)
    other[:, :8] = 30
    mask = np.zeros((16, 16))
    mask[:, :8] = 1
    assert metrics.l1(flat_image(10), other, mask) == 20
    assert metrics.l1(flat_image(10), other, 1 - mask) == 0


def test_psnr_by_hand():
    # One gray level everywhere: 10 log10(255²) = 48.13 dB.
    assert metrics.psnr(flat_image(100), flat_image(101)) == pytest.approx(48.1308, abs=1e-4)
    assert metrics.psnr(flat_image(100), flat_image(100)) == math.inf


def test_psnr_of_a_mask():
    other = flat_image(100)
    other[:8] = 110
    mask = np.zeros((16, 16))
    mask[:8] = 0.5
    assert metrics.psnr(flat_image(100), other, mask) == pytest.approx(10 * math.log10(255**2 / 100))


def test_ssim_of_two_flat_images_by_hand():
    # No variance: (2ab + c1) / (a² + b² + c1) with c1 = 2.55².
    expected = (2 * 100 * 150 + 6.5025) / (100**2 + 150**2 + 6.5025)
    assert metrics.ssim(flat_image(100), flat_image(150)) == pytest.approx(expected, rel=1e-9)


def test_ssim_by_its_definition_at_one_pixel():
    first, second = noise(1, 11), noise(2, 11)
    x, y = first @ metrics.LUMA, second @ metrics.LUMA
    axis = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(axis, axis) / axis.sum() ** 2
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    variance_x, variance_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
    covariance = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    assert metrics.ssim(first, second) == pytest.approx(expected, rel=1e-6)


def test_ssim_mask_ignores_the_rest():
    first, second = noise(1), noise(1)
    second[:, 12:] = noise(2)[:, 12:]
    mask = np.zeros((24, 24))
    mask[:, :7] = 1  # windows of 11 px around these columns do not reach column 12
    assert metrics.ssim(first, second, mask) == pytest.approx(1)
    assert metrics.ssim(first, second) < 0.9


@given(st.integers(0, 1000), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_image_metrics_are_symmetric_and_bounded(one, two):
    first, second = noise(one), noise(two)
    for metric in (metrics.l1, metrics.psnr, metrics.ssim):
        assert metric(first, second) == pytest.approx(metric(second, first))
    assert 0 <= metrics.l1(first, second) <= 255
    assert -1 <= metrics.ssim(first, second) <= 1 + 1e-12
    assert metrics.ssim(first, first) == pytest.approx(1)


@pytest.mark.parametrize("metric", [metrics.l1, metrics.psnr, metrics.ssim])
def test_image_metrics_refuse_other_shapes(metric):
    with pytest.raises(ValueError, match="one size"):
        metric(flat_image(0, 16), flat_image(0, 32))
    with pytest.raises(ValueError, match="mask is empty"):
        metric(flat_image(0), flat_image(0), np.zeros((16, 16)))
    with pytest.raises(ValueError, match="differ in shape"):
        metric(flat_image(0), flat_image(0), np.zeros((8, 8)) if metric is not metrics.ssim else np.ones((13, 16)))


def test_ssim_refuses_an_image_smaller_than_its_window():
    with pytest.raises(ValueError, match="11 px"):
        metrics.ssim(flat_image(0, 8), flat_image(0, 8))


def test_cosine_is_taken_after_centering():
    mean = np.array([10.0, 10.0])
    first = np.array([[11.0, 10.0], [11.0, 10.0], [11.0, 10.0]])
    second = np.array([[12.0, 10.0], [10.0, 13.0], [9.0, 10.0]])
    assert metrics.centered_cosine(first, second, mean) == pytest.approx([1, 0, -1])
    assert (
        metrics.centered_cosine(first, second, np.zeros(2)).min() > 0.98
    )  # without centering, all embeddings are similar


def test_cosine_of_the_mean_itself_is_zero():
    mean = np.array([1.0, 2.0])
    assert metrics.centered_cosine(mean[None], np.array([[5.0, 5.0]]), mean) == [0]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_cosine_table_contains_the_cosines(seed):
    rng = np.random.default_rng(seed)
    first, second, mean = rng.normal(size=(4, 8)), rng.normal(size=(4, 8)), rng.normal(size=8)
    table = metrics.cosine_table(first, second, mean)
    assert np.diag(table) == pytest.approx(metrics.centered_cosine(first, second, mean))
    assert np.abs(table).max() <= 1 + 1e-12


PEOPLE = np.array(["a", "a", "b", "b", "c"])
ALL = np.ones(5, dtype=bool)


def test_retrieval_rank_orders_people_not_images():
    similarity = np.array([0.9, 0.8, 0.1, 0.7, 0.6])
    assert [metrics.retrieval_rank(similarity, PEOPLE, p, ALL) for p in "abc"] == [1, 2, 3]


def test_retrieval_rank_ignores_images_that_are_not_allowed():
    similarity = np.array([0.9, 0.2, 0.1, 0.7, 0.6])
    allowed = np.array([False, True, True, True, True])
    assert metrics.retrieval_rank(similarity, PEOPLE, "a", allowed) == 3
    assert metrics.retrieval_rank(similarity, PEOPLE, "c", np.array([True, True, True, True, False])) is None


def test_features_without_information_rank_last():
    assert metrics.retrieval_rank(np.zeros(5), PEOPLE, "a", ALL) == 3


def test_polynomial_kernel_by_hand():
    # (1·3 + 2·4) / 2 + 1 = 6.5, cubed.
    assert metrics.polynomial_kernel(np.array([[1, 2]]), np.array([[3, 4]])) == pytest.approx(np.array([[6.5**3]]))


def test_kid_by_hand():
    # One dimension, k(x, y) = (xy + 1)³: among {0, 1} 1, among {0, 2} 1, across 1, 1, 1, 27.
    first, second = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    assert metrics.kid(first, second) == pytest.approx(1 + 1 - 2 * (1 + 1 + 1 + 27) / 4)


def test_kid_is_unbiased_for_one_distribution_and_large_for_two():
    rng = np.random.default_rng(0)
    alike = [metrics.kid(rng.normal(size=(20, 4)), rng.normal(size=(20, 4))) for _ in range(300)]
    assert abs(np.mean(alike)) < 4 * np.std(alike) / math.sqrt(300)
    assert metrics.kid(rng.normal(size=(50, 4)), rng.normal(2, 1, size=(50, 4))) > 10 * np.std(alike)


def test_kid_weights_are_repetitions_of_rows():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    even = metrics.kid(first, second, np.full(4, 2.0), np.full(5, 3.0))
    assert even == pytest.approx(metrics.kid(first, second))
    assert metrics.kid(first, second, np.array([1, 1, 1, 0])) == pytest.approx(metrics.kid(first[:3], second))


def test_kid_needs_two_rows():
    with pytest.raises(ValueError, match="two rows"):
        metrics.kid(np.zeros((1, 3)), np.zeros((5, 3)))


def test_kid_interval_contains_the_estimate():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(40, 4)), rng.normal(0.5, 1, size=(40, 4))
    low, high = metrics.kid_interval(first, second, num_samples=300, seed=1)
    assert low < metrics.kid(first, second) < high
    assert (low, high) == metrics.kid_interval(first, second, num_samples=300, seed=1)


def test_bootstrap_interval_agrees_with_the_normal_one():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = metrics.bootstrap_interval(values, num_samples=4000, seed=0)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)
    assert (low, high) == metrics.bootstrap_interval(values, num_samples=4000, seed=0)
    assert (low, high) != metrics.bootstrap_interval(values, num_samples=4000, seed=1)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_bootstrap_interval_is_within_the_values(values, seed):
    low, high = metrics.bootstrap_interval(np.array(values), num_samples=100, seed=seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_intervals_need_values():
    with pytest.raises(ValueError, match="at least one"):
        metrics.bootstrap_interval(np.array([]), num_samples=100, seed=0)
    with pytest.raises(ValueError, match="one length"):
        metrics.crossed_bootstrap_interval(np.ones(2), np.array(["a"]), np.array(["b"]), num_samples=100, seed=0)


def test_crossed_interval_is_wide_if_the_value_depends_on_the_source():
    """20 sources x 20 templates with one value per source: 400 pairs have the information of 20 people."""
    rng = np.random.default_rng(0)
    per_source = rng.normal(size=20)
    values = np.repeat(per_source, 20)
    rows, columns = np.repeat(np.arange(20), 20).astype(str), np.tile(np.arange(20), 20).astype(str)
    low, high = metrics.crossed_bootstrap_interval(values, rows, columns, num_samples=2000, seed=0)
    by_person = metrics.bootstrap_interval(per_source, num_samples=2000, seed=0)
    by_pair = metrics.bootstrap_interval(values, num_samples=2000, seed=0)
    assert high - low == pytest.approx(by_person.high - by_person.low, rel=0.1)
    assert high - low > 3 * (by_pair.high - by_pair.low)


def test_crossed_interval_of_a_single_pair_is_its_value():
    interval = metrics.crossed_bootstrap_interval(
        np.array([0.5]), np.array(["a"]), np.array(["b"]), num_samples=100, seed=0
    )
    assert interval == (0.5, 0.5)
