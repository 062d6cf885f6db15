from pathlib import Path

import pytest
import torch

from swapcore.data.groups import GroupSet
from swapcore.training.loop import train
from swapcore.training.samples import Samples
from swapcore.training.selection import SCORE, keep_if_best, score, select
from tests.training.conftest import CPU, recognize
from tests.training.test_samples import Answer
from tests.training.test_sentinels import Labeled

FIGURES = {
    "label_l1_of_copied": 0.4, "identity_source": 0.3, "identity_template": 0.5, "copied_identity_source": 0.1,
    "teacher_identity_source": 0.5, "teacher_identity_template": 0.2,
}  # fmt: skip


def test_the_score_by_hand() -> None:
    assert score(FIGURES) == pytest.approx((0.6 * (0.2 / 0.4 + 0.5 / 0.8) / 2) ** 0.5)
    assert score({"label_l1_of_copied": 0.4}) == pytest.approx(0.6)
    assert score({name: value for name, value in FIGURES.items() if "label" not in name}) == pytest.approx(0.5625)
    assert score({"loss/total": 1.0}) is None


def test_pleasing_the_recognizer_beyond_the_label_wins_nothing() -> None:
    as_good = FIGURES | {"identity_source": 0.5, "identity_template": 0.2}
    assert score(FIGURES | {"identity_source": 0.99, "identity_template": -0.5}) == score(as_good)
    assert score(as_good) > score(FIGURES)


def test_copiers_score_nothing_and_the_label_all(groups: GroupSet, tmp_path: Path) -> None:
    samples = Samples(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)

    def scored(generator) -> float:
        return samples.judge(generator, tmp_path / "sheets" / "a.png")[SCORE]

    assert scored(Answer("template")) == 0
    assert scored(Answer("source")) == 0
    assert scored(Labeled(samples, 0.0)) == pytest.approx(1.0, abs=0.02)


def test_the_best_snapshot_becomes_the_model_and_a_tie_goes_to_the_later(tiny, start) -> None:
    learner = start(tiny()).learner
    weight = next(learner.ema.parameters())
    for step, value in ((1, 0.2), (2, 0.5), (3, 0.5), (4, 0.4)):
        learner.step = step
        weight.fill_(float(step))
        keep_if_best(learner, {SCORE: value})
    assert select(learner) == {"step": 3, "score": 0.5, "by": SCORE}
    assert torch.all(weight == 3.0)


def test_training_people_choose_nothing(tiny, start) -> None:
    learner = start(tiny()).learner
    keep_if_best(learner, {"train/score": 0.9})
    assert select(learner)["score"] is None


def test_the_choice_survives_in_the_checkpoint(tiny, start) -> None:
    run = start(tiny())
    train(run.learner, run.context, run.around)
    assert run.learner.best is not None
    resumed = start(tiny(), "other").learner
    resumed.load_state(run.learner.state())
    assert resumed.best is not None
    assert (resumed.best.step, resumed.best.score) == (run.learner.best.step, run.learner.best.score)
    assert all(torch.equal(tensor, run.learner.best.weights[name]) for name, tensor in resumed.best.weights.items())
