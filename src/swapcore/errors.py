"""The whole error tree: what a user can put right, and what ends a run."""

from pathlib import Path


class SwapcoreError(Exception):
    """Base of every error that swapcore raises on purpose.

    The command line prints its message as one line, without a traceback, and exits with ``exit_code``.
    """

    exit_code = 1


class UserError(SwapcoreError):
    """A mistake that the user can put right; the message names the file, the field and the way out."""

    exit_code = 2


class ParamsError(UserError):
    """A key or value in params.yaml, or in a component's parameters, that is not allowed."""


class InputError(UserError):
    """A photograph folder, CSV, consent file or command-line path that cannot be used."""


class ArtifactError(UserError):
    """A stage's input that is missing, incomplete, damaged, or of another kind than the stage needs."""


class ImageError(UserError):
    """One image file that cannot be used; ``reason`` is the word that the quarantine table counts by."""

    def __init__(self, path: Path | str, reason: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = Path(path)
        self.reason = reason


class FaceError(UserError):
    """A photograph in which no usable face was found; ``reason`` as in ImageError."""

    def __init__(self, path: Path | str, reason: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = Path(path)
        self.reason = reason


class TrainingError(SwapcoreError):
    """Training that cannot go on: a loss that is not finite, a checkpoint that does not fit."""

    exit_code = 3


class UnhealthyStepError(TrainingError):
    """A loss or gradient that is not finite, or a loss that has exploded: training goes back to a checkpoint while it may."""


class TrainingInterruptedError(SwapcoreError):
    """Training asked to stop (SIGTERM) after it saved its state: run the same command again to go on.

    The exit code is EX_TEMPFAIL of sysexits.h, by which a scheduler tells "resume me" from a failure.
    """

    exit_code = 75


class TrackingError(SwapcoreError):
    """The tracking server or the model registry refused or could not be reached where it is indispensable."""

    exit_code = 4


class LineageError(SwapcoreError):
    """A registered version of which a link back to its data, code or figures does not hold."""

    exit_code = 6


class StorageError(SwapcoreError):
    """Object storage that cannot be used: no credentials, no bucket, no access, no endpoint, no room, wrong bytes."""

    exit_code = 5


def first_line(error: BaseException, max_length: int = 300) -> str:
    """The first line of an error's message for use inside another message; its type's name if it has none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:max_length]
