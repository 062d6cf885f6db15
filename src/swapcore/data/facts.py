"""Typed facts of the artifacts' cards."""

from typing import Literal

from swapcore.config import NetworkParams
from swapcore.data.artifact import Facts, Record


class TeacherFacts(Facts):
    """The teacher that made an artifact's fakes."""

    name: str
    version: str
    """For a registered teacher the digest of its model."""


class GroupsFacts(Facts):
    """Facts of a groups artifact."""

    size_px: int
    teacher: TeacherFacts
    recognizer: NetworkParams


class SelectionFacts(Facts):
    """The snapshot of the generator's moving average that became the model."""

    step: int
    score: float | None
    """Validation score; None without validation people."""
    by: str
    """The metric that chose it, or why there was no choice."""


class ModelFacts(Facts):
    """Facts of a model artifact."""

    size_px: int
    precision: Literal["fp32", "bf16", "fp16"]
    selected: SelectionFacts
    rollbacks: int
    """Returns to a checkpoint during the training."""
    recognizer: NetworkParams
    groups: Record[GroupsFacts]
    """The card of the groups that the model was trained on."""
