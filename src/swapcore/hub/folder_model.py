"""What all model folders have in common once they are loaded."""

from pathlib import Path

import numpy as np
import torch

from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Embeddings
from swapcore.hub.face_swapper import Crops
from swapcore.models.artifact import load_generator
from swapcore.ops.embedding import centered


class FolderModel:
    """Generator, recognizer and mean embedding of a model folder; the base of its swappers."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        """Load weights.safetensors, model.json and recognizer.json.

        Raises:
            ArtifactError: a file is missing or damaged.
            ParamsError: the recognizer's own file is missing or differs from the one that the model was trained with.
        """
        self._device = torch.device(device)
        self.generator, self.configuration = load_generator(folder, self._device)
        recognizer = read_recognizer_file(folder)
        self.recognizer = load_evaluator_recognizer(recognizer.network).to(self._device)
        self.embedding_mean = recognizer.embedding_mean

    def embed(self, crops: Crops, batch_size: int = 16) -> Embeddings:
        """See ``FaceSwapper``; embeddings are centered by the mean of the training people."""
        raw = torch.from_numpy(self.recognizer.embed(crops, batch_size))
        return np.asarray(centered(raw, torch.from_numpy(self.embedding_mean)).numpy(), dtype=np.float32)
