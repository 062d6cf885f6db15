"""Files of a folder or pattern, with the names of their results."""

import glob
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from swapcore.data.listing import ListedFile, find_files, is_hidden, listed_file, warn_of_hidden
from swapcore.errors import InputError
from swapcore.files import fit_name
from swapcore.provenance.marking import ENCODINGS


def is_several(where: str) -> bool:
    """Whether a path can mean several files: a folder, or a pattern that is not itself the name of a file."""
    return Path(where).is_dir() or (glob.has_magic(where) and not os.path.lexists(where))


def list_files(where: str, exclude: Path | None = None) -> list[ListedFile]:
    """List the files of a folder (recursively) or pattern, sorted by name, without those below exclude.

    Hidden and system files are skipped with a warning; links are followed: see data.listing. A part of a pattern that is the
    name of an existing folder is that folder, also if it has brackets.

    Raises:
        InputError: the folder cannot be listed, or there is no file.
    """
    folder = Path(where)
    if folder.is_dir():
        found = find_files(folder, exclude)
    else:
        found = sorted(_match(where, exclude), key=lambda item: PurePosixPath(item.name))
    if not found:
        inside = folder.is_dir() and any(folder.iterdir())
        reason = "holds no file outside the output folder" if inside else "no such file or folder"
        raise InputError(f"{where}: {reason}; give an image, a folder or a pattern in quotes")
    return found


def _match(pattern: str, exclude: Path | None) -> list[ListedFile]:
    """Match a pattern below its fixed folders; a file that links make appear several times is listed once."""
    root, rest = _split(pattern)
    excluded = None if exclude is None else exclude.resolve()
    matches: dict[tuple[Path, str], str] = {}
    hidden = []
    names = glob.glob(rest, root_dir=root, recursive=True, include_hidden=True)  # noqa: PTH207  # Path.glob follows no links
    for name in sorted(names, key=lambda each: (len(each), each)):
        path = root / name
        if any(is_hidden(part) for part in Path(name).parts):
            hidden.append(name)
        elif path.is_file() and not (excluded and path.parent.resolve().is_relative_to(excluded)):
            matches.setdefault((path.parent.resolve(), path.name), name)
    warn_of_hidden(pattern, hidden)
    return [listed_file(root / name, Path(name).as_posix()) for name in matches.values()]


def _split(pattern: str) -> tuple[Path, str]:
    """Split a pattern into its folders that exist by name, and the rest."""
    parts = Path(pattern).parts
    root = Path()
    for place, part in enumerate(parts[:-1]):
        if glob.has_magic(part) and not (root / part).is_dir():
            return root, str(Path(*parts[place:]))
        root /= part
    return root, parts[-1] if parts else ""


def name_results(files: Iterable[ListedFile], taken: Mapping[str, str] | None = None) -> list[ListedFile]:
    """Give every file a result name of its own.

    A result has its file's name; a format that cannot be written gets `.png` appended. Where two results would have one
    name, also on a file system that ignores case and Unicode forms, the later one gets a number: `x.gif.2.png`.

    Args:
        files: in order of name.
        taken: file name -> result name of results that exist.
    """
    items, taken = list(files), taken or {}
    used = {_key(str(parent)) for item in items for parent in PurePosixPath(item.name).parents}
    used |= {_key(name) for name in taken.values()}
    names = dict(taken)
    # Files that keep their name come first.
    for item in sorted(items, key=lambda each: not _is_writable(each.name)):
        if item.name not in names:
            names[item.name] = _unused(item.name, used)
            used.add(_key(names[item.name]))
    return [replace(item, result_name=names[item.name]) for item in items]


def _unused(name: str, used: set[str]) -> str:
    path = PurePosixPath(name)
    end = path.suffix if _is_writable(name) else ".png"
    start = path.stem if _is_writable(name) else path.name
    number, result = 1, str(path.with_name(fit_name(start, after=end)))
    while _key(result) in used:
        number += 1
        result = str(path.with_name(fit_name(start, after=f".{number}{end}")))
    return result


def _is_writable(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in ENCODINGS


def _key(name: str) -> str:
    """Return what is equal for names that some file systems do not distinguish."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
