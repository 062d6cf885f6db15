"""Every sentinel is tripped by what it watches for, and left alone by what it does not."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from swapcore.config import SentinelParams
from swapcore.data.groups import GroupSet
from swapcore.errors import TrainingError
from swapcore.models.generator import Swap
from swapcore.training.loop import train
from swapcore.training.samples import Samples
from swapcore.training.sentinels import SENTINELS, alarms, require_patience, stand_watch
from tests.training.conftest import CPU, recognize
from tests.training.test_samples import Answer

BOUNDS = SentinelParams(
    action="fail", start=0.5, patience=2, min_change=0.25, min_distance_to_source=0.3, min_discriminator_loss=0.05,
    max_background_l1=8.0,
)  # fmt: skip


class Labeled(nn.Module):
    """A generator that knows the labels, and may damage what surrounds the face."""

    def __init__(self, samples: Samples, damage: float) -> None:
        super().__init__()
        self.labels = {
            template.numpy().tobytes(): label
            for groups in samples._by_kind.values()
            for template, label in zip(groups.template, groups.label, strict=True)
        }
        self.damage = damage

    def description(self, pooled: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return torch.cat([pooled, embedding], 1)

    def forward(self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, *_: object) -> Swap:
        image = torch.stack([self.labels[each.numpy().tobytes()] for each in template])
        image[..., :8] = (image[..., :8] + self.damage).clamp(-1, 1)
        return Swap(image, image, torch.ones_like(image[:, :1]))


@pytest.fixture
def samples(groups: GroupSet) -> Samples:
    return Samples(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)


def alarmed(samples: Samples, generator: nn.Module, tmp_path: Path, **more: float) -> set[str]:
    return set(alarms(samples.judge(generator, tmp_path / "sheets" / "a.png") | more, BOUNDS))


def test_a_good_swap_alarms_nobody(samples: Samples, tmp_path: Path) -> None:
    assert alarmed(samples, Labeled(samples, 0.0), tmp_path, **{"loss/discriminator": 1.2}) == set()


def test_a_copied_template_is_noticed(samples: Samples, tmp_path: Path) -> None:
    assert alarmed(samples, Answer("template"), tmp_path) == {"template_copied"}


def test_a_copied_source_is_noticed(samples: Samples, tmp_path: Path) -> None:
    assert "source_copied" in alarmed(samples, Answer("source"), tmp_path)


def test_a_damaged_background_is_noticed(samples: Samples, tmp_path: Path) -> None:
    assert alarmed(samples, Labeled(samples, 0.8), tmp_path) == {"background_damaged"}


def test_a_saturated_discriminator_is_noticed(samples: Samples, tmp_path: Path) -> None:
    found = alarmed(samples, Labeled(samples, 0.0), tmp_path, **{"loss/discriminator": 0.01})
    assert found == {"discriminator_saturated"}


def test_figures_that_are_not_there_are_no_alarm() -> None:
    assert alarms({"loss/total": 1.0}, BOUNDS) == {}


COPIED = {"validation/change": 0.1}


def test_the_stage_fails_when_patience_is_at_its_end(tiny, start) -> None:
    learner = start(tiny()).learner
    learner.step = 6
    for count in (1, 2):
        require_patience(learner, COPIED, BOUNDS)
        assert stand_watch(learner, COPIED, BOUNDS, 12)["sentinel/template_copied"] == count
    with pytest.raises(TrainingError, match=r"template_copied, 2 on end: validation/change is 0\.1, bound 0\.25"):
        require_patience(learner, COPIED, BOUNDS)


def test_a_healthy_sample_in_between_resets_the_count(tiny, start) -> None:
    learner = start(tiny()).learner
    learner.step = 6
    for figures, count in ((COPIED, 1), ({"validation/change": 0.9}, 0), (COPIED, 1)):
        logged = stand_watch(learner, figures, BOUNDS, 12)
        assert logged["sentinel/template_copied"] == count
        assert set(logged) == {f"sentinel/{name}" for name in SENTINELS}


def test_nothing_counts_before_the_start(tiny, start) -> None:
    learner = start(tiny()).learner
    learner.step = 5
    for _ in range(5):
        assert stand_watch(learner, COPIED, BOUNDS, 12)["sentinel/template_copied"] == 0


@pytest.mark.parametrize("action", ["warn", "off"])
def test_it_need_not_fail(tiny, start, action: str, caplog) -> None:
    learner = start(tiny()).learner
    learner.step = 12
    bounds = BOUNDS.model_copy(update={"action": action})
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            stand_watch(learner, COPIED, bounds, 12)
            require_patience(learner, COPIED, bounds)
    assert ("template_copied" in caplog.text) == (action == "warn")


def test_a_training_that_copies_is_ended(tiny, start) -> None:
    """A change of ten times what the label needs cannot be reached in 12 steps: the real loop, judge and figures."""
    bounds = BOUNDS.model_copy(update={"min_change": 10.0, "patience": 1})
    run = start(tiny(sentinels=bounds))
    with pytest.raises(TrainingError, match="sentinel template_copied"):
        train(run.learner, run.context, run.around)
    assert run.learner.history[-1]["sentinel/template_copied"] == 1
