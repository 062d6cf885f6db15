from pathlib import Path

import pytest
import torch

from swapcore.data.facts import SelectionFacts
from swapcore.data.groups import GroupSet
from swapcore.training.loop import train
from swapcore.training.selection import SCORE, keep_if_best, score, select
from swapcore.training.validation import ValidationSet
from tests.training.conftest import CPU, recognize
from tests.training.test_health import LabelGenerator
from tests.training.test_validation import CopyingGenerator

METRICS = {
    "label_l1_of_copied": 0.4, "identity_source": 0.3, "identity_template": 0.5, "copied_identity_source": 0.1,
    "teacher_identity_source": 0.5, "teacher_identity_template": 0.2,
}  # fmt: skip


def test_the_score_by_hand() -> None:
    assert score(METRICS) == pytest.approx((0.6 * (0.2 / 0.4 + 0.5 / 0.8) / 2) ** 0.5)
    assert score({"label_l1_of_copied": 0.4}) == pytest.approx(0.6)
    assert score({name: value for name, value in METRICS.items() if "label" not in name}) == pytest.approx(0.5625)
    assert score({"loss/total": 1.0}) is None


def test_more_similarity_than_the_label_has_is_not_rewarded() -> None:
    as_good = METRICS | {"identity_source": 0.5, "identity_template": 0.2}
    assert score(METRICS | {"identity_source": 0.99, "identity_template": -0.5}) == score(as_good)
    assert score(as_good) > score(METRICS)


def test_copying_scores_zero_and_the_label_one(groups: GroupSet, tmp_path: Path) -> None:
    samples = ValidationSet(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)

    def scored(generator) -> float:
        return samples.evaluate(generator, tmp_path / "sheets" / "a.png")[SCORE]

    assert scored(CopyingGenerator("template")) == 0
    assert scored(CopyingGenerator("source")) == 0
    assert scored(LabelGenerator(samples, 0.0)) == pytest.approx(1.0, abs=0.02)


def test_the_best_snapshot_becomes_the_model_and_the_later_one_in_a_tie(tiny, start) -> None:
    state = start(tiny()).state
    weight = next(state.ema.parameters())
    for step, value in ((1, 0.2), (2, 0.5), (3, 0.5), (4, 0.4)):
        state.step = step
        weight.fill_(float(step))
        keep_if_best(state, {SCORE: value})
    assert select(state) == SelectionFacts(step=3, score=0.5, by=SCORE)
    assert torch.all(weight == 3.0)


def test_training_people_do_not_select(tiny, start) -> None:
    state = start(tiny()).state
    keep_if_best(state, {"train/score": 0.9})
    assert select(state).score is None


def test_the_best_snapshot_is_part_of_the_state(tiny, start) -> None:
    run = start(tiny())
    train(run.state, run.context, run.loop)
    assert run.state.best is not None
    resumed = start(tiny(), "other").state
    resumed.load_state_dict(run.state.state_dict())
    assert resumed.best is not None
    assert (resumed.best.step, resumed.best.score) == (run.state.best.step, run.state.best.score)
    assert all(torch.equal(tensor, run.state.best.weights[name]) for name, tensor in resumed.best.weights.items())
