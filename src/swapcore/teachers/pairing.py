"""Who is swapped into whom: reference people and their photographs, drawn by hashes of seed and key."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.config import GroupsParams
from swapcore.ops.geometry import Points
from swapcore.ops.masks import nose_offset

Floats = npt.NDArray[np.float64]

_SKIN_SIGMA = 8.0
"""By so much Lab lightness may two people's skins differ before they are drawn together less often."""
_MIN_WEIGHT = 1e-4
_PRIOR_PHOTOGRAPHS = 0.1
"""As many photographs of everybody's mean count into a person's."""


@dataclass(frozen=True)
class Photograph:
    """What pairing needs to know of a face."""

    key: str
    identity: str
    points: Points
    """(5, 2) in the crop, as shares of its side."""
    skin_lightness: float
    """Lab L of the skin, 0 to 100."""
    embedding: npt.NDArray[np.float32]
    """Face features (D,) minus the mean of the training people."""


@dataclass(frozen=True)
class Pair:
    """One fake to make, by the keys of its photographs, and the groups it serves."""

    source: str
    """The photograph whose face is put in."""
    template: str
    partner: str | None
    """Another photograph of the template's person, for a fake-template group; None = no such group."""
    is_label: bool
    """Whether it is the label of a fake-label group (source, template)."""


class Cast:
    """The people of one split and how well they go together."""

    def __init__(self, photographs: list[Photograph]) -> None:
        self.of: dict[str, list[Photograph]] = defaultdict(list)
        for photograph in photographs:
            self.of[photograph.identity].append(photograph)
        self.people = sorted(self.of)
        self._postures = postures(self.of) if photographs else {}
        self._number = {person: i for i, person in enumerate(self.people)}
        self._hashes = np.array([_hash("person", person) for person in self.people], dtype=np.uint64)
        self._skin = np.array([np.mean([p.skin_lightness for p in self.of[person]]) for person in self.people])
        means = np.array([np.mean([p.embedding for p in self.of[person]], axis=0) for person in self.people])
        self._directions = means / np.maximum(np.linalg.norm(means, axis=-1, keepdims=True), 1e-12)

    def suitability(self, person: str) -> Floats:
        """How readily each of the people (P,) is drawn as reference of a person: 0 for the same, else up to 1.

        People of like skin are preferred, whose colors the teacher can match, and among them those who look different
        to the recognizer, so that the fake differs from its label.
        """
        me = self._number[person]
        alike = np.exp(-0.5 * ((self._skin - self._skin[me]) / _SKIN_SIGMA) ** 2)
        different = (1 - self._directions @ self._directions[me]) / 2
        weights = np.maximum(alike * different, _MIN_WEIGHT)
        weights[me] = 0
        return np.asarray(weights)

    def references(self, photograph: Photograph, num: int, seed: int) -> list[str]:
        """Draw num different people (fewer if there are no more) for a photograph, by their suitability.

        Weighted sampling without replacement as in Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
        IPL 2006; the uniform number of each person is a hash of the seed, the photograph and the person, so that a new
        person only steps in between the others.
        """
        bits = _mixed(self._hashes ^ np.uint64(_hash(seed, photograph.key)))
        uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
        weights = self.suitability(photograph.identity)
        order = np.argsort(-np.log(uniform) / np.maximum(weights, 1e-300), kind="stable")
        num = min(num, len(self.people) - 1)
        return [self.people[i] for i in order[:num]]

    def nearest(self, person: str, template: Photograph) -> Photograph:
        """Which photograph of a person is nearest to a template in pose and expression."""
        wanted = self._postures[template.key]
        return min(self.of[person], key=lambda own: float(((self._postures[own.key] - wanted) ** 2).sum()))


def postures(of_person: dict[str, list[Photograph]]) -> dict[str, Floats]:
    """Pose and expression of each photograph (by key) as numbers (11,), whoever it shows.

    Ten are the aligned points less the person's own mean, which is identity: a wide mouth is not a smile. The mean leans
    a little on everybody's, for people of few photographs. The last is the turn of the head, which needs no such
    correction.
    """
    everybody = np.mean([photograph.points for own in of_person.values() for photograph in own], axis=0)
    result = {}
    for own in of_person.values():
        total = np.sum([photograph.points for photograph in own], axis=0)
        mean = (total + _PRIOR_PHOTOGRAPHS * everybody) / (len(own) + _PRIOR_PHOTOGRAPHS)
        for photograph in own:
            turn = nose_offset(photograph.points) * np.linalg.norm(everybody[1] - everybody[0])
            result[photograph.key] = np.append((photograph.points - mean).ravel(), turn)
    return result


def draw_pairs(photographs: list[Photograph], params: GroupsParams) -> list[Pair]:
    """All fakes for the photographs of one split, in the photographs' order.

    A fake serves both kinds of groups: as the template of (another photograph of the template's person, fake) with the
    real label, and as the label of (its own source, its own template). So each photograph needs the larger, not the sum,
    of the two numbers in params. A person of one photograph has no fake-template groups.
    """
    cast = Cast(photographs)
    pairs = []
    for photograph in photographs:
        others = [other.key for other in cast.of[photograph.identity] if other is not photograph]
        num_templates = params.references_per_label if others else 0
        num_drawn = max(num_templates, params.sources_per_template)
        for rank, person in enumerate(cast.references(photograph, num_drawn, params.seed)):
            partner = _draw(others, params.seed, f"{photograph.key}\0{rank}") if rank < num_templates else None
            source = cast.nearest(person, photograph).key
            pairs.append(Pair(source, photograph.key, partner, is_label=rank < params.sources_per_template))
    return pairs


def _draw(keys: list[str], seed: int, purpose: str) -> str:
    """One of some keys by chance; a new key is either drawn or changes nothing."""
    return min(keys, key=lambda key: _hash(seed, f"{purpose}\0{key}"))


def _hash(seed: int | str, text: str) -> int:
    """64 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:8], "big")


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter the bits of (N,) integers: the finalizer of SplitMix64, Steele, Lea, Flood, OOPSLA 2014."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
