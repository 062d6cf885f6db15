"""Inputs of an evaluation: params, faces and model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import EvaluateParams, NetworkParams
from swapcore.data.artifact import Card, read_card
from swapcore.data.faces import Face, FaceSet, at_size
from swapcore.data.facts import ModelFacts
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.data.sampling import spread
from swapcore.errors import ArtifactError
from swapcore.evaluation.methods import Batch
from swapcore.models.artifact import read_configuration
from swapcore.ops.device import select_device
from swapcore.ops.metrics import Vectors
from swapcore.progress import progress

MAX_PHOTOGRAPHS = 1000
"""Training photographs, evenly spread, for the mean of another recognizer and for realism."""
NUM_CACHED_FACES = 512


@dataclass(frozen=True)
class EvaluationInputs:
    """Inputs of an evaluation."""

    params: EvaluateParams
    faces: FaceSet
    model: Path
    card: Card[ModelFacts]
    network: NetworkParams
    """The recognizer that training used."""
    embedding_mean: npt.NDArray[np.float32]
    size_px: int
    """The model's crop size, at which everything is evaluated."""
    device: torch.device
    face: Callable[[int], Face]
    """Row of the faces artifact -> face at that size."""

    @property
    def test_rows(self) -> list[int]:
        """Rows of the test split."""
        return self.faces.of_split("test")

    @property
    def training_rows(self) -> list[int]:
        """At most MAX_PHOTOGRAPHS rows of the training split, evenly spread."""
        return spread(self.faces.of_split("train"), MAX_PHOTOGRAPHS)


def read_inputs(params: EvaluateParams, faces: Path, model: Path) -> EvaluationInputs:
    """Open the artifacts.

    Raises:
        ArtifactError: faces or model are missing or damaged.
        ParamsError: the device is not available.
    """
    face_set, card = FaceSet(faces), read_card(model, "model", ModelFacts)
    size_px = read_configuration(model).composed_px
    network, mean = read_recognizer_file(model)
    if (network.kind, network.sha256) == (face_set.recognizer.kind, face_set.recognizer.sha256):
        mean = face_set.embedding_mean  # the same for every model that is evaluated on these faces
    face = lru_cache(NUM_CACHED_FACES)(lambda row: at_size(face_set[row], size_px))
    return EvaluationInputs(params, face_set, model, card, network, mean, size_px, select_device(params.device), face)


def map_batches(
    inputs: EvaluationInputs, rows: Sequence[int], function: Callable[[Batch], Vectors], what: str
) -> Vectors:
    """Apply a function to the images of faces, batch by batch.

    Args:
        inputs: gives the faces and the batch size.
        rows: rows of the faces artifact.
        function: images (B, S, S, 3) to vectors (B, D).
        what: name of the progress bar.

    Returns:
        (N, D).

    Raises:
        ArtifactError: rows is empty.
    """
    if not rows:
        raise ArtifactError(f"{inputs.faces.folder}: no photographs of training people; lower crop.split.test")
    size = inputs.params.batch_size
    starts = range(0, len(rows), size)
    return np.concatenate(
        [
            function(np.stack([inputs.face(row).image for row in rows[start : start + size]]))
            for start in progress(starts, what, total=len(starts))
        ]
    )
