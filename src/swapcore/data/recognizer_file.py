"""recognizer.json: the recognizer of an artifact's embeddings, and their mean."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.config import NetworkParams
from swapcore.errors import ArtifactError

RECOGNIZER = "recognizer.json"
_OLD_NAME = "recogniser.json"
"""Its name before version 0.1."""


class RecognizerFile(NamedTuple):
    """Content of recognizer.json."""

    network: NetworkParams
    embedding_mean: npt.NDArray[np.float32]
    """(D,), mean raw embedding of the training people."""


def recognizer_path(folder: Path) -> Path:
    """Return the path of an artifact's recognizer.json, also in artifacts of versions before 0.1."""
    old = folder / _OLD_NAME
    return old if old.is_file() else folder / RECOGNIZER


def read_recognizer_file(folder: Path) -> RecognizerFile:
    """Read an artifact's recognizer.json. A relative path of the network is resolved in the artifact's folder.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    path = recognizer_path(folder)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        network = NetworkParams.model_validate(document["network"])
        mean = np.asarray(document["embedding_mean"], dtype=np.float32)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        raise ArtifactError(f"{path}: cannot be read; run the stage that makes {folder.name} again") from None
    if network.path is not None and (folder / network.path).is_file():
        network = network.model_copy(update={"path": folder / network.path})
    return RecognizerFile(network, mean)


def write_recognizer_file(folder: Path, content: RecognizerFile) -> None:
    """Write an artifact's recognizer.json."""
    document = {
        "network": content.network.model_dump(mode="json"),
        "embedding_mean": content.embedding_mean.tolist(),
    }
    (folder / RECOGNIZER).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
