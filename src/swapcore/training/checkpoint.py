"""Checkpoints of a training, written atomically."""

import hashlib
import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from swapcore import __version__
from swapcore.config import TrainParams
from swapcore.errors import TrainingError
from swapcore.files import atomic_path
from swapcore.training.distributed import SINGLE, Processes
from swapcore.training.train_state import TrainState

FOLDER = "checkpoints"
_log = logging.getLogger(__name__)


def fingerprint(params: TrainParams, *inputs: str) -> str:
    """Return a digest of params, input digests, and the versions of swapcore and torch.

    A training resumes only from checkpoints with the same fingerprint.
    """
    text = "\0".join([params.digest(), *inputs, __version__, torch.__version__])
    return hashlib.sha256(text.encode()).hexdigest()


class CheckpointStore:
    """The checkpoints of one training, in the folder in which its model is being built."""

    def __init__(self, building: Path, fingerprint_: str, num_kept: int, processes: Processes = SINGLE) -> None:
        self._building = building
        self._folder = building / FOLDER
        self._fingerprint = fingerprint_
        self._num_kept = num_kept
        self._processes = processes

    def resume(self, state: TrainState) -> None:
        """Load the newest checkpoint of this training; without one, save the initial state.

        The first process reads and broadcasts. Files of another training in the folder are removed, with a warning.
        """
        values = self._processes.broadcast(self._newest() if self._processes.is_first else None)
        if values is not None:
            state.load_state_dict(values)
        else:
            self.save(state)  # a rollback needs at least one checkpoint

    def restore(self, state: TrainState, *, skip_newest: bool) -> None:
        """Load the newest readable checkpoint, or the one before it.

        Raises:
            TrainingError: no checkpoint can be read.
        """
        values = self._processes.broadcast(self._latest(skip_newest) if self._processes.is_first else None)
        if values is None:
            raise TrainingError(f"{self._folder}: no checkpoint can be read; run train again")
        state.load_state_dict(values)

    def _latest(self, skip_newest: bool) -> dict[str, Any] | None:
        paths = self._paths()
        documents = map(_read, reversed(paths[:-1] if skip_newest and len(paths) > 1 else paths))
        return next((document["state"] for document in documents if document is not None), None)

    def _newest(self) -> dict[str, Any] | None:
        """Return the state in the newest readable checkpoint of this training; else clear the folder."""
        for path in reversed(self._paths()):
            document = _read(path)
            if document is None:
                continue
            if document["fingerprint"] != self._fingerprint:
                _log.warning("%s: made with other params, groups or version; training starts from step 0", path)
                break
            values: dict[str, Any] = document["state"]
            _log.warning("%s: training resumes at step %d", path, values["step"])
            return values
        self._clear()
        return None

    def save(self, state: TrainState) -> None:
        """Write a checkpoint atomically; only the first process does.

        Then the oldest checkpoints beyond the number kept are removed, and those of later steps, which a rollback abandoned.

        Raises:
            TrainingError: the file cannot be written, e.g. because the disk is full.
        """
        if not self._processes.is_first:
            return
        path = self._folder / f"step-{state.step:08d}.pt"
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as stream:
                torch.save({"fingerprint": self._fingerprint, "state": state.state_dict()}, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"{path}: cannot be written ({error}); free space, then run train again") from None
        abandoned = [each for each in self._paths() if each > path]
        for other in [*abandoned, *self._paths()[: -self._num_kept - len(abandoned)]]:
            other.unlink()

    def remove(self) -> None:
        """Remove all checkpoints; a finished model has none."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("step-*.pt"))

    def _clear(self) -> None:
        shutil.rmtree(self._building)
        self._building.mkdir()


def _read(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint without executing any pickled code; None, with a warning, if it cannot be read."""
    try:
        document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        _log.warning("%s: cannot be read (%s); trying an older checkpoint", path, type(error).__name__)
        return None
    return document
