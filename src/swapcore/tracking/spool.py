"""What a run has to say, kept on disk until the tracking server has it: a folder a session, appended to line by line."""

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
"""In the working directory, beside mlflow.db."""
_EVENTS = "events.jsonl"
_STATE = "state.json"

Event = dict[str, Any]


class Spool:
    """One session: events in the order in which they were said, the files they name, and how far delivery has come.

    The folder is locked by its process for as long as that lives, so that a later process delivers only what a dead one left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events = (folder / _EVENTS).open("a+b", buffering=0)
        self._mutex = threading.Lock()
        self._num_files = 0

    @classmethod
    def create(cls, root: Path) -> Self:
        """Begin a session; names sort by time."""
        folder = root / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        spool = cls(folder)
        spool.lock()
        return spool

    def lock(self) -> bool:
        """Take the session for this process; False if another one has it."""
        try:
            fcntl.flock(self._events, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def append(self, event: Event) -> None:
        """Add an event, in one write, so that a killed process leaves at most one broken line at the end."""
        line = json.dumps(event).encode() + b"\n"
        with self._mutex:
            self._events.write(line)

    def keep_text(self, name: str, text: str) -> str:
        """Keep a text until it is delivered; returns its place for an event."""
        place = self._place(name)
        place.write_text(text, encoding="utf-8")
        return str(place.relative_to(self.folder))

    def keep_image(self, name: str, image: Image) -> str:
        """Keep a picture, as PNG."""
        place = self._place(name)
        place.write_bytes(encode_png(image))
        return str(place.relative_to(self.folder))

    def keep_copy(self, path: Path) -> str:
        """Keep a copy of a file or folder, which may be gone or renamed when it is delivered."""
        place = self._place(path.name)
        if path.is_dir():
            shutil.copytree(path, place)
        else:
            shutil.copyfile(path, place)
        return str(place.relative_to(self.folder))

    def _place(self, name: str) -> Path:
        with self._mutex:
            self._num_files += 1
            folder = self.folder / "files" / f"{self._num_files:06d}"
        folder.mkdir(parents=True)
        return folder / name

    def pending(self) -> Iterator[tuple[Event, int]]:
        """Every whole event that is not delivered yet, with the position after it."""
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
                    continue  # the broken line of a killed process, closed by the next event

    @property
    def state(self) -> dict[str, Any]:
        """What delivery has noted: position, run id."""
        try:
            noted: dict[str, Any] = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted

    def note(self, **values: Any) -> None:
        """Change the state, atomically."""
        beside = self.folder / f"{_STATE}.new"
        beside.write_text(json.dumps({**self.state, **values}), encoding="utf-8")
        beside.replace(self.folder / _STATE)

    def remove(self) -> None:
        """Forget a session that is delivered."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._events.close()

    def close(self) -> None:
        """Let go of a session that stays on disk."""
        self._events.close()


def abandoned(root: Path) -> Iterator[Spool]:
    """The sessions that dead processes left, oldest first, locked for this one."""
    for folder in sorted(path for path in root.glob("*-*") if (path / _EVENTS).is_file()):
        spool = Spool(folder)
        if spool.lock():
            yield spool
        else:
            spool.close()
