"""Fixtures: the London photographs in the folder that SWAPCORE_FACES names."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.data.images import read_photograph
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image


@dataclass(frozen=True)
class Marked:
    """A photograph, its face, and for neutral ones the annotated pupils, nose tip and mouth corners (5, 2)."""

    file: str
    identity: str
    image: Image
    face: AlignedFace
    marks: Points | None


@pytest.fixture(scope="session")
def london() -> list[Marked]:
    return _london()


@pytest.fixture(scope="session")
def london_by_dlib() -> list[Marked]:
    """The same without the face mesh."""
    with pytest.MonkeyPatch.context() as patch:
        without_mesh(patch)
        return _london()


def without_mesh(patch: pytest.MonkeyPatch) -> None:
    """Let detection and alignment behave as where the face mesh is not installed."""
    patch.setattr("swapcore.faces.detect.is_installed", lambda: False)
    patch.setattr("swapcore.faces.extract.is_installed", lambda: False)


@pytest.fixture
def dlib_only(monkeypatch: pytest.MonkeyPatch) -> None:
    without_mesh(monkeypatch)


def _london() -> list[Marked]:
    folder = os.environ.get("SWAPCORE_FACES")
    if not folder:
        pytest.skip("SWAPCORE_FACES is not set to a folder of photographs")
    cv2.setNumThreads(1)
    with (Path(folder) / "faces.csv").open(encoding="utf-8") as stream:
        return [_marked(Path(folder), row) for row in csv.DictReader(stream)]


def _marked(folder: Path, row: dict[str, str]) -> Marked:
    image = read_photograph(folder / row["file"], 100).image
    names = ("eye_l", "eye_r", "nose", "mouth_l", "mouth_r")
    marks = np.array([[float(row[f"{n}_x"]), float(row[f"{n}_y"])] for n in names]) if row["eye_l_x"] else None
    return Marked(row["file"], row["identity"], image, extract_face(image, 256, "largest", folder), marks)
