from pathlib import Path

import cv2
import pytest
import torch
from torch import nn

from swapcore.data.groups import FAKE_LABEL, GroupSet
from swapcore.ops.compose import Guide, Swap
from swapcore.training.validation import ValidationSet
from tests.training.conftest import CPU, recognize
from tests.training.small_groups import write_groups


class CopyingGenerator(nn.Module):
    """A generator that returns one of its inputs."""

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
def samples(groups: GroupSet) -> ValidationSet:
    return ValidationSet(groups, size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)


def test_copying_the_template(samples: ValidationSet, tmp_path: Path) -> None:
    metrics = samples.evaluate(CopyingGenerator("template"), tmp_path / "sheets" / "a.png")
    assert metrics["validation/label_l1_of_copied"] == pytest.approx(1.0)
    assert metrics["validation/identity_template"] == pytest.approx(1.0, abs=1e-3)


def test_copying_the_source(samples: ValidationSet, tmp_path: Path) -> None:
    metrics = samples.evaluate(CopyingGenerator("source"), tmp_path / "sheets" / "a.png")
    assert metrics["validation/identity_source"] == pytest.approx(1.0, abs=1e-3)


def test_the_metrics_of_the_teachers_fakes(samples: ValidationSet, tmp_path: Path) -> None:
    metrics = samples.evaluate(CopyingGenerator("source"), tmp_path / "sheets" / "a.png")
    assert -1 <= metrics["validation/teacher_identity_source"] < 1
    assert metrics["validation/teacher_identity_template"] < 1


def test_the_sheet_has_six_columns_and_one_row_per_group(samples: ValidationSet, tmp_path: Path) -> None:
    samples.evaluate(CopyingGenerator("template"), tmp_path / "sheets" / "a.png")
    sheet = cv2.imread(str(tmp_path / "sheets" / "a.png"))
    assert sheet.shape == (6 * 98 - 2, 6 * 98 - 2, 3)


def test_without_validation_people_the_training_people_are_used(tmp_path: Path, pipeline_params) -> None:
    folder = write_groups(tmp_path / "groups", pipeline_params, splits=("train", "train"), kinds=(FAKE_LABEL,))
    samples = ValidationSet(GroupSet(folder), size_px=64, limit=3, recognize=recognize, precision="fp32", device=CPU)
    metrics = samples.evaluate(CopyingGenerator("template"), tmp_path / "a.png")
    assert set(metrics) == {
        "train/identity_source", "train/identity_template", "train/teacher_identity_source", "train/teacher_identity_template",
        "train/copied_identity_source", "train/change", "train/distance_to_source", "train/background_l1", "train/score",
    }  # fmt: skip
