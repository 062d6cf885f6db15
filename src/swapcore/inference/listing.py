"""Which files a folder or a pattern means, each with the name that its result gets."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swapcore.errors import InputError
from swapcore.provenance.marking import ENCODINGS

PHOTOGRAPH_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True)
class Listed:
    """A file."""

    path: Path
    name: str
    """Relative to the folder, `/` between parts."""

    @property
    def is_photograph(self) -> bool:
        """By its suffix; its bytes decide when it is read."""
        return self.path.suffix.lower() in PHOTOGRAPH_SUFFIXES

    @property
    def result_name(self) -> str:
        """The name of its result: a format that cannot be written becomes PNG, behind the whole name, so that none meet."""
        return self.name if self.path.suffix.lower() in ENCODINGS else f"{self.name}.png"


def is_several(where: str) -> bool:
    """Whether a path means several files: a folder, or a pattern that names no file itself."""
    return Path(where).is_dir() or (glob.has_magic(where) and not Path(where).is_file())


def list_files(where: str, apart: Path | None = None) -> list[Listed]:
    """The files that a folder (with all below it) or a pattern means, sorted by name; hidden ones, and those below apart, left out.

    Raises:
        InputError: there is no such folder, it cannot be listed, or nothing is found.
    """
    folder = Path(where)
    if folder.is_dir():
        found = [Listed(path, path.relative_to(folder).as_posix()) for path in _walk(folder, apart)]
    else:
        root = _fixed_part(where)
        paths = [Path(path) for path in glob.glob(where, recursive=True) if Path(path).is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        found = [Listed(path, path.relative_to(root).as_posix()) for path in paths if not _below(path, apart)]
    if not found:
        raise InputError(f"{where}: no file is found there; give a folder, a photograph or a pattern in quotes")
    return sorted(found, key=lambda item: PurePosixPath(item.name))


def _walk(folder: Path, apart: Path | None) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed: {error.strerror}; make the folder readable")

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and not _below(Path(place) / name, apart)]
        yield from (Path(place) / name for name in files if not name.startswith("."))


def _below(path: Path, apart: Path | None) -> bool:
    return apart is not None and path.absolute().is_relative_to(apart.absolute())


def _fixed_part(pattern: str) -> Path:
    """The folders of a pattern before its first wildcard."""
    parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
