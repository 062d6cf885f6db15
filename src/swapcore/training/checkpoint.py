"""Checkpoints: the whole state of training, written so that a kill at any moment leaves a usable one."""

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
from swapcore.files import in_place
from swapcore.training.distributed import ALONE, Processes
from swapcore.training.train_state import Learner

FOLDER = "checkpoints"
_log = logging.getLogger(__name__)


def fingerprint(params: TrainParams, *origins: str) -> str:
    """What a checkpoint belongs to: these params, groups (and initial model), this version of the code and of torch."""
    text = "\0".join([params.digest(), *origins, __version__, torch.__version__])
    return hashlib.sha256(text.encode()).hexdigest()


class CheckpointStore:
    """The checkpoints of one run, in the folder where its model is being built."""

    def __init__(self, building: Path, fingerprint_: str, num_kept: int, processes: Processes = ALONE) -> None:
        self._building = building
        self._folder = building / FOLDER
        self._fingerprint = fingerprint_
        self._num_kept = num_kept
        self._processes = processes

    def resume(self, learner: Learner) -> None:
        """Bring the learner to the newest checkpoint that belongs to this run; the first process reads it for all.

        Whatever else lies in the folder (another run's checkpoints and sheets) is removed, with a line that says why.
        """
        state = self._processes.hear(self._newest() if self._processes.is_first else None)
        if state is not None:
            learner.load_state(state)
        else:
            self.save(learner)  # so that there is something to go back to

    def go_back(self, learner: Learner, *, suspect: bool) -> None:
        """Bring the learner to the newest checkpoint of this run, or, if that one is suspect, to the one before it.

        Raises:
            TrainingError: none of them can be read.
        """
        state = self._processes.hear(self._earlier(suspect) if self._processes.is_first else None)
        if state is None:
            raise TrainingError(f"{self._folder}: no checkpoint can be read; run train again")
        learner.load_state(state)

    def _earlier(self, suspect: bool) -> dict[str, Any] | None:
        paths = self._paths()
        states = map(_read, reversed(paths[:-1] if suspect and len(paths) > 1 else paths))
        return next((state["learner"] for state in states if state is not None), None)

    def _newest(self) -> dict[str, Any] | None:
        """The learner's state in the newest checkpoint that can be used."""
        for path in reversed(self._paths()):
            state = _read(path)
            if state is None:
                continue
            if state["fingerprint"] != self._fingerprint:
                _log.warning("%s: made with other params, groups or version; training starts anew", path)
                break
            learner: dict[str, Any] = state["learner"]
            _log.warning("%s: training goes on from step %d", path, learner["step"])
            return learner
        self._clear()
        return None

    def save(self, learner: Learner) -> None:
        """Write beside, flush to the disk, rename; then remove the oldest beyond the number kept, and those of a
        future that was given up. The first process does.

        Raises:
            TrainingError: the disk is full or refuses.
        """
        if not self._processes.is_first:
            return
        path = self._folder / f"step-{learner.step:08d}.pt"
        try:
            with in_place(path) as beside, beside.open("wb") as stream:
                torch.save({"fingerprint": self._fingerprint, "learner": learner.state()}, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"{path}: cannot be written ({error}); free space, then run train again") from None
        given_up = [each for each in self._paths() if each > path]
        for other in [*given_up, *self._paths()[: -self._num_kept - len(given_up)]]:
            other.unlink()

    def remove(self) -> None:
        """Remove all checkpoints: a finished model carries none."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("step-*.pt"))

    def _clear(self) -> None:
        shutil.rmtree(self._building)
        self._building.mkdir()


def _read(path: Path) -> dict[str, Any] | None:
    """The state in a file, or None with a line where it cannot be read; weights_only, so nothing in it is executed."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        _log.warning("%s: cannot be read (%s); an older checkpoint is tried", path, type(error).__name__)
        return None
    return state
