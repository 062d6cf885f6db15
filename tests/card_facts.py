"""Facts of small artifacts for tests."""

from typing import Any

from swapcore.config import NetworkParams
from swapcore.data.artifact import Record
from swapcore.data.facts import ConsentFacts, FacesFacts, GroupsFacts, ModelFacts, SelectionFacts, TeacherFacts

DLIB = NetworkParams(kind="dlib", path=None, sha256=None)


def faces_facts(size_px: int, **changes: Any) -> FacesFacts:
    """Facts of a faces artifact with crops of size_px."""
    facts = FacesFacts(
        size_px=size_px,
        recognizer=DLIB.digest(),
        embedding_dim=128,
        people_by_split={},
        consent=ConsentFacts(sha256="c" * 64, rights=[]),
        photographs_card=None,
    )
    return facts.model_copy(update=changes)


def groups_facts(size_px: int, teacher: TeacherFacts | None = None) -> GroupsFacts:
    """Facts of a groups artifact, by default of the teacher warp."""
    return GroupsFacts(size_px=size_px, teacher=teacher or TeacherFacts(name="warp", version="1"), recognizer=DLIB)


def model_facts(
    size_px: int, *, inputs: dict[str, str], params: dict[str, Any], teacher: TeacherFacts | None = None
) -> ModelFacts:
    """Facts of a model; inputs and params are those of its groups."""
    groups = Record[GroupsFacts](
        swapcore_version="1", params=params, inputs=inputs, counts={}, rejections={},
        facts=groups_facts(size_px, teacher),
    )  # fmt: skip
    selected = SelectionFacts(step=1, score=None, by="no validation people")
    return ModelFacts(size_px=size_px, precision="fp32", selected=selected, rollbacks=0, recognizer=DLIB, groups=groups)
