"""Long jobs of the page: one at a time, with progress and cancellation."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

from swapcore.errors import SwapcoreError, UserError
from swapcore.progress import observed

Kind = Literal["anonymize", "video"]
State = Literal["running", "done", "failed", "canceled"]
FOLDER_PREFIX = "swapcore-app-"
"""Of the temporary folders' names."""
_log = logging.getLogger(__name__)


class BusyError(UserError):
    """A request while a job is running."""


class JobCanceledError(Exception):
    """Raised inside a job at its next step after it was canceled."""


@dataclass(frozen=True)
class JobResult:
    """What a finished job returns."""

    summary: Mapping[str, Any]
    """For the page, as JSON."""
    files: Mapping[str, Path]
    """Name in the URL to file; no other file of the job can be downloaded."""


class Task(Protocol):
    """The work of a job."""

    def __call__(self, folder: Path) -> JobResult:
        """Do the work in the job's private folder."""


@dataclass
class Job:
    """A running or finished job with a temporary folder, which only this user can read."""

    kind: Kind
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "running"
    phase: str = "waiting"
    """Name of the loop that is running, as on the command line's progress bar."""
    done: int = 0
    total: int | None = None
    error: SwapcoreError | None = None
    result: JobResult | None = None
    is_canceled: threading.Event = field(default_factory=threading.Event)
    _temporary: TemporaryDirectory[str] = field(default_factory=lambda: TemporaryDirectory(prefix=FOLDER_PREFIX))

    @property
    def folder(self) -> Path:
        """The temporary folder."""
        return Path(self._temporary.name)

    def observe(self, what: str, done: int, total: int | None) -> None:
        """Store the progress.

        Raises:
            JobCanceledError: the job was canceled.
        """
        if self.is_canceled.is_set():
            raise JobCanceledError
        self.phase, self.done, self.total = what, done, total

    def run(self, task: Task) -> None:
        """Run the task and store its result or its error."""
        try:
            with observed(self.observe):
                self.observe("starting", 0, None)
                self.result = task(self.folder)
            self.state = "done"
        except JobCanceledError:
            self.state = "canceled"
        except SwapcoreError as error:
            self.error, self.state = error, "failed"
        except Exception:
            _log.exception("%s job failed", self.kind)
            self.error, self.state = (
                SwapcoreError("the job failed unexpectedly; see the log of `swapcore app`"),
                "failed",
            )
        if self.state != "done":
            self.delete_files()

    def delete_files(self) -> None:
        """Delete everything that was uploaded or made."""
        self._temporary.cleanup()


class JobRunner:
    """Runs one job at a time and keeps the last one until it is removed or replaced."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        """Held by whatever uses the models."""
        self._change = threading.Lock()
        self.job: Job | None = None

    @contextmanager
    def short_task(self) -> Iterator[None]:
        """Wait for other short tasks, and refuse if a job is running.

        Raises:
            BusyError: a job is running.
        """
        self._refuse_if_running()
        with self._turn:
            yield

    def start(self, kind: Kind, prepare: Callable[[Path], Task]) -> Job:
        """Start a job; the files of the previous one are deleted.

        Args:
            kind: of the job.
            prepare: writes the uploads to the job's folder, checks them, and returns the work.

        Raises:
            BusyError: a job is running.
            UserError: whatever `prepare` raises.
        """
        with self._change:
            self._refuse_if_running()
            job = Job(kind)
            try:
                task = prepare(job.folder)
            except BaseException:
                job.delete_files()
                raise
            if self.job:
                self.job.delete_files()
            self.job = job
        threading.Thread(target=self._run, args=(job, task), name=f"swapcore-{kind}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """The last job, if it has this id."""
        job = self.job  # read once: another thread can replace it
        given = job_id.encode(errors="replace")
        return job if job and secrets.compare_digest(job.id.encode(), given) else None

    def remove(self, job: Job) -> None:
        """Cancel a running job, which deletes its own files; delete the files of a finished one."""
        job.is_canceled.set()
        if job.state != "running":
            job.delete_files()
            with self._change:
                self.job = None if self.job is job else self.job

    def _run(self, job: Job, task: Task) -> None:
        with self._turn:
            job.run(task)

    def _refuse_if_running(self) -> None:
        if self.job and self.job.state == "running":
            raise BusyError(f"another job: {self.job.kind} is running; wait for it or cancel it")
