"""Files below a folder: one rule for hidden files, system folders, links and names."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from swapcore.errors import InputError
from swapcore.files import printable, to_text

_log = logging.getLogger(__name__)

_SYSTEM_NAMES = frozenset({
    "@eadir", "#recycle", "@recycle", "@recently-snapshot", "__macosx", "$recycle.bin", "system volume information",
    "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
})  # fmt: skip
"""Lower-case names that operating systems and network storage make; hidden names begin with a period."""
_MAX_NAMED = 3

_Inode = tuple[int, int]


@dataclass(frozen=True)
class ListedFile:
    """One file of a folder or pattern, or a folder that cannot be searched."""

    path: Path
    name: str
    """Relative to the folder, with `/` between parts, as text."""
    reason: str = ""
    """Why it cannot be used: bad-name, unreadable, link-loop or listed-twice; empty if it may be an image."""
    detail: str = ""
    result_name: str = ""
    """Name of its result, where a command writes one for each file: see inference.listing.name_results."""


def is_hidden(name: str) -> bool:
    """Whether a name is hidden, or made by a system, and so is neither a person nor an image."""
    return (name.startswith(".") and name not in {".", ".."}) or name.casefold() in _SYSTEM_NAMES


def find_files(folder: Path, exclude: Path | None = None) -> list[ListedFile]:
    """List all files below a folder in order of name.

    Hidden and system files and folders are skipped; a warning names them once. Links to files and folders are followed,
    and every folder is listed once: a link to a folder that is listed elsewhere is a row with a reason, so loops end.

    Args:
        folder: searched recursively.
        exclude: a folder whose files are not listed, e.g. the one of the results.

    Raises:
        InputError: the folder itself cannot be listed.
    """
    walk = _Walk(folder)
    if exclude is not None and (inode := _inode(exclude)):
        walk.excluded = inode
    walk.enter(folder, "")
    while walk.links:  # in order of name, after all folders that are no links
        name = min(walk.links)
        walk.enter(walk.links.pop(name), name)
    warn_of_hidden(folder, walk.hidden)
    return sorted(walk.found, key=lambda item: PurePosixPath(item.name))


def warn_of_hidden(folder: Path | str, names: Iterable[str]) -> None:
    """Log the names of skipped files and folders in one line, if there are any."""
    ordered = sorted(names)
    if ordered:
        named = ", ".join(printable(name) for name in ordered[:_MAX_NAMED])
        more = f" and {len(ordered) - _MAX_NAMED} more" if len(ordered) > _MAX_NAMED else ""
        _log.warning("%s: skipped, as hidden or made by the system: %s%s", folder, named, more)


def listed_file(path: Path, name: str) -> ListedFile:
    """Return the entry of a file, with a reason if its name is not text."""
    if to_text(name) != name or "\0" in name:
        return ListedFile(path, to_text(name), "bad-name", "the name is not UTF-8 text; rename it")
    return ListedFile(path, name)


@dataclass
class _Walk:
    root: Path
    excluded: _Inode | None = None
    found: list[ListedFile] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: dict[str, Path] = field(default_factory=dict)
    """Links to folders that were not entered yet, by name."""
    seen: dict[_Inode, str] = field(default_factory=dict)
    """Folders that were entered."""

    def enter(self, folder: Path, name: str) -> None:
        """List a folder and all folders in it that are no links."""
        pending = [(folder, name)]
        while pending:
            pending += self._list(*pending.pop())

    def _list(self, folder: Path, name: str) -> list[tuple[Path, str]]:
        """List one folder; return the folders in it."""
        try:
            inode = _inode(folder, check=True)
            if inode is None or inode == self.excluded:
                return []
            if inode in self.seen:
                self._add_repeat(folder, name, self.seen[inode])
                return []
            self.seen[inode] = name
            with os.scandir(folder) as entries:
                return [inner for entry in entries if (inner := self._add(entry, name))]
        except OSError as error:
            problem = error.strerror or type(error).__name__
            if not name:
                raise InputError(f"{self.root}: cannot be listed ({problem}); make the folder readable") from None
            self.found.append(ListedFile(folder, to_text(name), "unreadable", f"cannot be listed ({problem})"))
            return []

    def _add(self, entry: "os.DirEntry[str]", parent: str) -> tuple[Path, str] | None:
        """Add a file, or return a folder that is to be entered."""
        path, name = Path(entry.path), f"{parent}/{entry.name}" if parent else entry.name
        if is_hidden(entry.name):
            self.hidden.append(name)
            return None
        if not _is_folder(entry):
            self.found.append(listed_file(path, name))
            return None
        if entry.is_symlink():
            self.links[name] = path
            return None
        return path, name

    def _add_repeat(self, folder: Path, name: str, before: str) -> None:
        back = not before or name.startswith(f"{before}/")
        reason = "link-loop" if back else "listed-twice"
        detail = (
            f"links back to its parent {before or self.root.name}" if back else f"is the folder {before}, listed there"
        )
        self.found.append(ListedFile(folder, to_text(name), reason, to_text(detail)))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder or links to one; False on an error, which reading the file then reports."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _inode(path: Path, *, check: bool = False) -> _Inode | None:
    """Return what identifies a folder; None if it does not exist.

    Raises:
        OSError: with check, the folder does not exist.
    """
    try:
        found = path.stat()
    except OSError:
        if check:
            raise
        return None
    return found.st_dev, found.st_ino
