"""Lineage inside an artifact: cards of its inputs, hashed names of its people."""

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
    """Split and number of photographs of one person."""

    split: str
    photographs: int


def pass_on(kind: Kind, source: Path, folder: Path) -> None:
    """Copy an input's card to folder/lineage/KIND.json, together with the input's own lineage.

    A model thus proves its origin: each card refers to its inputs by the hash of a card in the same folder. A user's own
    photographs have no card; then nothing is copied.

    Args:
        kind: kind of the input.
        source: the input artifact.
        folder: the artifact that is being built.
    """
    lineage = folder / LINEAGE
    if (source / LINEAGE).is_dir():
        shutil.copytree(source / LINEAGE, lineage, dirs_exist_ok=True)
    if (source / CARD).is_file():
        lineage.mkdir(exist_ok=True)
        shutil.copyfile(source / CARD, lineage / f"{kind}.json")


def pass_on_model(port: str, model: Path, folder: Path) -> None:
    """Copy a model's card to folder/lineage/PORT.json, and its own lineage to folder/lineage/PORT.

    The teacher and the initial model of a training have an origin of their own, possibly with other people.

    Args:
        port: teacher or initial.
        model: the model artifact.
        folder: the artifact that is being built.
    """
    lineage = folder / LINEAGE
    lineage.mkdir(exist_ok=True)
    if (model / LINEAGE).is_dir():
        shutil.copytree(model / LINEAGE, lineage / port)
    if (model / CARD).is_file():
        shutil.copyfile(model / CARD, lineage / f"{port}.json")


def params_before(groups: Path) -> dict[str, dict[str, Any]]:
    """Return stage -> params of all stages before a groups artifact, from its lineage."""
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
    """Return a person's name in people.json, which is uploaded to registries and must not contain real names."""
    return hashlib.sha256(f"{salt}\0{unicodedata.normalize('NFC', identity)}".encode()).hexdigest()[:32]


def write_people(folder: Path, salt: str, photographs: Iterable[tuple[str, str]]) -> None:
    """Write folder/lineage/people.json from the person and split of every photograph.

    Args:
        folder: the artifact that is being built.
        salt: digest of the photographs, so that the same name has different hashes in different data sets.
        photographs: identity and split of each photograph.
    """
    counts = Counter((hashed_name(salt, identity), split) for identity, split in photographs)
    people = {name: PersonRecord(split=split, photographs=number) for (name, split), number in sorted(counts.items())}
    (folder / LINEAGE).mkdir(exist_ok=True)
    text = json.dumps({"salt": salt, "people": people}, indent=1, sort_keys=True) + "\n"
    (folder / LINEAGE / PEOPLE).write_text(text, encoding="utf-8")


def find_person(folder: Path, identity: str) -> PersonRecord | None:
    """Find a person in an artifact, or in a copy of its lineage folder, its teacher and initial model included.

    Args:
        folder: an artifact or a lineage folder.
        identity: the person's name.

    Returns:
        None if the person is not in it.

    Raises:
        ArtifactError: a people.json is damaged.
    """
    lineage = folder / LINEAGE if (folder / LINEAGE).is_dir() else folder
    records = (_record(path, identity) for path in sorted(lineage.rglob(PEOPLE), key=lambda path: len(path.parts)))
    return next((record for record in records if record is not None), None)


def _record(path: Path, identity: str) -> PersonRecord | None:
    try:
        document: Mapping[str, str | Mapping[str, PersonRecord]] = json.loads(path.read_text(encoding="utf-8"))
        people, salt = document["people"], document["salt"]
        return people.get(hashed_name(str(salt), identity))  # type: ignore[union-attr]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ArtifactError(f"{path}: cannot be read, so the people in the data are unknown; run crop again") from None
