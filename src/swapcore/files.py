"""Files that are whole or not there: written beside their place, then renamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside to write to; what lies there takes path's place when the block ends.

    After an error path is as it was, and what was written is gone, which frees the disk if it was full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Make path hold data; text as UTF-8."""
    with atomic_path(path) as beside:
        beside.write_bytes(data.encode() if isinstance(data, str) else data)
