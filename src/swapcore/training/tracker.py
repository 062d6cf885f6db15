"""What training needs of an experiment tracker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """Takes figures and files while training goes on."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the figures of a step."""

    def log_file(self, path: Path) -> None:
        """Take a file, e.g. a picture sheet."""


class NoTracker:
    """Takes everything and keeps nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """See Tracker."""

    def log_file(self, path: Path) -> None:
        """See Tracker."""
