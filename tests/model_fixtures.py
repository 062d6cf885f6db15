"""Shared fixtures: model folders, a registered model, drawn photographs."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.config import NetworkParams
from swapcore.inference.finding import select_faces
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.image import Image, encode_png
from swapcore.registry.model_package import package
from swapcore.tracking.packaging import MODEL_TAG, register_version
from tests.drawn_photographs import draw_face
from tests.inference.small_model import center_by, write_copying_model, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "model", NetworkParams(kind="dlib", path=None, sha256=None))


@pytest.fixture(scope="session")
def swapper(model: Path) -> Swapper:
    cv2.setNumThreads(1)
    return Swapper(model)


@pytest.fixture(scope="session")
def two_faces() -> Image:
    """Two drawn people, (400, 640, 3)."""
    ground = np.full((400, 640, 3), 190, np.uint8)
    image, _ = draw_face(1, into=ground, center=(0.27, 0.45))
    return draw_face(2, into=image, center=(0.73, 0.45), eye_distance_px=55)[0]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, two_faces: Image) -> Path:
    """source.png, template.png (one face each), two.png and no_face.png."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, image in {
        "source": draw_face(5)[0],
        "template": draw_face(6)[0],
        "two": two_faces,
        "no_face": np.full((300, 300, 3), 120, np.uint8),
    }.items():
        (folder / f"{name}.png").write_bytes(encode_png(image))
    return folder


@pytest.fixture(scope="session")
def registered_model(model: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tracking URI of a registry that holds the model as version 1, the challenger, of ``served``."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        packaged = package(model, folder / "package", "# A model for tests", "served")
        register_version(
            "served", packaged, run_tags={MODEL_TAG: "m"}, tags={}, alias="challenger", description="for tests"
        )
    return uri


@pytest.fixture(scope="session")
def copying_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that pastes the source's crop over the template's: crude, but the right person."""
    folder = tmp_path_factory.mktemp("models") / "copying"
    write_copying_model(folder, NetworkParams(kind="dlib", path=None, sha256=None), size_px=96)
    drawn = [select_faces(draw_face(person)[0], "one", 96, folder)[0].crop for person in range(20, 28)]
    return center_by(folder, drawn)
