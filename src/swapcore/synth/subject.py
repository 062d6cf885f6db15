"""A person to be rendered: one identity, or the face of one on the head of another."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats, load_asset
from swapcore.synth.curves import smoothsteps
from swapcore.synth.head import find_eyes
from swapcore.synth.identity import FACE_PARAMETERS, Identity
from swapcore.synth.shape import center_on_eyes, coarse_vertices, mean_coarse

_FIRST_HELPER = 13380
"""Vertices of the original mesh from this index on are teeth, tongue, eyes and lashes: they go with the face."""


@dataclass(frozen=True)
class Subject:
    """What is rendered; for a plain person all three are the same."""

    look: Identity
    """Color and hair: the template's, with FACE_PARAMETERS of the source."""
    head: Identity
    """Whose skull, ears and neck."""
    face: Identity
    """Whose face."""

    @classmethod
    def of(cls, identity: Identity) -> "Subject":
        """The subject that is one person."""
        return cls(identity, identity, identity)


def true_swap(source: Identity, template: Identity) -> Subject:
    """The source's face (shape, brows, lips, iris, beard, marks) on the template's head.

    Hair, ears, neck, skin tone and skull stay the template's; brows and beard bring their own color.
    """
    look = template.but(**{name: getattr(source, name) for name in FACE_PARAMETERS})
    return Subject(look, template, source)


def subject_vertices(subject: Subject) -> Floats:
    """(N, 3) cm, coarse, at rest, centered between the eyes."""
    head = coarse_vertices(subject.head)
    if subject.face == subject.head:
        return head
    face = coarse_vertices(subject.face)
    weight = face_weight()
    # The ring around the face is matched first: the source's skull may be larger, and farther back.
    ring = np.where(load_asset().index < _FIRST_HELPER, weight * (1 - weight), 0)
    scale, turn, shift = fit_similarity(face, head, ring)
    moved = scale * face @ turn.T + shift
    return center_on_eyes((head + weight[:, None] * (moved - head)).astype(np.float32))


@functools.cache
def face_weight() -> Floats:
    """(N,) 1 for vertices that a swap takes from its source, 0 for the head, smooth between."""
    mean = mean_coarse()
    x, y, z = mean.T
    weight = (1 - smoothsteps(0.78, 1.04, np.hypot(x / 7.0, (y + 2.6) / 9.3))) * smoothsteps(-8.5, -5.0, z)
    return np.where(load_asset().index >= _FIRST_HELPER, 1, weight).astype(np.float32)


def fit_similarity(
    points: Floats, onto: Floats, weights: Floats
) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scale, rotation (3, 3) and shift (3,) that bring points (N, 3) onto others with the least weighted squared distance.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991).
    """
    share = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    middle, middle_onto = share @ points, share @ onto
    around, around_onto = points - middle, onto - middle_onto
    u, values, vt = np.linalg.svd((around_onto * share[:, None]).T @ around)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(signs) @ vt
    scale = float((values * signs).sum() / (share @ (around**2).sum(1)))
    return scale, turn, middle_onto - scale * turn @ middle


def eye_centers(coarse: Floats) -> Floats:
    """(2, 3) of the image's left and right eyeball."""
    return np.stack([center for center, _ in find_eyes(coarse)])
