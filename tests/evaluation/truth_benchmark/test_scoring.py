"""The ends of the scale: the truth scores perfectly, a copied template nothing."""

import numpy as np
import pytest

from swapcore.evaluation.methods import TEMPLATE_COPIED, one_by_one
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.evaluation.truth_benchmark.scoring import CLASSICAL, MEASURED, NEARER, SWAP, TRUTH, Measured, score
from swapcore.ops.metrics import Interval


@pytest.fixture(scope="module")
def measured(small: TruthSet) -> Measured:
    """A swap that is halfway between template and truth."""

    def halfway(source, template):
        truth = small.truths[small.number(source, template)].astype(int)
        return ((truth + template.image) // 2).astype(np.uint8)

    return score(one_by_one(halfway), "halfway", small)


def values(measured: Measured, answer: str) -> dict[str, float]:
    return {name: value.value for name, value in measured.figures[answer].items()}


def test_every_answer_gets_every_figure_with_an_interval(measured: Measured) -> None:
    names = {figure.name for figure in MEASURED}
    assert len(names) == len(MEASURED) == 16
    assert list(measured.labels) == [SWAP, TEMPLATE_COPIED, CLASSICAL, TRUTH]
    for answer in measured.labels:
        assert set(measured.figures[answer]) == names
        for value in measured.figures[answer].values():
            assert value.interval.low <= value.value <= value.interval.high
            assert value.count == 6


def test_the_truth_scores_perfectly(measured: Measured) -> None:
    truth = values(measured, TRUTH)
    assert truth["truth/psnr_face"] == truth["truth/psnr"] == 100
    assert truth["truth/ssim_face"] == pytest.approx(1)
    assert truth["truth/l1_face"] == truth["truth/l1"] == truth["truth/feature"] == 0
    assert truth[NEARER.name] == 100


def test_a_copied_template_scores_nothing(measured: Measured) -> None:
    copied = measured.figures[TEMPLATE_COPIED]
    assert copied["identity/gain"].value == 0
    assert copied[NEARER.name].value == 0
    assert copied[NEARER.name].interval == Interval(0.0, 100.0), "three people prove nothing"
    assert copied["outside/l1"].value == copied["attributes/landmark_error"].value == 0


def test_half_the_way_is_half_the_distance(measured: Measured) -> None:
    half, copied = values(measured, SWAP), values(measured, TEMPLATE_COPIED)
    assert half["truth/l1_face"] == pytest.approx(copied["truth/l1_face"] / 2, abs=0.5)
    assert half["truth/psnr_face"] == pytest.approx(copied["truth/psnr_face"] + 20 * np.log10(2), abs=0.3)
    assert half[NEARER.name] == 100


def test_a_swap_is_judged_like_the_trivial_answer_that_it_equals(small: TruthSet) -> None:
    again = score(one_by_one(lambda source, template: template.image), "copies", small)
    assert again.figures[SWAP] == again.figures[TEMPLATE_COPIED]
