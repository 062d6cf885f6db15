"""Identity scores: cosine to source and template, retrieval among test people."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.evaluation.methods import Batch
from swapcore.ops.image import Image
from swapcore.ops.metrics import Vectors, centered_cosine, cosine_table, retrieval_rank

Embed = Callable[[Batch], Vectors]
"""Aligned images (B, S, S, 3) -> raw face features (B, D)."""

SELF_EVALUATED = "self-evaluated, jittered"
NUM_JITTERS = 3
"""Jittered copies per image; their features are averaged."""
JITTER_SHIFT = 0.02
"""Maximum shift as a share of the side: more than the one pixel that breaks adversarial patterns."""
JITTER_SCALE = 0.04
JITTER_BLUR = 0.006
"""Maximum standard deviation of the Gaussian blur as a share of the side."""


def jitter(image: Image, rng: np.random.Generator) -> Image:
    """Shift, scale and blur an image slightly, which breaks patterns that are adversarial to one network."""
    size = image.shape[0]
    scale = 1 + rng.uniform(-JITTER_SCALE, JITTER_SCALE)
    shift = rng.uniform(-JITTER_SHIFT, JITTER_SHIFT, 2) * size
    center = (size - 1) / 2
    affine = np.array([[scale, 0, center * (1 - scale) + shift[0]], [0, scale, center * (1 - scale) + shift[1]]])
    moved = cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sigma = rng.uniform(0.25, 1.0) * JITTER_BLUR * size
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), dtype=np.uint8)


@dataclass(frozen=True)
class EvaluationRecognizer:
    """The face recognizer that measures identity."""

    label: str
    """Shown with every identity metric."""
    embed: Embed
    mean: npt.NDArray[np.floating]
    """(D,) mean raw features of the training people, subtracted before every cosine."""
    jittered: bool
    """Whether swapped images are jittered: always if training used the same network."""
    seed: int

    def features(self, images: Batch, keys: Sequence[str]) -> Vectors:
        """Return raw features (B, D) of swapped images, jittered if needed; keys seed the jitter of each image."""
        if not self.jittered:
            return self.embed(images)
        features = [self.embed(self._jittered(images, keys, turn)) for turn in range(NUM_JITTERS)]
        return np.asarray(np.mean(features, axis=0))

    def _jittered(self, images: Batch, keys: Sequence[str], turn: int) -> Batch:
        return np.stack([jitter(image, self._generator(key, turn)) for image, key in zip(images, keys, strict=True)])

    def _generator(self, key: str, turn: int) -> np.random.Generator:
        digest = hashlib.sha256(f"{self.seed}\0{key}\0{turn}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@dataclass(frozen=True)
class Gallery:
    """Embeddings of the photographs of all test people."""

    keys: npt.NDArray[np.str_]
    people: npt.NDArray[np.str_]
    embeddings: Vectors
    """(N, D), raw."""

    def row(self, key: str) -> int:
        """Return the row of a photograph."""
        return int(np.flatnonzero(self.keys == key)[0])


class IdentityScore(NamedTuple):
    """Identity scores of one swapped image; the fields are those of ScoreRow."""

    cosine_source: float
    cosine_template: float
    """Identity leak of the template."""
    gain: float
    """cosine_source minus the value of the untouched template."""
    source_rank: int | None
    """Rank of the source's person among all test people, by their other photographs; None without other photographs."""
    template_rank: int | None


def score_identity(
    recognizer: EvaluationRecognizer,
    gallery: Gallery,
    swapped: Vectors,
    untouched: Vectors,
    sources: Sequence[str],
    templates: Sequence[str],
) -> list[IdentityScore]:
    """Score B swapped images.

    Args:
        recognizer: gives the mean for centering.
        gallery: all test photographs; the pair's own two are excluded from retrieval.
        swapped: (B, D) features of the swapped images.
        untouched: (B, D) features of the templates with the same jitter.
        sources: keys of the sources' photographs.
        templates: keys of the templates' photographs.
    """
    source_rows = [gallery.row(key) for key in sources]
    template_rows = [gallery.row(key) for key in templates]
    to_source = centered_cosine(swapped, gallery.embeddings[source_rows], recognizer.mean)
    to_template = centered_cosine(swapped, gallery.embeddings[template_rows], recognizer.mean)
    before = centered_cosine(untouched, gallery.embeddings[source_rows], recognizer.mean)
    table = cosine_table(swapped, gallery.embeddings, recognizer.mean)
    scores = []
    for i, (source, template) in enumerate(zip(source_rows, template_rows, strict=True)):
        others = np.ones(len(gallery.keys), dtype=bool)
        others[[source, template]] = False
        ranks = [
            retrieval_rank(table[i], gallery.people, str(gallery.people[row]), others) for row in (source, template)
        ]
        gain = float(to_source[i] - before[i])
        scores.append(IdentityScore(float(to_source[i]), float(to_template[i]), gain, ranks[0], ranks[1]))
    return scores
