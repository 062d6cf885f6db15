from pathlib import Path

import cv2
import pytest
import torch
from torch import nn

from swapcore.data.groups import FAKE_LABEL, GroupSet
from swapcore.ops.compose import Guide, Swap
from swapcore.training.samples import Samples
from tests.training.conftest import CPU, recognize
from tests.training.small_groups import write_groups


class Answer(nn.Module):
    """A generator that gives back one of its inputs."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.which = which

    def description(self, pooled: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        return torch.cat([pooled, embedding], 1)

    def forward(
        self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, guide: Guide | None = None
    ) -> Swap:
        image = {"source": source, "template": template}[self.which]
        return Swap(image, image, torch.ones_like(image[:, :1]))


@pytest.fixture
def samples(groups: GroupSet) -> Samples:
    return Samples(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)


def test_a_copier_of_templates_is_seen_through(samples: Samples, tmp_path: Path) -> None:
    figures = samples.judge(Answer("template"), tmp_path / "sheets" / "a.png")
    assert figures["validation/label_l1_of_copied"] == pytest.approx(1.0)
    assert figures["validation/identity_template"] == pytest.approx(1.0, abs=1e-3)


def test_a_copier_of_sources_is_seen_through(samples: Samples, tmp_path: Path) -> None:
    figures = samples.judge(Answer("source"), tmp_path / "sheets" / "a.png")
    assert figures["validation/identity_source"] == pytest.approx(1.0, abs=1e-3)


def test_the_teachers_own_figures_stand_beside(samples: Samples, tmp_path: Path) -> None:
    figures = samples.judge(Answer("source"), tmp_path / "sheets" / "a.png")
    assert -1 <= figures["validation/teacher_identity_source"] < 1
    assert figures["validation/teacher_identity_template"] < 1


def test_the_sheet_has_six_columns_and_a_row_a_group(samples: Samples, tmp_path: Path) -> None:
    samples.judge(Answer("template"), tmp_path / "sheets" / "a.png")
    sheet = cv2.imread(str(tmp_path / "sheets" / "a.png"))
    assert sheet.shape == (6 * 98 - 2, 6 * 98 - 2, 3)


def test_without_validation_people_training_ones_stand_in_and_the_names_say_so(tmp_path: Path, pipeline_params) -> None:
    folder = write_groups(tmp_path / "groups", pipeline_params, splits=("train", "train"), kinds=(FAKE_LABEL,))
    samples = Samples(GroupSet(folder), size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)
    figures = samples.judge(Answer("template"), tmp_path / "a.png")
    assert set(figures) == {
        "train/identity_source", "train/identity_template", "train/teacher_identity_source", "train/teacher_identity_template",
        "train/copied_identity_source", "train/change", "train/distance_to_source", "train/background_l1", "train/score",
    }  # fmt: skip
