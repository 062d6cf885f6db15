"""Which photographs there are and whom they show: from a folder with a sub-folder a person, or from a CSV."""

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from swapcore.data.csv_rows import read_csv
from swapcore.data.faces import QuarantineRow
from swapcore.data.splits import SPLITS, Split
from swapcore.errors import InputError

LIST = "photographs.csv"
"""A folder that holds a CSV of this name is listed by it, not by its sub-folders."""
_COLUMNS = ("file", "identity")
_DATA_SUFFIXES = {".csv", ".json", ".parquet", ".tar"}
"""Beside the people's folders: consent.csv, the card, tables and truth.tar of rendered people. Any other file there is quarantined."""


@dataclass(frozen=True)
class PhotographEntry:
    """One photograph to be cropped."""

    key: str
    """16 hex digits made of the name, so that adding photographs renames nobody's."""
    file: str
    """Relative to the manifest's root, `/` between parts."""
    path: Path
    identity: str
    split: Split | None
    """As the CSV says; None = decided by the person's name."""


@dataclass(frozen=True)
class Manifest:
    """Every file of the input: either an entry or a quarantine row."""

    root: Path
    """The folder that files are relative to, and that holds consent.csv."""
    entries: list[PhotographEntry]
    """In the CSV's order, or sorted by name."""
    quarantine: list[QuarantineRow]


def read_manifest(path: Path) -> Manifest:
    """List the photographs of a folder or a CSV without opening any; photographs.csv in a folder is its CSV.

    Names of people are compared after Unicode normalization (NFC), since file systems differ in it.

    Raises:
        InputError: path is missing, is no usable CSV, or lists nothing at all.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; photographs.input names the folder or CSV to read")
    listed = path / LIST if (path / LIST).is_file() else path
    manifest = _from_folder(path) if listed.is_dir() else _from_csv(listed)
    if not manifest.entries and not manifest.quarantine:
        raise InputError(f"{path}: lists no photograph; put a sub-folder for each person in it, or rows in the CSV")
    return manifest


def _entry(file: str, path: Path, identity: str, split: Split | None) -> PhotographEntry | QuarantineRow:
    name = unicodedata.normalize("NFC", identity.strip())
    if not _encodable(file + name):
        return _rejected(file, name, "bad-name", "the name holds bytes that are no UTF-8 text; rename it")
    if not name:
        return _rejected(file, name, "no-identity", "no person is named; give one in its row or its sub-folder")
    return PhotographEntry(hashlib.sha256(file.encode()).hexdigest()[:16], file, path, name, split)


def _rejected(file: str, identity: str, reason: str, detail: str) -> QuarantineRow:
    return QuarantineRow(_printable(file), _printable(identity), reason, detail)


def _encodable(name: str) -> bool:
    """Whether a file name is text; Python carries other bytes as lone surrogates, which no table can hold."""
    return _printable(name) == name and "\0" not in name


def _printable(name: str) -> str:
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _collect(root: Path, found: list[PhotographEntry | QuarantineRow]) -> Manifest:
    """Split a listing in entries and rejections; of a file listed twice the first counts."""
    entries: dict[str, PhotographEntry] = {}
    quarantine = []
    for item in found:
        if isinstance(item, QuarantineRow):
            quarantine.append(item)
        elif item.file in entries:
            detail = f"the manifest names it before, as {entries[item.file].identity}"
            quarantine.append(QuarantineRow(item.file, item.identity, "listed-twice", detail))
        else:
            entries[item.file] = item
    return Manifest(root, list(entries.values()), quarantine)


# A folder: the first level names the person, deeper levels are free.


def _from_folder(root: Path) -> Manifest:
    return _collect(root, list(_walk(root, root, ())))


def _walk(root: Path, folder: Path, ancestors: tuple[Path, ...]) -> Iterator[PhotographEntry | QuarantineRow]:
    """Everything below folder in order of name; links are followed unless they lead back to an ancestor."""
    here = folder.relative_to(root)
    identity = here.parts[0] if here.parts else ""
    try:
        resolved = folder.resolve(strict=True)
        if resolved in ancestors:
            yield _rejected(here.as_posix(), identity, "link-loop", f"links back to {resolved.name}, which holds it")
            return
        children = sorted(folder.iterdir())
    except (OSError, RuntimeError) as error:
        if not here.parts:
            raise InputError(f"{root}: cannot be listed: {error}; make the folder readable") from None
        yield _rejected(here.as_posix(), identity, "unreadable", f"cannot be listed: {error}")
        return
    for child in children:
        if _is_folder(child):
            yield from _walk(root, child, (*ancestors, resolved))
        elif here.parts or child.suffix not in _DATA_SUFFIXES:
            yield _entry(child.relative_to(root).as_posix(), child, identity, None)


def _is_folder(path: Path) -> bool:
    """Path.is_dir, but False where the system will not tell: reading the file then says why."""
    try:
        return path.is_dir()
    except OSError:
        return False


# A CSV `file,identity[,split]`: files relative to the CSV's own folder, other columns ignored.


def _from_csv(path: Path) -> Manifest:
    rows = read_csv(path, _COLUMNS)
    has_split = bool(rows) and "split" in rows[0][1]
    found = [
        _entry(row["file"], path.parent / row["file"], row["identity"], _split(path, line, row) if has_split else None)
        if row["file"]
        else _rejected("", row["identity"], "no-file", f"line {line} names no file")
        for line, row in rows
    ]
    return _one_split_each(path, _collect(path.parent, found))


def _split(path: Path, line: int, row: dict[str, str]) -> Split | None:
    value = row["split"].strip()
    for split in SPLITS:
        if value == split:
            return split
    if value:
        raise InputError(
            f"{path}: line {line}, split: {value!r} is none of {', '.join(SPLITS)}; leave it empty or fix it"
        )
    return None


def _one_split_each(path: Path, manifest: Manifest) -> Manifest:
    """Give all of a person's photographs the split that some of their rows name."""
    named: dict[str, Split] = {}
    for entry in manifest.entries:
        if entry.split and named.setdefault(entry.identity, entry.split) != entry.split:
            raise InputError(
                f"{path}: split: {entry.identity!r} is in {named[entry.identity]} and in {entry.split}; "
                "a person belongs to one split"
            )
    entries = [replace(entry, split=named.get(entry.identity)) for entry in manifest.entries]
    return replace(manifest, entries=entries)
