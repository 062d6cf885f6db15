"""The error tree and its exit codes."""

from pathlib import Path


class SwapcoreError(Exception):
    """Base of every deliberate error.

    The command line prints the message as one line, without a traceback, and exits with ``exit_code``.
    """

    exit_code = 1


class UserError(SwapcoreError):
    """An error that the user can correct; the message names the file, the field and the fix."""

    exit_code = 2


class ParamsError(UserError):
    """A key or value in params.yaml, or in a component's parameters, that is not allowed."""


class InputError(UserError):
    """An image folder, CSV, consent file or command-line path that cannot be used."""


class ArtifactError(UserError):
    """A stage's input that is missing, incomplete, damaged, or of the wrong kind."""


class ImageError(UserError):
    """An image file that cannot be used; ``reason`` is its category in the quarantine table."""

    def __init__(self, path: Path | str, reason: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = Path(path)
        self.reason = reason


class FaceError(UserError):
    """An image without a usable face; ``reason`` as in ImageError."""

    def __init__(self, path: Path | str, reason: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = Path(path)
        self.reason = reason


class TrainingError(SwapcoreError):
    """Training that cannot continue: a loss that is not finite, a checkpoint that does not fit."""

    exit_code = 3


class UnhealthyStepError(TrainingError):
    """A loss or gradient that is not finite, or a loss spike: training rolls back, up to the retry limit."""


class TrainingInterruptedError(SwapcoreError):
    """Training stopped by SIGTERM after it saved its state; the same command resumes it.

    The exit code is EX_TEMPFAIL of sysexits.h, so that a scheduler can distinguish it from a failure.
    """

    exit_code = 75


class TrackingError(SwapcoreError):
    """The tracking server or model registry refused a required request, or did not answer."""

    exit_code = 4


class LineageError(SwapcoreError):
    """A registered version with a broken link to its data, code or report."""

    exit_code = 6


class StorageError(SwapcoreError):
    """Object storage that cannot be used: no credentials, bucket, access, endpoint or space, or a wrong checksum."""

    exit_code = 5


def first_line(error: BaseException, max_length: int = 300) -> str:
    """The first line of an error's message for use inside another message; its type's name if it has none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:max_length]
