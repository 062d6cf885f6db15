"""Where an artifact comes from, carried inside it: the cards of everything before it, and who is in it, by hashes of names."""

import hashlib
import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from swapcore.data.artifact import CARD, Card, Kind
from swapcore.errors import ArtifactError

LINEAGE = "lineage"
PEOPLE = "people.json"


class PersonRecord(TypedDict):
    """What an artifact holds of one person."""

    split: str
    photographs: int


def pass_on(kind: Kind, source: Path, folder: Path) -> None:
    """Copy an input's card, as folder/lineage/KIND.json, and all that it carries itself.

    So a model alone proves its descent: each card names its inputs by the hash of the card that stands beside it.
    Photographs of one's own have no card; then there is nothing to copy.
    """
    carried = folder / LINEAGE
    if (source / LINEAGE).is_dir():
        shutil.copytree(source / LINEAGE, carried, dirs_exist_ok=True)
    if (source / CARD).is_file():
        carried.mkdir(exist_ok=True)
        shutil.copyfile(source / CARD, carried / f"{kind}.json")


def pass_on_model(port: str, model: Path, folder: Path) -> None:
    """Copy a model's card, as folder/lineage/PORT.json, and what it carries itself below folder/lineage/PORT.

    A model that made the fakes, or from which training started, has a descent of its own, of other people perhaps.
    """
    carried = folder / LINEAGE
    carried.mkdir(exist_ok=True)
    if (model / LINEAGE).is_dir():
        shutil.copytree(model / LINEAGE, carried / port)
    if (model / CARD).is_file():
        shutil.copyfile(model / CARD, carried / f"{port}.json")


def params_before(groups: Path) -> dict[str, dict[str, Any]]:
    """Stage to params of all stages that led to a groups artifact, from the cards that it carries."""
    stages = {
        "groups": groups / CARD,
        "crop": groups / LINEAGE / "faces.json",
        "synthesize": groups / LINEAGE / "photographs.json",
    }
    cards = {
        stage: Card.model_validate_json(path.read_text(encoding="utf-8"))
        for stage, path in stages.items()
        if path.is_file()
    }
    return {stage: card.params for stage, card in cards.items()}


def hashed_name(salt: str, identity: str) -> str:
    """How people.json names a person: it travels into registries, where names have no business."""
    return hashlib.sha256(f"{salt}\0{unicodedata.normalize('NFC', identity)}".encode()).hexdigest()[:32]


def write_people(folder: Path, salt: str, photographs: Iterable[tuple[str, str]]) -> None:
    """Write folder/lineage/people.json from the person and split of every photograph.

    Args:
        folder: the artifact that is being made.
        salt: the digest of the photographs: the same name has another hash in another set.
        photographs: identity and split, once a photograph.
    """
    counts = Counter((hashed_name(salt, identity), split) for identity, split in photographs)
    people = {name: PersonRecord(split=split, photographs=number) for (name, split), number in sorted(counts.items())}
    (folder / LINEAGE).mkdir(exist_ok=True)
    text = json.dumps({"salt": salt, "people": people}, indent=1, sort_keys=True) + "\n"
    (folder / LINEAGE / PEOPLE).write_text(text, encoding="utf-8")


def find_person(folder: Path, identity: str) -> PersonRecord | None:
    """What an artifact, or a copy of its lineage folder, holds of a person; None: nothing.

    The people of its teacher and of the model that it started from count as its own.

    Raises:
        ArtifactError: people.json is there and damaged.
    """
    carried = folder / LINEAGE if (folder / LINEAGE).is_dir() else folder
    parts = (_part(path, identity) for path in sorted(carried.rglob(PEOPLE), key=lambda path: len(path.parts)))
    return next((part for part in parts if part is not None), None)


def _part(path: Path, identity: str) -> PersonRecord | None:
    try:
        document: Mapping[str, str | Mapping[str, PersonRecord]] = json.loads(path.read_text(encoding="utf-8"))
        people, salt = document["people"], document["salt"]
        return people.get(hashed_name(str(salt), identity))  # type: ignore[union-attr]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ArtifactError(f"{path}: cannot be read; it says who is in the data; run crop again") from None
