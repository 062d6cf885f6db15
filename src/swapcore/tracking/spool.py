"""On-disk queue of tracking events, one folder per session."""

import fcntl
import json
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from swapcore.ops.image import Image, encode_png

ROOT = Path(".swapcore/tracking")
"""Relative to the working directory."""
_EVENTS = "events.jsonl"
_STATE = "state.json"

Event = dict[str, Any]


class Spool:
    """One session: ordered events, the files they refer to, and the upload position.

    The process holds a lock on the folder until it ends, so that other processes upload abandoned sessions only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events = (folder / _EVENTS).open("a+b", buffering=0)
        self._mutex = threading.Lock()
        self._num_files = 0

    @classmethod
    def create(cls, root: Path) -> Self:
        """Create a session; folder names sort by time."""
        folder = root / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        spool = cls(folder)
        spool.lock()
        return spool

    def lock(self) -> bool:
        """Lock the session for this process; False if another process holds the lock."""
        try:
            fcntl.flock(self._events, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def append(self, event: Event) -> None:
        """Append an event in one write, so that a killed process leaves at most one incomplete line."""
        line = json.dumps(event).encode() + b"\n"
        with self._mutex:
            self._events.write(line)

    def keep_text(self, name: str, text: str) -> str:
        """Store a text until it is uploaded; return its path for an event."""
        path = self._new_path(name)
        path.write_text(text, encoding="utf-8")
        return str(path.relative_to(self.folder))

    def keep_image(self, name: str, image: Image) -> str:
        """Store an image as PNG; return its path."""
        path = self._new_path(name)
        path.write_bytes(encode_png(image))
        return str(path.relative_to(self.folder))

    def keep_copy(self, path: Path) -> str:
        """Store a copy of a file or folder, since the original may be removed before the upload; return its path."""
        copy = self._new_path(path.name)
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            shutil.copyfile(path, copy)
        return str(copy.relative_to(self.folder))

    def _new_path(self, name: str) -> Path:
        with self._mutex:
            self._num_files += 1
            folder = self.folder / "files" / f"{self._num_files:06d}"
        folder.mkdir(parents=True)
        return folder / name

    def pending(self) -> Iterator[tuple[Event, int]]:
        """Iterate over complete events that are not uploaded yet, with the position after each."""
        position = int(self.state.get("position", 0))
        with (self.folder / _EVENTS).open("rb") as stream:
            stream.seek(position)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                try:
                    yield json.loads(line), position
                except ValueError:
                    continue  # incomplete line of a killed process, ended by the next event

    @property
    def state(self) -> dict[str, Any]:
        """The uploader's state: position, run id and others."""
        try:
            state: dict[str, Any] = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state

    def update_state(self, **values: Any) -> None:
        """Update the state atomically."""
        temporary = self.folder / f"{_STATE}.new"
        temporary.write_text(json.dumps({**self.state, **values}), encoding="utf-8")
        temporary.replace(self.folder / _STATE)

    def remove(self) -> None:
        """Delete an uploaded session."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._events.close()

    def close(self) -> None:
        """Release the lock and keep the session on disk."""
        self._events.close()


def abandoned(root: Path) -> Iterator[Spool]:
    """Iterate over sessions of dead processes, oldest first, each locked for this process."""
    for folder in sorted(path for path in root.glob("*-*") if (path / _EVENTS).is_file()):
        spool = Spool(folder)
        if spool.lock():
            yield spool
        else:
            spool.close()
