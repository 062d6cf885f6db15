"""Whom a swapped picture shows: cosine to source and template, and retrieval among all test people."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.evaluation.methods import Batch
from swapcore.ops.image import Image
from swapcore.ops.metrics import Vectors, cosine, cosine_table, retrieval_rank

Embed = Callable[[Batch], Vectors]
"""Aligned pictures to raw face features (B, D)."""

SELF_JUDGED = "self-judged, jittered"
NUM_JITTERS = 3
"""Jittered looks at each picture; their features are averaged."""
JITTER_SHIFT = 0.02
"""Largest shift, as a share of the side: more than the pixel that undoes a fooled recognizer."""
JITTER_SCALE = 0.04
JITTER_BLUR = 0.006
"""Largest deviation of the Gaussian blur, as a share of the side."""


def jitter(image: Image, rng: np.random.Generator) -> Image:
    """Shift, scale and blur a picture a little, so that a pattern made to fool one network loses its hold."""
    size = image.shape[0]
    scale = 1 + rng.uniform(-JITTER_SCALE, JITTER_SCALE)
    shift = rng.uniform(-JITTER_SHIFT, JITTER_SHIFT, 2) * size
    center = (size - 1) / 2
    affine = np.array([[scale, 0, center * (1 - scale) + shift[0]], [0, scale, center * (1 - scale) + shift[1]]])
    moved = cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sigma = rng.uniform(0.25, 1.0) * JITTER_BLUR * size
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), dtype=np.uint8)


@dataclass(frozen=True)
class Judge:
    """A face network that says whom a picture shows."""

    label: str
    """Stands beside every figure that the judge gave."""
    embed: Embed
    mean: npt.NDArray[np.floating]
    """(D,) mean raw features of the training people, subtracted before every cosine."""
    jittered: bool
    """True where the judge is the network that training used: it must not be asked without jitter."""
    seed: int

    def look(self, images: Batch, keys: Sequence[str]) -> Vectors:
        """Raw features (B, D) of pictures that may have been made to please; keys seed the jitter of each."""
        if not self.jittered:
            return self.embed(images)
        looks = [self.embed(self._jittered(images, keys, turn)) for turn in range(NUM_JITTERS)]
        return np.asarray(np.mean(looks, axis=0))

    def _jittered(self, images: Batch, keys: Sequence[str], turn: int) -> Batch:
        return np.stack([jitter(image, self._generator(key, turn)) for image, key in zip(images, keys, strict=True)])

    def _generator(self, key: str, turn: int) -> np.random.Generator:
        digest = hashlib.sha256(f"{self.seed}\0{key}\0{turn}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@dataclass(frozen=True)
class Gallery:
    """The photographs of all test people, as the judge sees them."""

    keys: npt.NDArray[np.str_]
    people: npt.NDArray[np.str_]
    embeddings: Vectors
    """(N, D), raw."""

    def place(self, key: str) -> int:
        """Row of a photograph."""
        return int(np.flatnonzero(self.keys == key)[0])


class IdentityScore(NamedTuple):
    """What the judge says of one swapped picture."""

    cosine_source: float
    cosine_template: float
    """The leak: how much of the template's person is left."""
    gain: float
    """cosine_source less what the untouched template scores."""
    source_rank: int | None
    """Rank of the source's person among all test people, by their other photographs; None: there is no other."""
    template_rank: int | None


def score_identity(
    judge: Judge,
    gallery: Gallery,
    swapped: Vectors,
    untouched: Vectors,
    sources: Sequence[str],
    templates: Sequence[str],
) -> list[IdentityScore]:
    """Judge B swapped pictures.

    Args:
        judge: gives the mean to center by.
        gallery: all test photographs; the pair's own two do not count in retrieval.
        swapped: (B, D) judge.look of the answers.
        untouched: (B, D) judge.look of the templates under the same jitter.
        sources: keys of the sources' photographs.
        templates: keys of the templates' photographs.
    """
    source_rows = [gallery.place(key) for key in sources]
    template_rows = [gallery.place(key) for key in templates]
    to_source = cosine(swapped, gallery.embeddings[source_rows], judge.mean)
    to_template = cosine(swapped, gallery.embeddings[template_rows], judge.mean)
    before = cosine(untouched, gallery.embeddings[source_rows], judge.mean)
    table = cosine_table(swapped, gallery.embeddings, judge.mean)
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
