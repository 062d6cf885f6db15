"""A model folder for the tests of inference."""

from pathlib import Path

import pytest

from swapcore.config import NetworkParams
from tests.inference.small_model import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "model", NetworkParams(kind="dlib", path=None, sha256=None))
