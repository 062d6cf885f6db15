"""recognizer.json: what is written is read, and a damaged file is one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from swapcore.config import NetworkParams
from swapcore.data.recognizer_file import RECOGNIZER, RecognizerFile, read_recognizer_file, write_recognizer_file
from swapcore.errors import ArtifactError

BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    mean = np.array([0.1, -0.25, 1e-7], np.float32)
    write_recognizer_file(tmp_path, RecognizerFile(BUILT_IN, mean))
    network, read = read_recognizer_file(tmp_path)
    assert network == BUILT_IN
    assert np.array_equal(read, mean)


def test_a_network_that_travels_with_the_artifact_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"x")
    own = NetworkParams(kind="torchscript", path=Path("own.pt"), sha256="0" * 64)
    write_recognizer_file(tmp_path, RecognizerFile(own, np.zeros(2, np.float32)))
    assert read_recognizer_file(tmp_path).network.path == tmp_path / "own.pt"


@pytest.mark.parametrize("text", [None, "", "{", "[]", json.dumps({"network": {"kind": "dlib"}, "embedding_mean": []})])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / RECOGNIZER).write_text(text)
    with pytest.raises(ArtifactError, match="again") as caught:
        read_recognizer_file(tmp_path)
    assert "\n" not in str(caught.value)
