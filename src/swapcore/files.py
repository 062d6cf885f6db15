"""Atomic writing, names that fit, names as text, and locks of folders."""

import errno
import hashlib
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from swapcore.errors import InputError

if sys.platform != "win32":
    import fcntl

_MAX_NAME_BYTES = 255
"""Limit of a file name in most file systems."""
_MARK_DIGITS = 8
UNWRITABLE_NAME = frozenset({
    errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP,
})  # fmt: skip
"""System errors that one name causes; other names in the same folder may work."""


def fit_name(name: str, before: str = "", after: str = "") -> str:
    """Return before + name + after; a name that is too long for it is cut and gets a hash, so that it stays unique."""
    whole = f"{before}{name}{after}"
    if len(os.fsencode(whole)) <= _MAX_NAME_BYTES:
        return whole
    mark = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:_MARK_DIGITS]}{after}"
    room = _MAX_NAME_BYTES - len(os.fsencode(before + mark))
    return before + os.fsencode(name)[:room].decode("utf-8", errors="ignore") + mark


def hidden_sibling(path: Path, kind: str) -> Path:
    """Return the path of a temporary file or folder for path, in the same folder: `.NAME.kind`."""
    return path.with_name(fit_name(path.name, ".", f".{kind}"))


def to_text(name: str) -> str:
    """Return a file name as text that UTF-8 can store: bytes that are not UTF-8 as escapes."""
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    """Return text on one line: line breaks, control characters and bytes that are not UTF-8 as escapes."""
    return "".join(each if each.isprintable() or each in _JOINERS else _escape(each) for each in text)


_JOINERS = "\u200c\u200d"
"""Parts of emoji and of some scripts; they are invisible by themselves."""


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of path and rename it to path when the block ends.

    After an error path is unchanged and the temporary file is removed, which frees the disk if it was full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = hidden_sibling(path, "partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write data to path atomically; text as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


class Closeable(ABC):
    """Base of writers that `with` closes, also after an error."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left; the files are complete then."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def locked(folder: Path, target: Path | None = None) -> Iterator[None]:
    """Lock a folder, which is created if necessary, against other commands that write to it.

    The lock leaves no file and ends with the process, also when it is killed. The folder may be renamed or deleted while it
    is locked. On a file system without locks there is none.

    Args:
        folder: to be locked.
        target: the output to name in the error, if folder is its temporary folder.

    Raises:
        InputError: another command holds the lock.
    """
    descriptor = _open_locked(folder, target or folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _open_locked(folder: Path, target: Path) -> int:
    """Return a descriptor that holds the lock."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _lock(descriptor, target)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), folder.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Between opening and locking, the command that held the lock renamed or deleted the folder.
        os.close(descriptor)


def _lock(descriptor: int, target: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            raise InputError(
                f"{target}: another command is writing there; wait for it, or name another output"
            ) from None


def is_same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, also by links; False if one of them does not exist."""
    with suppress(OSError, ValueError):
        return first.samefile(second)
    return False
