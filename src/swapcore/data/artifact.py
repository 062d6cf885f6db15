"""A stage's output folder: written beside, described by card.json, then renamed; so a killed stage leaves nothing that looks whole."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from swapcore import __version__
from swapcore.config import Section
from swapcore.errors import ArtifactError

CARD = "card.json"
SPEED = "speed.json"
"""Timings on one machine, the one file that may differ between two runs of a stage; so no digest holds it."""
Kind = Literal["photographs", "part", "faces", "groups", "model", "report", "registration"]


class Card(BaseModel):
    """What made an artifact, and what is in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    swapcore_version: str
    params: dict[str, Any]
    inputs: dict[str, str]
    """Port name -> digest of the artifact that was read."""
    counts: dict[str, int]
    rejections: dict[str, int]
    facts: dict[str, Any]
    """What later stages need to know of this one, e.g. the crop's size or the recognizer's hash."""
    content: str
    """SHA-256 over the names and bytes of every other file in the folder, speed.json apart."""


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_digest(folder: Path) -> str:
    """SHA-256 (hex) over the sorted names and hashes of all files below folder, card.json and speed.json apart."""
    digest = hashlib.sha256()
    apart = {folder / CARD, folder / SPEED}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p not in apart):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def partial_folder(target: Path) -> Path:
    """Where an artifact is built before it gets its name; on the same file system, so that renaming is atomic."""
    return target.with_name(f".{target.name}.partial")


@contextmanager
def building(target: Path, *, keep_partial: bool = False) -> Iterator[Path]:
    """Give a folder to build in, and rename it to target when the block ends without an error.

    What stood at target is replaced only then. A partial folder is removed after an error, which frees the disk if it was
    full, and emptied if a killed run left it; unless keep_partial says that the caller goes on from it (a training checkpoint).
    """
    partial = partial_folder(target)
    if not keep_partial:
        shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if not (partial / CARD).is_file():
            raise AssertionError(f"{partial} has no {CARD}: call write_card before the block ends")
    except BaseException:
        if not keep_partial:
            shutil.rmtree(partial, ignore_errors=True)
        raise
    _put_in_place(partial, target)


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename partial to target; what stood there is moved away first, since a folder half removed would still look whole."""
    old = target.with_name(f".{target.name}.old")
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
    facts: dict[str, Any] | None = None,
) -> Card:
    """Write card.json as the last file of an artifact and return it."""
    card = Card(
        kind=kind,
        swapcore_version=__version__,
        params=card_params(params),
        inputs=inputs,
        counts=counts,
        rejections=rejections or {},
        facts=facts or {},
        content=content_digest(folder),
    )
    (folder / CARD).write_text(json.dumps(card.model_dump(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return card


def card_params(params: Section) -> dict[str, Any]:
    """A section as cards hold it."""
    return params.model_dump(mode="json", exclude={"workers"})  # how many hands made it is no part of it


def read_card(folder: Path, kind: Kind) -> Card:
    """Read an artifact's card.

    Raises:
        ArtifactError: there is no whole artifact at folder, or it is of another kind.
    """
    path = folder / CARD
    try:
        card = Card.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(
            f"{folder}: no {CARD}, so no finished {kind} artifact; run the stage that makes it"
        ) from None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ArtifactError(
            f"{path}: cannot be read ({type(error).__name__}); run the stage that makes it again"
        ) from None
    if card.kind != kind:
        raise ArtifactError(f"{folder}: holds a {card.kind} artifact where {kind} is needed")
    return card


def artifact_digest(folder: Path) -> str:
    """The digest by which another artifact names this one as its input: SHA-256 of its card."""
    return file_digest(folder / CARD)
