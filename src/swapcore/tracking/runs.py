"""Trackers of stages and training, and a tracker that does nothing."""

import logging
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from swapcore import __version__
from swapcore.config import Section
from swapcore.ops.image import Image
from swapcore.tracking.spool import ROOT, Event, Spool
from swapcore.tracking.store import store_digest, tracking_uri
from swapcore.tracking.system import SystemMonitor
from swapcore.tracking.uploader import Uploader

MODEL_TAG: Final = "swapcore.model"
"""Digest of the model artifact that a run made (`data.artifact.artifact_digest`); evaluate and register find the run by it."""
TRAINING_TAG: Final = "swapcore.training"
"""Digest of a training's params and inputs; a resumed training finds its run by it."""
Resume = Literal["no", "unfinished", "any"]
STAGE_TAG: Final = "swapcore.stage"

CODE_ONLY = (".", ":(exclude)params.yaml", ":(exclude)dvc.lock", ":(exclude)metrics")
"""Paths whose changes make a checkout dirty: params are recorded by value, DVC's files are results (docs/decisions/0006)."""
_NEW_CODE = ("status", "--porcelain", "--untracked-files=all", "--", "src")

log = logging.getLogger("swapcore.tracking")


class Tracker(Protocol):
    """Logging interface of a run. Calls do not wait for the server and do not raise its errors."""

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """Log every leaf of a params section as ``name.field.subfield``."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log metrics of a step."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run."""

    def log_text(self, path: str, text: str) -> None:
        """Log a text as artifact, e.g. ``card.md``."""

    def log_image(self, path: str, image: Image) -> None:
        """Log an image as PNG artifact, e.g. ``sheets/000200.png``."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """Log a file or a folder as artifact below folder (empty: at the top)."""

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """Log an input of the run.

        Args:
            name: e.g. groups.
            path: location on this machine.
            digest: digest of the artifact.
            context: purpose: training or evaluation.
        """


class NoTracking:
    """A tracker that does nothing, for tests and tools."""

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """Do nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Do nothing."""

    def log_text(self, path: str, text: str) -> None:
        """Do nothing."""

    def log_image(self, path: str, image: Image) -> None:
        """Do nothing."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """Do nothing."""

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """Do nothing."""


class SpooledTracker:
    """Writes to a spool that an uploader sends; disk errors lose the log, not the run."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._warned = False

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """See Tracker."""
        tree = section.model_dump(mode="json") if isinstance(section, Section) else dict(section)
        leaves = flatten(tree, name)
        for leaf in leaves:
            self.record(lambda leaf=leaf: {"do": "params", "values": dict([leaf])})  # type: ignore[misc]

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        now = int(time.time() * 1000)
        values = {key: float(value) for key, value in metrics.items()}
        self.record(lambda: {"do": "metrics", "values": values, "step": step, "time": now})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """See Tracker."""
        self.record(lambda: {"do": "tags", "values": dict(tags)})

    def log_text(self, path: str, text: str) -> None:
        """See Tracker."""
        folder, name = _split(path)
        self.record(lambda: {"do": "artifact", "file": self._spool.keep_text(name, text), "path": folder})

    def log_image(self, path: str, image: Image) -> None:
        """See Tracker."""
        folder, name = _split(path)
        self.record(lambda: {"do": "artifact", "file": self._spool.keep_image(name, image), "path": folder})

    def log_file(self, path: Path, folder: str = "") -> None:
        """See Tracker."""
        inside = "/".join(filter(None, [folder, path.name])) if path.is_dir() else folder
        self.record(lambda: {"do": "artifact", "file": self._spool.keep_copy(path), "path": inside or None})

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """See Tracker."""
        self.record(
            lambda: {"do": "dataset", "name": name, "source": str(path), "digest": digest, "context": context},
        )

    def record(self, event: Callable[[], Event]) -> None:
        """Create an event and append it to the spool."""
        try:
            self._spool.append(event())
        except OSError as error:
            if not self._warned:
                log.warning("%s: %s; the run continues with an incomplete log", self._spool.folder, error.strerror)
            self._warned = True


@contextmanager
def track(name: str, tags: Mapping[str, str], *, resume: Resume) -> Iterator[Tracker]:
    """Track a run for the duration of a with block.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the working directory.

    Args:
        name: name of a new run.
        tags: tags of a new run.
        resume: "no" = always a new run; "unfinished" = continue the newest unfinished run with all these tags, as a resumed
            training does; "any" = extend the newest run with these tags, as evaluate extends the training's. A new run is
            created if there is none.
    """
    uri = tracking_uri()
    try:
        spool = Spool.create(ROOT.absolute())
    except OSError as error:
        log.warning("%s: %s; the run continues untracked", ROOT.absolute(), error.strerror)
        yield NoTracking()
        return
    tracker = SpooledTracker(spool)
    start = {"do": "start", "name": name, "tags": dict(tags), "resume": resume, "origin": origin(name)}
    tracker.record(lambda: {**start, "time": int(time.time() * 1000), "store": store_digest(uri)})
    uploader = Uploader(spool, ROOT.absolute(), uri)
    uploader.start()
    monitor = SystemMonitor(tracker.log_metrics)
    monitor.start()
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        monitor.finish()
        tracker.record(lambda: {"do": "end", "status": status})
        uploader.finish()


def flatten(tree: Any, prefix: str) -> list[tuple[str, str]]:
    """Return every leaf of nested dicts as (dotted name, text)."""
    if not isinstance(tree, dict):
        return [(prefix, str(tree))]
    return [leaf for key, value in tree.items() for leaf in flatten(value, f"{prefix}.{key}")]


def origin(stage: str) -> dict[str, str]:
    """Return tags for stage, package version and, in a checkout, git commit and whether it is dirty."""
    tags = {STAGE_TAG: stage, "swapcore.version": __version__}
    commit = _git("rev-parse", "HEAD")
    if commit:
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE_ONLY) or _git(*_NEW_CODE))
        tags |= {"mlflow.source.git.commit": commit, "swapcore.git_dirty": str(dirty).lower()}
    return tags


def warn_if_uncommitted(stage: str) -> None:
    """Warn before a long stage that the register stage will refuse its result, because the code has uncommitted changes."""
    if origin(stage).get("swapcore.git_dirty") == "true":
        log.warning(
            "%s: the code has uncommitted changes, so register will refuse the model; commit them first, or set "
            "register.allow_dirty=true",
            stage,
        )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _split(path: str) -> tuple[str | None, str]:
    folder, _, name = path.rpartition("/")
    return folder or None, name
