"""Artifact folders: card.json, digests, atomic writes."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Literal, overload

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import TypeVar  # the one of typing has no default before Python 3.13

from swapcore import __version__
from swapcore.config import Section
from swapcore.errors import ArtifactError
from swapcore.files import hidden_sibling, locked

CARD = "card.json"
SPEED = "speed.json"
"""Timings of one machine. The only file that may differ between two runs of a stage, so no digest includes it."""
Kind = Literal["photographs", "part", "faces", "groups", "model", "report", "registration"]


class Facts(BaseModel):
    """Base of the typed facts of each kind of artifact, see swapcore.data.facts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


F = TypeVar("F", bound=Facts | dict[str, Any], default=dict[str, Any], covariant=True)
"""Type of a card's facts: a subclass of Facts, or plain values where a reader does not use them."""


class Record(BaseModel, Generic[F]):
    """How an artifact was made and what it contains."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    swapcore_version: str
    params: dict[str, Any]
    inputs: dict[str, str]
    """Port name -> digest of the artifact that was read."""
    counts: dict[str, int]
    rejections: dict[str, int]
    facts: F
    """Values that later stages read."""


class Card(Record[F], Generic[F]):
    """Content of card.json."""

    kind: Kind
    content: str
    """SHA-256 over the names and bytes of every other file in the folder except speed.json."""

    def record(self) -> Record[F]:
        """Return the card without kind and content, to be embedded in another artifact's facts."""
        typed: Any = Record.__class_getitem__(type(self.facts))
        record: Record[F] = typed(**{name: getattr(self, name) for name in Record.model_fields})
        return record


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) over sorted names and hashes of all files below folder except card.json and speed.json."""
    digest = hashlib.sha256()
    excluded = {folder / CARD, folder / SPEED}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p not in excluded):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def partial_folder(target: Path) -> Path:
    """Return the folder in which an artifact is built; a sibling of target, so that renaming it is atomic."""
    return hidden_sibling(target, "partial")


@contextmanager
def building(target: Path, *, keep_partial: bool = False) -> Iterator[Path]:
    """Yield a temporary folder and rename it to target when the block ends without an error.

    An existing target is replaced only then. After an error the temporary folder is removed, which frees the disk if it was full.
    The temporary folder is locked, so that two commands do not write the same artifact.

    Args:
        target: folder of the finished artifact.
        keep_partial: keep the temporary folder after an error, and start from an existing one. For training, whose checkpoints
            are in it. Otherwise a temporary folder of a killed run is emptied first.

    Raises:
        InputError: another command is writing the artifact.
    """
    partial = partial_folder(target)
    with locked(partial, target):
        if not keep_partial:
            _empty(partial)
        try:
            yield partial
            if not (partial / CARD).is_file():
                raise AssertionError(f"{partial} has no {CARD}: call write_card before the block ends")
        except BaseException:
            if not keep_partial:
                shutil.rmtree(partial, ignore_errors=True)
            raise
        _replace(target, partial)


def _empty(folder: Path) -> None:
    """Delete everything in a folder; the folder itself is locked."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _replace(target: Path, partial: Path) -> None:
    """Rename partial to target. An old target is renamed before it is deleted: a half-deleted one would still look complete."""
    old = hidden_sibling(target, "old")
    shutil.rmtree(old, ignore_errors=True)
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def write_card(
    folder: Path,
    kind: Kind,
    params: Section,
    *,
    inputs: dict[str, str],
    counts: dict[str, int],
    rejections: dict[str, int] | None = None,
    facts: Facts | Mapping[str, Any] | None = None,
) -> Card:
    """Write card.json, the last file of an artifact.

    Args:
        folder: the artifact, with all its other files.
        kind: kind of the artifact.
        params: the section of the stage that made it.
        inputs: port name -> digest of each artifact that was read.
        counts: name -> number of what the artifact contains.
        rejections: reason -> number of items that were left out.
        facts: values that later stages read.

    Returns:
        The card as read back, with plain facts.
    """
    card = Card(
        kind=kind,
        swapcore_version=__version__,
        params=card_params(params),
        inputs=inputs,
        counts=counts,
        rejections=rejections or {},
        facts=facts.model_dump(mode="json") if isinstance(facts, Facts) else dict(facts or {}),
        content=content_digest(folder),
    )
    (folder / CARD).write_text(json.dumps(card.model_dump(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return card


def card_params(params: Section) -> dict[str, Any]:
    """Return a section's values as cards store them: without those that do not change the result."""
    return params.model_dump(mode="json", exclude=set(params.not_in_cards))


@overload
def read_card(folder: Path, kind: Kind) -> Card: ...
@overload
def read_card(folder: Path, kind: Kind, facts: type[F]) -> Card[F]: ...
def read_card(folder: Path, kind: Kind, facts: Any = dict[str, Any]) -> Any:
    """Read an artifact's card.

    Args:
        folder: the artifact.
        kind: the kind that is needed.
        facts: type of the facts, e.g. ModelFacts. Without it they are a plain dict, for readers that do not use them.

    Raises:
        ArtifactError: there is no finished artifact at folder, it is of another kind, or another version of swapcore wrote it.
    """
    if not (folder / CARD).is_file():
        raise ArtifactError(f"{folder}: no {CARD}, so no finished {kind} artifact; run the stage that makes it")
    return read_card_file(folder / CARD, kind, facts)


@overload
def read_card_file(path: Path, kind: Kind) -> Card: ...
@overload
def read_card_file(path: Path, kind: Kind, facts: type[F]) -> Card[F]: ...
def read_card_file(path: Path, kind: Kind, facts: Any = dict[str, Any]) -> Any:
    """Read a card from a file of any name, e.g. lineage/faces.json. Arguments as in read_card.

    Raises:
        ArtifactError: the file is missing or damaged, of another kind, or another version of swapcore wrote it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        card = Card.model_validate_json(text)
        if card.kind != kind:
            raise ArtifactError(f"{path.parent}: holds a {card.kind} artifact where {kind} is needed")
        return card if facts == dict[str, Any] else Card[facts].model_validate_json(text)
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ArtifactError(f"{path}: cannot be read ({_problem(error)}); run the stage that makes it again") from None


def _problem(error: Exception) -> str:
    """Return the error's type and, for values that do not fit, the first field."""
    if isinstance(error, ValidationError) and error.errors()[0]["loc"]:
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return type(error).__name__


def artifact_digest(folder: Path) -> str:
    """Return the digest by which other artifacts refer to this one: the SHA-256 of its card."""
    return file_digest(folder / CARD)
