"""Folder of derived files, shared by the processes of a machine."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from swapcore.errors import InputError

CACHE = "SWAPCORE_CACHE"
"""Environment variable: folder of prepared data, which can need much space."""
_RESERVE = 1.02
"""Free space that is required, relative to the file's size."""


def cache_folder() -> Path:
    """Return the folder of this user for small files that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swapcore"


def prepared_folder() -> Path:
    """Return the folder of prepared data: $SWAPCORE_CACHE, or a part of the cache folder."""
    named = os.environ.get(CACHE)
    return Path(named) if named else cache_folder() / "prepared"


def cached_file(name: str, num_bytes: int, write: Callable[[Path], None], *, what: str, without: str) -> Path:
    """Return a file of prepared data; write it first if it is missing.

    Only one process of the machine writes, the others wait for it. A file appears under its name only when it is complete.

    Args:
        name: of the file; contains the digest of what it is made from.
        num_bytes: its size.
        write: writes the file to a path.
        what: what it contains, for messages.
        without: how to go without it, for messages.

    Raises:
        InputError: the folder cannot be written, or there is too little space.
    """
    path = prepared_folder() / name
    fix = f"free space, set {CACHE} to a folder on another disk, or {without}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not path.exists():
                free = shutil.disk_usage(path.parent).free
                if free < num_bytes * _RESERVE:
                    raise InputError(
                        f"{path.parent}: {what} needs {megabytes(num_bytes * _RESERVE)}, "
                        f"{megabytes(free)} are free; {fix}"
                    )
                _write_atomically(path, write)
            os.utime(path)  # the time of the last use
    except OSError as error:
        raise InputError(f"{path}: {what} cannot be written ({error.strerror or error}); {fix}") from None
    return path


def remove_unused(pattern: str, limit_bytes: int, keep: Path) -> None:
    """Remove the files that were not used for the longest time until the rest fits the limit.

    A process that has a removed file mapped can still read it.

    Args:
        pattern: glob of the files, in the folder of keep.
        limit_bytes: of all files together.
        keep: is never removed.
    """
    used = {path: path.stat() for path in keep.parent.glob(pattern)}
    total = sum(each.st_size for each in used.values())
    for path in sorted(used, key=lambda path: used[path].st_mtime):
        if total <= limit_bytes:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            _lock_of(path).unlink(missing_ok=True)
            total -= used[path].st_size


def megabytes(num_bytes: float) -> str:
    """Format a size, e.g. 1234 MB."""
    return f"{max(1, round(num_bytes / 1e6))} MB"


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the other processes that write this file; the lock ends with the process."""
    while True:
        with _lock_of(path).open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if _lock_of(path).exists():  # else it was removed while this process waited
                yield
                return
        time.sleep(0.01)


def _write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
