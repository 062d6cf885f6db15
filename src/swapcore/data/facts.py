"""Typed facts of the artifacts' cards."""

from swapcore.config import NetworkParams
from swapcore.data.artifact import Facts, Record


class TeacherFacts(Facts):
    """The teacher that made an artifact's fakes."""

    name: str
    version: str
    """For a registered teacher the digest of its model."""


class GroupsFacts(Facts):
    """Facts of a groups artifact."""

    size_px: int
    teacher: TeacherFacts
    recognizer: NetworkParams


class SelectionFacts(Facts):
    """The snapshot of the generator's moving average that became the model."""

    step: int
    score: float | None
    """Validation score; None without validation people."""
    by: str
    """The metric that chose it, or why there was no choice."""


class ModelFacts(Facts):
    """Facts of a model artifact."""

    size_px: int
    precision: str
    """fp32, bf16 or fp16."""
    selected: SelectionFacts
    rollbacks: int
    """Returns to a checkpoint during the training."""
    recognizer: NetworkParams
    groups: Record[GroupsFacts]
    """The card of the groups that the model was trained on."""


class PartFacts(Facts):
    """Facts of one shard of cropped photographs."""

    shard: int
    shards: int
    embedding_dim: int


class RightsFacts(Facts):
    """A consent basis and licence, and what rests on it."""

    basis: str
    licence: str
    people: int
    photographs: int


class ConsentFacts(Facts):
    """The consent file of the photographs."""

    sha256: str
    rights: list[RightsFacts]


class FacesFacts(Facts):
    """Facts of a faces artifact."""

    size_px: int
    recognizer: str
    """Digest of the recognizer's params."""
    embedding_dim: int
    people_by_split: dict[str, int]
    consent: ConsentFacts
    photographs_card: str | None
    """SHA-256 of the photographs' card; None for photographs without one."""


class WorstSliceFacts(Facts):
    """The slice with the lowest identity margin."""

    slice: str
    value: str
    margin: float


class ChampionFacts(Facts):
    """The registered model that was evaluated on the same pairs."""

    name: str
    version: str | None
    digest: str


class ReportFacts(Facts):
    """Facts of an evaluation report."""

    recognizer: str
    """Label of the recognizer that measures identity."""
    self_evaluated: bool
    """Whether it is the recognizer that training used."""
    size_px: int
    worst_slice: WorstSliceFacts | None
    champion: ChampionFacts | None
    protocol: dict[str, str]
    """Fingerprint of the evaluation: reports with the same protocol can be compared pair by pair."""
