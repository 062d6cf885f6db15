"""The ends of the scale: the truth scores perfectly, a copied template nothing."""

import numpy as np
import pytest

from swapcore.evaluation.methods import TEMPLATE_COPIED, copy_template, one_by_one
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.evaluation.truth_benchmark.scoring import (
    BENCHMARK_METRICS,
    NEARER,
    SWAP,
    TRUTH,
    WARP,
    BenchmarkResult,
    score,
)
from swapcore.ops.metrics import Interval


@pytest.fixture(scope="module")
def measured(small: TruthSet) -> BenchmarkResult:
    """A swap that is halfway between template and truth."""

    def halfway(source, template):
        truth = small.truths[small.number(source, template)].astype(int)
        return ((truth + template.image) // 2).astype(np.uint8)

    return score(one_by_one(halfway), "halfway", small)


def values(measured: BenchmarkResult, method: str) -> dict[str, float]:
    return {name: value.value for name, value in measured.values[method].items()}


def test_every_method_has_every_metric_with_an_interval(measured: BenchmarkResult) -> None:
    names = {metric.name for metric in BENCHMARK_METRICS}
    assert len(names) == len(BENCHMARK_METRICS) == 16
    assert list(measured.labels) == [SWAP, TEMPLATE_COPIED, WARP, TRUTH]
    for method in measured.labels:
        assert set(measured.values[method]) == names
        for value in measured.values[method].values():
            assert value.interval.low <= value.value <= value.interval.high
            assert value.count == 6


def test_true_swap_scores_perfectly(measured: BenchmarkResult) -> None:
    truth = values(measured, TRUTH)
    assert truth["truth/psnr_face"] == truth["truth/psnr"] == 100
    assert truth["truth/ssim_face"] == pytest.approx(1)
    assert truth["truth/l1_face"] == truth["truth/l1"] == truth["truth/feature"] == 0
    assert truth[NEARER.name] == 100


def test_copied_template_is_never_closer(measured: BenchmarkResult) -> None:
    copied = measured.values[TEMPLATE_COPIED]
    assert copied["identity/gain"].value == 0
    assert copied[NEARER.name].value == 0
    assert copied[NEARER.name].interval == Interval(0.0, 100.0), "three people prove nothing"
    assert copied["outside/l1"].value == copied["attributes/landmark_error"].value == 0


def test_half_way_has_half_the_distance(measured: BenchmarkResult) -> None:
    half, copied = values(measured, SWAP), values(measured, TEMPLATE_COPIED)
    assert half["truth/l1_face"] == pytest.approx(copied["truth/l1_face"] / 2, abs=0.5)
    assert half["truth/psnr_face"] == pytest.approx(copied["truth/psnr_face"] + 20 * np.log10(2), abs=0.3)
    assert half[NEARER.name] == 100


def test_equal_methods_have_equal_scores(small: TruthSet) -> None:
    again = score(one_by_one(lambda source, template: template.image), "copies", small)
    assert again.values[SWAP] == again.values[TEMPLATE_COPIED]


def test_the_built_in_warp_is_not_listed_twice(tiny: TruthSet) -> None:
    measured = score(copy_template, "builtin:warp", tiny)
    assert list(measured.labels.values()) == ["builtin:warp", "template copied", "true swap"]
