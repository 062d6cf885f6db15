"""Uploaded files: safe names, size checks, and their way into a job's folder."""

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
from werkzeug.datastructures import FileStorage

from swapcore.data.images import FORMATS, MAX_UPLOAD_MEGAPIXELS
from swapcore.errors import ImageError, InputError

_MAX_PART = 80
_MAX_PARTS = 3
"""The last parts of a relative name; the first of them can be a person's folder."""
_UNSAFE = re.compile(r"[^\w .()+,@=\[\]-]")


@dataclass(frozen=True)
class Upload:
    """One uploaded file."""

    name: str
    """As the browser sends it, without folders."""
    data: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def read_upload(stored: FileStorage, field: str) -> Upload:
    """Read one uploaded file with the last part of its name."""
    return Upload(relative_name(stored.filename or "", field).rpartition("/")[2], stored.read())


def relative_name(given: str, default: str) -> str:
    """Make a relative name without `..`, hidden parts and characters with a meaning to any file system.

    Args:
        given: as the browser sends it, with `/` or `\\` between parts.
        default: used if nothing remains.
    """
    parts = [_UNSAFE.sub("_", part).strip(" .") for part in re.split(r"[\\/]+", given)]
    kept = [_shorten(part) for part in parts if part][-_MAX_PARTS:]
    return "/".join(kept) or default


def _shorten(part: str) -> str:
    """Shorten a long name in front of its suffix."""
    stem, dot, suffix = part.rpartition(".")
    return part if len(part) <= _MAX_PART else f"{(stem or suffix)[: _MAX_PART - 10]}{dot}{suffix[:9]}"


def save_photographs(stored: Iterable[FileStorage], folder: Path) -> list[str]:
    """Write uploaded images below a folder, under their own relative names.

    Raises:
        ImageError: an image has more than 25 megapixels. Files that are no images are written; the job lists them.
    """
    names: list[str] = []
    for file in stored:
        name = _distinct(relative_name(file.filename or "", "image.png"), names)
        data = file.read()
        _check_size(data, name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        names.append(name)
    return names


def _distinct(name: str, taken: list[str]) -> str:
    """Add a number to a name that is taken; file systems of some machines ignore case."""
    lower = {other.lower() for other in taken}
    path, number = Path(name), 1
    while name.lower() in lower:
        number += 1
        name = path.with_name(f"{path.stem} ({number}){path.suffix}").as_posix()
    return name


def _check_size(data: bytes, name: str) -> None:
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except Exception:  # the job reports files that cannot be read, each with its reason
        return
    if width * height > MAX_UPLOAD_MEGAPIXELS * 1e6:
        raise ImageError(name, "too-large", f"{width} x {height} px is more than {MAX_UPLOAD_MEGAPIXELS:g} megapixels")


def save_one(stored: FileStorage, folder: Path, default: str) -> Path:
    """Write one uploaded file into a folder of its own.

    Raises:
        InputError: the file is empty.
    """
    upload = read_upload(stored, default)
    if not upload.data:
        raise InputError(f"{folder.name}: the file is empty; choose another")
    folder.mkdir(parents=True)
    path = folder / upload.name
    path.write_bytes(upload.data)
    return path
