"""List of the input photographs and their people, from a folder or a CSV."""

import hashlib
import os
import posixpath
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from swapcore.data.csv_rows import read_csv
from swapcore.data.faces import QuarantineRow
from swapcore.data.listing import ListedFile, find_files
from swapcore.data.splits import SPLITS, Split
from swapcore.errors import InputError
from swapcore.files import is_same_file, to_text

LIST = "photographs.csv"
"""Name of the CSV that, if present, lists a folder's photographs instead of its sub-folders."""
_COLUMNS = ("file", "identity")
_DATA_SUFFIXES = {".csv", ".json", ".parquet", ".tar"}
"""Files at the top level that are not photographs: consent.csv, card, tables, truth.tar. Others are quarantined."""
_FOLDER_REASONS = frozenset({"link-loop", "listed-twice", "unreadable"})
"""Reasons that a folder can have; at the top level its name is the person."""


@dataclass(frozen=True)
class PhotographEntry:
    """One photograph to be cropped."""

    key: str
    """16 hex digits of the file name's hash, so that adding photographs changes no other key."""
    file: str
    """Relative to the manifest's root, `/` between parts."""
    path: Path
    identity: str
    split: Split | None
    """From the CSV; None = computed from the person's name."""


@dataclass(frozen=True)
class PhotographList:
    """All files of the input, each an entry or a quarantine row."""

    root: Path
    """Parent of the relative paths; contains consent.csv."""
    entries: list[PhotographEntry]
    """In the order of the CSV, or sorted by name."""
    quarantine: list[QuarantineRow]


def read_manifest(path: Path) -> PhotographList:
    """List the photographs of a folder or a CSV without opening them.

    A folder has one sub-folder per person, or a photographs.csv. Names of people are normalized (Unicode NFC), because file systems
    differ in it.

    Raises:
        InputError: path does not exist, is not a usable CSV, or lists nothing.
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
        return _rejected(file, name, "bad-name", "the name is not UTF-8 text; rename it")
    if not name:
        return _rejected(file, name, "no-identity", "no person is named; give one in its row or its sub-folder")
    return PhotographEntry(hashlib.sha256(file.encode()).hexdigest()[:16], file, path, name, split)


def _rejected(file: str, identity: str, reason: str, detail: str) -> QuarantineRow:
    return QuarantineRow(to_text(file), to_text(identity), reason, detail)


def _encodable(name: str) -> bool:
    """Return whether a file name is text. Python represents other bytes as lone surrogates, which tables cannot store."""
    return to_text(name) == name and "\0" not in name


def _collect(root: Path, found: list[PhotographEntry | QuarantineRow]) -> PhotographList:
    """Separate entries and rejections; of a file listed twice, also by another path, the first is kept."""
    entries: dict[str, PhotographEntry] = {}
    quarantine = []
    for item in found:
        if isinstance(item, QuarantineRow):
            quarantine.append(item)
            continue
        first = entries.setdefault(os.path.realpath(item.path), item)
        if first is not item:
            detail = f"listed before, as {first.file} of {first.identity}"
            quarantine.append(QuarantineRow(item.file, item.identity, "listed-twice", detail))
    return PhotographList(root, list(entries.values()), quarantine)


# A folder: the first level names the person, deeper levels are free.


def _from_folder(root: Path) -> PhotographList:
    found = find_files(root)
    top = [item for item in found if "/" not in item.name]
    ours = {item.name for item in top if not item.reason and item.path.suffix.lower() in _DATA_SUFFIXES}
    manifest = _collect(root, [_listed(item) for item in found if item.name not in ours])
    _check_case(root, {entry.identity for entry in manifest.entries})
    return manifest


def _listed(item: ListedFile) -> PhotographEntry | QuarantineRow:
    folder, slash, _ = item.name.partition("/")
    identity = folder if slash or item.reason in _FOLDER_REASONS else ""
    if item.reason:
        return QuarantineRow(item.name, identity, item.reason, item.detail)
    return _entry(item.name, item.path, identity, None)


def _check_case(where: Path, people: set[str]) -> None:
    """Refuse names that only case distinguishes: some file systems do not, and one person could be on both sides of the split."""
    spelled: dict[str, str] = {}
    for name in sorted(people):
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"{where}: the people {other!r} and {name!r} differ in case only; rename one of them")


# A CSV `file,identity[,split]`: files relative to the CSV's own folder, other columns ignored.


def _from_csv(path: Path) -> PhotographList:
    rows = read_csv(path, _COLUMNS)
    has_split = bool(rows) and "split" in rows[0][1]
    found = [
        _entry(*_locate(path.parent, row["file"]), row["identity"], _split(path, line, row) if has_split else None)
        if row["file"]
        else _rejected("", row["identity"], "no-file", f"line {line} names no file")
        for line, row in rows
    ]
    manifest = _one_split_each(path, _collect(path.parent, found))
    _check_case(path, {entry.identity for entry in manifest.entries})
    return manifest


def _locate(root: Path, name: str) -> tuple[str, Path]:
    """Return a listed file's name without `.` and `..` where they change nothing, and its path; `\\` can separate folders."""
    if "\\" in name and not os.path.lexists(root / name):
        name = name.replace("\\", "/")
    shorter = posixpath.normpath(name)
    if shorter != name and is_same_file(root / shorter, root / name):
        name = shorter
    return name, root / name


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


def _one_split_each(path: Path, manifest: PhotographList) -> PhotographList:
    """Apply the split of some of a person's rows to all photographs of the person."""
    named: dict[str, Split] = {}
    for entry in manifest.entries:
        if entry.split and named.setdefault(entry.identity, entry.split) != entry.split:
            raise InputError(
                f"{path}: split: {entry.identity!r} is in {named[entry.identity]} and in {entry.split}; "
                "a person belongs to one split"
            )
    entries = [replace(entry, split=named.get(entry.identity)) for entry in manifest.entries]
    return replace(manifest, entries=entries)
