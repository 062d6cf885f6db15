"""Plan of the fakes: reference people and images, drawn by hashes of seed and key."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.config import GroupsParams
from swapcore.ops.draws import mixed
from swapcore.ops.embedding import unit_length
from swapcore.ops.geometry import Points
from swapcore.ops.masks import nose_offset

Floats = npt.NDArray[np.float64]

_MIN_WEIGHT = 1e-4
_VARIATION = np.array([10.0, 8.0, 5.0, 4.0, 2.0, 2.0, 6.0, 6.0])
"""Of yaw, pitch (degrees), mouth opening and width, eye opening, brow height, gaze across and down (percent) within a person."""
MAX_COMPARED = 1024
"""Number of people that are weighed for an image; with fewer people, all."""
_PRIOR_IMAGES = 0.1
"""Weight of the overall mean in a person's mean, in images."""


@dataclass(frozen=True)
class FaceProperties:
    """Properties of a face that the plan depends on."""

    key: str
    identity: str
    points: Points
    """(5, 2), landmarks in the crop, in units of its side."""
    skin_lightness: float
    """Lab L of the skin, 0 to 100."""
    embedding: npt.NDArray[np.float32]
    """(D,), raw embedding minus the mean of the training people."""
    attitude: tuple[float, ...] | None = None
    """Yaw and pitch in degrees and the six numbers of expression (``FaceRow.expression``), where the mesh measured them."""


@dataclass(frozen=True)
class FakePlan:
    """One fake to make, and its sample groups; images by their keys."""

    source: str
    """Gives the face."""
    template: str
    partner: str | None
    """Another image of the template's person, source of a fake-template group; None = no such group."""
    is_label: bool
    """Whether the fake is the label of a fake-label group (source, template)."""


class ReferencePool:
    """The people of one split, as references of each other."""

    def __init__(self, candidates: list[FaceProperties], skin_sigma: float) -> None:
        self._skin_sigma = skin_sigma
        self.of: dict[str, list[FaceProperties]] = defaultdict(list)
        for candidate in candidates:
            self.of[candidate.identity].append(candidate)
        self.people = sorted(self.of)
        if len(self.people) > MAX_COMPARED:
            self.people.sort(key=lambda person: (_hash("person", person), person))
        self._poses = poses(self.of) if candidates else {}
        self._number = {person: i for i, person in enumerate(self.people)}
        self._hashes = np.array([_hash("person", person) for person in self.people], dtype=np.uint64)
        self._skin = np.array([np.mean([p.skin_lightness for p in self.of[person]]) for person in self.people])
        means = np.array([np.mean([p.embedding for p in self.of[person]], axis=0) for person in self.people])
        self._directions = unit_length(means)

    def suitability(self, person: str, others: npt.NDArray[np.int64] | None = None) -> Floats:
        """Compute the weight, 0 to 1, of people (P,) as reference of a person; 0 for the person itself.

        People with a similar skin tone are preferred, because the teacher can match their colors, and among them those with a
        different embedding, so that the fake differs from its label.

        Args:
            person: the person that needs references.
            others: numbers of the people to weigh; None for all.
        """
        me = self._number[person]
        which = slice(None) if others is None else others
        alike = np.exp(-0.5 * ((self._skin[which] - self._skin[me]) / self._skin_sigma) ** 2)
        different = (1 - self._directions[which] @ self._directions[me]) / 2
        weights = np.maximum(alike * different, _MIN_WEIGHT)
        weights[me if others is None else others == me] = 0
        return np.asarray(weights)

    def references(self, candidate: FaceProperties, num: int, seed: int) -> list[str]:
        """Draw num people (or all, if there are fewer) for an image, without replacement, weighted by suitability.

        Efraimidis and Spirakis, "Weighted random sampling with a reservoir", IPL 2006. The uniform number of each person is a hash
        of seed, image and person, so that adding a person keeps the order of the others. Among more than MAX_COMPARED people only
        that many are weighed, so that the time for an image does not grow with the people.
        """
        own_hash = np.uint64(_hash(seed, candidate.key))
        compared = self._compared(own_hash, max(MAX_COMPARED, 4 * num))
        bits = mixed(self._hashes[compared] ^ own_hash)
        uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
        weights = self.suitability(candidate.identity, compared)
        order = np.argsort(-np.log(uniform) / np.maximum(weights, 1e-300), kind="stable")
        num = min(num, len(self.people) - 1)
        return [self.people[i] for i in compared[order[:num]]]

    def _compared(self, own_hash: np.uint64, limit: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the people to weigh for an image.

        The people are ordered by their hashes as on a ring; the image's hash is the place from which they are taken. A new person
        displaces at most one of them.
        """
        num = len(self.people)
        if num <= limit:
            return np.arange(num)
        first = int(np.searchsorted(self._hashes, own_hash))
        return (first + np.arange(limit)) % num

    def image_of(self, person: str, template: FaceProperties, params: GroupsParams) -> FaceProperties:
        """Choose the image of a person for a template, by pose and expression or by chance (``groups.source_image``)."""
        images = self.of[person]
        if params.source_image == "any":
            key = _draw([own.key for own in images], params.seed, f"{template.key}\0source")
            return next(own for own in images if own.key == key)
        wanted = self._poses[template.key]
        choose = min if params.source_image == "alike" else max
        return choose(images, key=lambda own: float(((self._poses[own.key] - wanted) ** 2).sum()))


def poses(of_person: dict[str, list[FaceProperties]]) -> dict[str, Floats]:
    """Describe pose and expression of each image, independent of identity.

    Where the face mesh measured every image, the values are yaw, pitch and expression in units of their usual variation, the
    expression relative to the person's mean. Otherwise ten values are the aligned landmarks minus the person's mean, which is
    identity: a wide mouth is not a smile. The overall mean has a small weight in it, for people with few images. The last value is
    the yaw, which needs no correction.

    Args:
        of_person: person -> images.

    Returns:
        Key -> (11,), or (8,) from the mesh.
    """
    if all(candidate.attitude is not None for own in of_person.values() for candidate in own):
        return _attitudes(of_person)
    everybody = np.mean([candidate.points for own in of_person.values() for candidate in own], axis=0)
    result = {}
    for own in of_person.values():
        total = np.sum([candidate.points for candidate in own], axis=0)
        mean = (total + _PRIOR_IMAGES * everybody) / (len(own) + _PRIOR_IMAGES)
        for candidate in own:
            turn = nose_offset(candidate.points) * np.linalg.norm(everybody[1] - everybody[0])
            result[candidate.key] = np.append((candidate.points - mean).ravel(), turn)
    return result


def _attitudes(of_person: dict[str, list[FaceProperties]]) -> dict[str, Floats]:
    values = {candidate.key: np.asarray(candidate.attitude) for own in of_person.values() for candidate in own}
    everybody = np.mean(list(values.values()), axis=0)
    result: dict[str, Floats] = {}
    for own in of_person.values():
        total = np.sum([values[candidate.key] for candidate in own], axis=0)
        mean = (total + _PRIOR_IMAGES * everybody) / (len(own) + _PRIOR_IMAGES)
        mean[:2] = 0
        result |= {candidate.key: (values[candidate.key] - mean) / _VARIATION for candidate in own}
    return result


def plan_fakes(candidates: list[FaceProperties], params: GroupsParams) -> list[FakePlan]:
    """Plan all fakes for the images of one split, in the order of the images.

    A fake is used in both kinds of groups: as the template of (another image of the template's person, fake) with the real label,
    and as the label of (its own source, its own template). So each image needs the larger of the two numbers in params, not the
    sum. A person with one image has no fake-template groups.

    Args:
        candidates: real images.
        params: the section groups.
    """
    pool = ReferencePool(candidates, params.skin_sigma)
    plans = []
    for candidate in candidates:
        others = [other.key for other in pool.of[candidate.identity] if other is not candidate]
        num_templates = params.references_per_label if others else 0
        num_drawn = max(num_templates, params.sources_per_template)
        for rank, person in enumerate(pool.references(candidate, num_drawn, params.seed)):
            partner = _draw(others, params.seed, f"{candidate.key}\0{rank}") if rank < num_templates else None
            source = pool.image_of(person, candidate, params).key
            plans.append(FakePlan(source, candidate.key, partner, is_label=rank < params.sources_per_template))
    return plans


def _draw(keys: list[str], seed: int, purpose: str) -> str:
    """Draw one of some keys; adding a key either draws it or changes nothing."""
    return min(keys, key=lambda key: _hash(seed, f"{purpose}\0{key}"))


def _hash(seed: int | str, text: str) -> int:
    """Return 64 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:8], "big")
