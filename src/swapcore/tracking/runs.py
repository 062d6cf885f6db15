"""The tracker that stages and training are given, and its twin that tracks nothing."""

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
from swapcore.tracking.delivery import Courier
from swapcore.tracking.spool import ROOT, Event, Spool
from swapcore.tracking.store import store_digest, tracking_uri
from swapcore.tracking.system import SystemWatch

MODEL_TAG: Final = "swapcore.model"
"""Digest of the model artifact (``data.artifact.artifact_digest``) that a run made: how evaluate and register find the run."""
TRAINING_TAG: Final = "swapcore.training"
"""Digest of a training's params and inputs: how a training that goes on from its checkpoint finds its run."""
Resume = Literal["no", "unfinished", "any"]
STAGE_TAG: Final = "swapcore.stage"

CODE_ONLY = (".", ":(exclude)params.yaml", ":(exclude)dvc.lock", ":(exclude)metrics")
"""What makes a checkout dirty: params are recorded by value, and DVC's files follow from what ran (docs/decisions/0006)."""
_NEW_CODE = ("status", "--porcelain", "--untracked-files=all", "--", "src")

log = logging.getLogger("swapcore.tracking")


class Tracker(Protocol):
    """What can be said of a run. No call blocks on the server, and none raises because of it."""

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """Every leaf of a params section, as ``name.field.subfield``."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Figures at a step."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags of the run."""

    def log_text(self, path: str, text: str) -> None:
        """A text as artifact, e.g. ``card.md``."""

    def log_image(self, path: str, image: Image) -> None:
        """A picture as artifact, e.g. ``sheets/000200.png``."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """A file, or a folder with all that is in it, as artifact below folder (empty: at the top)."""

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """An input of the run: what it is, where it lay, its digest, and what for (training, evaluation)."""


class NoTracking:
    """Tracks nothing: for tests, tools, and runs that nobody needs to find again."""

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """Nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Nothing."""

    def log_text(self, path: str, text: str) -> None:
        """Nothing."""

    def log_image(self, path: str, image: Image) -> None:
        """Nothing."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """Nothing."""

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """Nothing."""


class SpooledTracker:
    """Writes to a spool, from which a courier delivers; a disk that cannot be written costs the log, not the run."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._warned = False

    def log_params(self, name: str, section: Section | Mapping[str, Any]) -> None:
        """See Tracker."""
        tree = section.model_dump(mode="json") if isinstance(section, Section) else dict(section)
        leaves = flatten(tree, name)
        for leaf in leaves:
            self.say(lambda leaf=leaf: {"do": "params", "values": dict([leaf])})  # type: ignore[misc]

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        now = int(time.time() * 1000)
        figures = {key: float(value) for key, value in metrics.items()}
        self.say(lambda: {"do": "metrics", "values": figures, "step": step, "time": now})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """See Tracker."""
        self.say(lambda: {"do": "tags", "values": dict(tags)})

    def log_text(self, path: str, text: str) -> None:
        """See Tracker."""
        folder, name = _split(path)
        self.say(lambda: {"do": "artifact", "file": self._spool.keep_text(name, text), "path": folder})

    def log_image(self, path: str, image: Image) -> None:
        """See Tracker."""
        folder, name = _split(path)
        self.say(lambda: {"do": "artifact", "file": self._spool.keep_image(name, image), "path": folder})

    def log_file(self, path: Path, folder: str = "") -> None:
        """See Tracker."""
        inside = "/".join(filter(None, [folder, path.name])) if path.is_dir() else folder
        self.say(lambda: {"do": "artifact", "file": self._spool.keep_copy(path), "path": inside or None})

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """See Tracker."""
        self.say(
            lambda: {"do": "dataset", "name": name, "source": str(path), "digest": digest, "context": context},
        )

    def say(self, event: Callable[[], Event]) -> None:
        """Make an event and append it to the spool."""
        try:
            self._spool.append(event())
        except OSError as error:
            if not self._warned:
                log.warning("%s: %s; the run goes on without a complete log", self._spool.folder, error.strerror)
            self._warned = True


@contextmanager
def track(name: str, tags: Mapping[str, str], *, resume: Resume) -> Iterator[Tracker]:
    """A tracked run, for the length of a with block.

    Args:
        name: of the run, if one is made.
        tags: put on the run that is made.
        resume: no = always a run of its own; unfinished = go on with the newest unfinished run that carries all these tags, as
            a training does that goes on from its checkpoint; any = add to the newest run that carries them, as evaluate does
            to the training's. Where there is none, one is made.

    The store is MLFLOW_TRACKING_URI, or mlflow.db in the working directory.
    """
    uri = tracking_uri()
    try:
        spool = Spool.create(ROOT.absolute())
    except OSError as error:
        log.warning("%s: %s; the run goes on untracked", ROOT.absolute(), error.strerror)
        yield NoTracking()
        return
    tracker = SpooledTracker(spool)
    start = {"do": "start", "name": name, "tags": dict(tags), "resume": resume, "origin": origin(name)}
    tracker.say(lambda: {**start, "time": int(time.time() * 1000), "store": store_digest(uri)})
    courier = Courier(spool, ROOT.absolute(), uri)
    courier.start()
    watch = SystemWatch(tracker.log_metrics)
    watch.start()
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        watch.finish()
        tracker.say(lambda: {"do": "end", "status": status})
        courier.finish()


def flatten(tree: Any, prefix: str) -> list[tuple[str, str]]:
    """Every leaf of nested dicts with its dotted name; values as text."""
    if not isinstance(tree, dict):
        return [(prefix, str(tree))]
    return [leaf for key, value in tree.items() for leaf in flatten(value, f"{prefix}.{key}")]


def origin(stage: str) -> dict[str, str]:
    """What a run came from: stage, package version, and git commit where the working directory is a checkout."""
    tags = {STAGE_TAG: stage, "swapcore.version": __version__}
    commit = _git("rev-parse", "HEAD")
    if commit:
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE_ONLY) or _git(*_NEW_CODE))
        tags |= {"mlflow.source.git.commit": commit, "swapcore.git_dirty": str(dirty).lower()}
    return tags


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _split(path: str) -> tuple[str | None, str]:
    folder, _, name = path.rpartition("/")
    return folder or None, name
