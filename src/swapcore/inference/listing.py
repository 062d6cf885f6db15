"""Files of a folder or pattern, with the names of their results."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swapcore.errors import InputError
from swapcore.provenance.marking import ENCODINGS

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True)
class ListedFile:
    """One file of a folder or pattern."""

    path: Path
    name: str
    """Relative to the folder, with `/` between parts."""

    @property
    def is_image(self) -> bool:
        """Whether the suffix is an image's; the content is checked when the file is read."""
        return self.path.suffix.lower() in IMAGE_SUFFIXES

    @property
    def result_name(self) -> str:
        """Name of the result; a format that cannot be written gets `.png` appended, so that names stay unique."""
        return self.name if self.path.suffix.lower() in ENCODINGS else f"{self.name}.png"


def is_several(where: str) -> bool:
    """Whether a path can mean several files: a folder, or a pattern that is not itself the name of a file."""
    return Path(where).is_dir() or (glob.has_magic(where) and not Path(where).is_file())


def list_files(where: str, exclude: Path | None = None) -> list[ListedFile]:
    """List the files of a folder (recursively) or pattern, sorted by name, without hidden files and files below exclude.

    Raises:
        InputError: the folder cannot be listed, or there is no file.
    """
    folder = Path(where)
    if folder.is_dir():
        found = [ListedFile(path, path.relative_to(folder).as_posix()) for path in _walk(folder, exclude)]
    else:
        root = _fixed_part(where)
        paths = [Path(path) for path in glob.glob(where, recursive=True) if Path(path).is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        found = [ListedFile(path, path.relative_to(root).as_posix()) for path in paths if not _below(path, exclude)]
    if not found:
        raise InputError(f"{where}: no such file or folder; give an image, a folder or a pattern in quotes")
    return sorted(found, key=lambda item: PurePosixPath(item.name))


def _walk(folder: Path, exclude: Path | None) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror}); make the folder readable")

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and not _below(Path(place) / name, exclude)]
        yield from (Path(place) / name for name in files if not name.startswith("."))


def _below(path: Path, exclude: Path | None) -> bool:
    return exclude is not None and path.absolute().is_relative_to(exclude.absolute())


def _fixed_part(pattern: str) -> Path:
    """Return the folders of a pattern before its first wildcard."""
    parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)
