"""recognizer.json: which face network an artifact's embeddings come from, and the mean to center them by."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.config import NetworkParams
from swapcore.errors import ArtifactError

RECOGNIZER = "recognizer.json"


class RecogniserFile(NamedTuple):
    """What the file holds."""

    network: NetworkParams
    embedding_mean: npt.NDArray[np.float32]
    """(D,): mean raw embedding of the training people."""


def read_recognizer_file(folder: Path) -> RecogniserFile:
    """Read an artifact's recognizer.json; a network that travels with the artifact is found in its folder.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    path = folder / RECOGNIZER
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        network = NetworkParams.model_validate(document["network"])
        mean = np.asarray(document["embedding_mean"], dtype=np.float32)
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtifactError(f"{path}: cannot be read; run the stage that makes {folder.name} again") from None
    if network.path is not None and (folder / network.path).is_file():
        network = network.model_copy(update={"path": folder / network.path})
    return RecogniserFile(network, mean)


def write_recognizer_file(folder: Path, content: RecogniserFile) -> None:
    """Write an artifact's recognizer.json."""
    document = {
        "network": content.network.model_dump(mode="json"),
        "embedding_mean": content.embedding_mean.tolist(),
    }
    (folder / RECOGNIZER).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
