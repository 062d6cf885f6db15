"""Distance of rendered faces to photographs: KID over dlib's feature levels, and Fréchet distance of its embeddings."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy import linalg

from swapcore.config import NetworkParams
from swapcore.errors import FaceError
from swapcore.evaluation.realism import describe
from swapcore.faces.extract import extract_face
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.ops.image import Image, to_tensor
from swapcore.ops.metrics import kid

CROP_PX = 112
Vectors = npt.NDArray[np.float64]


def read_images(folder: Path) -> list[Image]:
    """Every JPEG and PNG of a folder, by name."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)) for path in files]


def crop_faces(images: Sequence[Image]) -> list[Image]:
    """Aligned crops of the largest faces; images without a face are left out."""
    crops = []
    for number, image in enumerate(images):
        try:
            crops.append(extract_face(image, CROP_PX, "largest", Path(str(number))).crop)
        except FaceError:
            continue
    return crops


class Realism:
    """Compares crops with those of photographs."""

    def __init__(self, photographs: Sequence[Image]) -> None:
        self._network = load_evaluator_recognizer(NetworkParams(kind="dlib", path=None, sha256=None))
        self._real = self._features(photographs)

    @torch.no_grad()
    def _features(self, crops: Sequence[Image]) -> tuple[list[Vectors], Vectors]:
        """Descriptions of every level (N, D each), and embeddings (N, 128)."""
        levels: list[list[Vectors]] = []
        for start in range(0, len(crops), 16):
            maps = self._network.levels(to_tensor(np.stack(crops[start : start + 16])))
            levels.append([describe([level.numpy()]) for level in maps])
        joined = [np.concatenate(parts).astype(np.float64) for parts in zip(*levels, strict=True)]
        return joined, self._network.embed(np.stack(crops), 16).astype(np.float64)

    def measure(self, crops: Sequence[Image]) -> dict[str, float]:
        """`kid` over all levels, `kid_0` to `kid_4` of each, and `frechet` of the embeddings."""
        levels, embeddings = self._features(crops)
        real_levels, real_embeddings = self._real
        values = {f"kid_{n}": _scaled_kid(*pair) for n, pair in enumerate(zip(levels, real_levels, strict=True))}
        values["kid"] = _scaled_kid(np.concatenate(levels, 1), np.concatenate(real_levels, 1))
        values["frechet"] = frechet_distance(embeddings, real_embeddings)
        return values


def _scaled_kid(first: Vectors, photographs: Vectors) -> float:
    mean, deviation = photographs.mean(0), np.maximum(photographs.std(0), 1e-6)
    return kid((first - mean) / deviation, (photographs - mean) / deviation)


def frechet_distance(first: Vectors, second: Vectors) -> float:
    """|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two sets of rows (Heusel et al., 2017)."""
    covariances = [np.cov(rows, rowvar=False) for rows in (first, second)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = first.mean(0) - second.mean(0)
    return float(shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root))
