"""JobSettings that make a small folder fast, and a folder of photographs where one is given."""

import os
from pathlib import Path

import pytest

from swapcore.anonymization import replacements
from swapcore.faces import cnn_detector


@pytest.fixture
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering and the second detector take most of the time of a small folder."""
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", 128)
    monkeypatch.setattr(replacements, "MAX_PEOPLE", 4)


@pytest.fixture(scope="session")
def london_folder() -> Path:
    folder = os.environ.get("SWAPCORE_FACES")
    if not folder:
        pytest.skip("SWAPCORE_FACES names no folder of photographs")
    return Path(folder) / "london"
