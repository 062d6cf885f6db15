"""Detection of probable wrong identity labels by centered face features."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from swapcore.ops.embedding import unit_length

MIN_PEOPLE: Final = 3
"""With fewer people the subtracted mean is dominated by the person's own face."""


def mean_of_people(embeddings: npt.NDArray[np.float32], identities: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the mean (D,) of raw embeddings (N, D), N > 0; each person has the same weight."""
    people = indices_of_people(identities).values()
    total = np.zeros(embeddings.shape[1])
    for indices in people:
        total += embeddings[indices].mean(0, dtype=np.float64)
    return np.asarray(total / len(people), dtype=np.float32)


def indices_of_people(identities: Sequence[str]) -> dict[str, list[int]]:
    """Return person -> positions in identities, people in the order of their first position."""
    members: dict[str, list[int]] = {}
    for index, identity in enumerate(identities):
        members.setdefault(identity, []).append(index)
    return members


def identity_cosines(
    embeddings: npt.NDArray[np.float32], identities: Sequence[str], mean: npt.NDArray[np.float32]
) -> list[float | None]:
    """Return the cosine of each face to the mean of its person's other faces; None for a person with one face.

    Args:
        embeddings: raw, (N, D).
        identities: N identity names.
        mean: (D,), subtracted from the embeddings.
    """
    cosines: list[float | None] = [None] * len(identities)
    for indices in indices_of_people(identities).values():
        if len(indices) > 1:
            own = unit_length((embeddings[indices] - mean).astype(np.float64))
            others = own.sum(0) - own
            lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
            for index, cosine in zip(indices, (own * others).sum(1) / lengths, strict=True):
                cosines[index] = float(cosine)
    return cosines
