"""Upload of spooled events to MLflow, in batches and resumable."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swapcore.addresses import hide_credentials
from swapcore.tracking.spool import Event, Spool, abandoned
from swapcore.tracking.store import connect, describe_error, experiment_id, newest_run, store_digest

INTERVAL_S = 2.0
"""Seconds between two uploads of a live session."""
RETRY_S = 15.0
"""Seconds until the next attempt after a failed one."""
END_TIMEOUT_S = 30.0
"""Maximum wait at the end of a session; the rest is uploaded at the next start."""
SESSION_TAG = "swapcore.session"
BATCHED = {"metrics": 1000, "params": 100, "tags": 100}
"""Maximum number of items per request."""
MAX_PARAM_LENGTH, _MAX_TAG_LENGTH, _MAX_DIGEST_LENGTH = 6000, 5000, 36
_REFUSED = range(400, 500)
_PERHAPS_LATER = {401, 403, 408, 429}

log = logging.getLogger("swapcore.tracking")


class Uploader(threading.Thread):
    """Thread that uploads abandoned sessions of the same server, then the live one; never raises, never blocks the run."""

    def __init__(self, spool: Spool, root: Path, uri: str) -> None:
        super().__init__(name="swapcore-tracking", daemon=True)
        self._spool, self._root, self._uri = spool, root, uri
        self._ending = threading.Event()
        self._warned = False
        self._swept = False

    def run(self) -> None:
        """Upload every INTERVAL_S until the session ends."""
        while not self._ending.is_set():
            uploaded = self._upload()
            self._ending.wait(INTERVAL_S if uploaded else RETRY_S)
        if self._upload():
            self._spool.remove()
        self._spool.close()

    def finish(self) -> None:
        """Upload the rest and wait for at most END_TIMEOUT_S."""
        self._ending.set()
        self.join(END_TIMEOUT_S)
        if self.is_alive():
            self._warn(f"no response for {END_TIMEOUT_S:.0f} s")

    def _upload(self) -> bool:
        try:
            client = connect(self._uri)
            self._sweep(client)
            upload_events(client, self._spool)
        except Exception as error:  # errors of servers, drivers and the network must not stop the run
            self._warn(describe_error(error, self._uri))
            return False
        return True

    def _sweep(self, client: Any) -> None:
        """Upload abandoned sessions once; a failure does not delay the live session."""
        if self._swept:
            return
        self._swept = True
        try:
            upload_abandoned(client, self._root, self._uri)
        except Exception as error:
            log.warning(
                "%s: upload failed: %s; it is repeated at the next start", self._root, describe_error(error, self._uri)
            )

    def _warn(self, problem: str) -> None:
        if not self._warned:
            log.warning(
                "tracking server %s: %s; the run continues, its log is kept in %s and uploaded later",
                hide_credentials(self._uri),
                problem,
                self._spool.folder,
            )
        self._warned = True


def upload_abandoned(client: Any, root: Path, uri: str) -> None:
    """Upload the sessions of dead processes for this server; their runs end as KILLED unless they had ended."""
    for spool in abandoned(root):
        store = spool.state.get("store") or next((e["store"] for e, _ in spool.pending() if e["do"] == "start"), None)
        try:
            if store == store_digest(uri):
                _upload_session(client, spool)
                spool.remove()
            elif store is None:
                spool.remove()  # killed before the first line was complete
        finally:
            spool.close()


def _upload_session(client: Any, spool: Spool) -> None:
    upload_events(client, spool)
    if not spool.state.get("ended"):
        _apply(client, spool, {"do": "end", "status": "KILLED"})


def upload_events(client: Any, spool: Spool) -> None:
    """Upload all pending events. Events that the server rejects permanently are logged and dropped.

    Raises:
        Exception: any error of the server or the network; the position reached so far is stored.
    """
    batch, end_of_batch = _Batch(), 0
    for event, position in spool.pending():
        if not batch.fits(event):
            _send_batch(client, spool, batch, end_of_batch)
            batch = _Batch()
        if event["do"] in BATCHED:
            batch.add(event)
            end_of_batch = position
        else:
            _attempt(lambda event=event: _apply(client, spool, event), event["do"])  # type: ignore[misc]
            spool.update_state(position=position)
    _send_batch(client, spool, batch, end_of_batch)


class _Batch:
    """Events of one kind for one request, so that a rejected kind does not affect others."""

    def __init__(self) -> None:
        self.kind = ""
        self.items: list[tuple[Any, ...]] = []

    def fits(self, event: Event) -> bool:
        """Return whether the event can be added."""
        kind = event["do"]
        return kind in BATCHED and self.kind in ("", kind) and len(self.items) + len(event["values"]) <= BATCHED[kind]

    def add(self, event: Event) -> None:
        self.kind = event["do"]
        extra = (event["time"], event["step"]) if self.kind == "metrics" else ()
        self.items += [(key, value, *extra) for key, value in event["values"].items()]


def _send_batch(client: Any, spool: Spool, batch: _Batch, position: int) -> None:
    if not batch.items:
        return
    from mlflow.entities import Metric, Param, RunTag

    make: dict[str, Callable[..., Any]] = {
        "metrics": Metric,
        "params": lambda key, value: Param(key, value[:MAX_PARAM_LENGTH]),
        "tags": lambda key, value: RunTag(key, value[:_MAX_TAG_LENGTH]),
    }
    request = {batch.kind: [make[batch.kind](*item) for item in batch.items]}
    _attempt(lambda: client.log_batch(spool.state["run"], **request), batch.kind)
    spool.update_state(position=position)


def _attempt(request: Callable[[], Any], what: str) -> None:
    """Send a request; raise temporary errors, log and drop permanent rejections."""
    from mlflow.exceptions import MlflowException

    try:
        request()
    except MlflowException as error:
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        if what == "start" or status not in _REFUSED or status in _PERHAPS_LATER:
            raise
        log.warning("tracking server rejected %s: %s", what, describe_error(error, ""))


def _apply(client: Any, spool: Spool, event: Event) -> None:
    """Send an event that is a request of its own."""
    match event["do"]:
        case "start":
            _start(client, spool, event)
        case "artifact":
            path = spool.folder / event["file"]
            if path.is_dir():
                client.log_artifacts(spool.state["run"], str(path), event["path"])
            elif path.is_file():
                client.log_artifact(spool.state["run"], str(path), event["path"])
        case "dataset":
            client.log_inputs(spool.state["run"], [_dataset_input(event)])
        case "end":
            if spool.state.get("ends", True):
                client.set_terminated(spool.state["run"], event["status"])
            spool.update_state(ended=True)


def _start(client: Any, spool: Spool, event: Event) -> None:
    """Continue the run with these tags or create one; the session tag finds a run whose creation got no response."""
    experiment = experiment_id(client)
    session = {SESSION_TAG: spool.folder.name}
    run = newest_run(client, experiment, session) or _resumed(client, experiment, event)
    if run is None:
        run = client.create_run(
            experiment, event["time"], {**event["tags"], **event["origin"], **session}, event["name"]
        )
    elif run.info.status in ("KILLED", "FAILED"):
        client.update_run(run.info.run_id, "RUNNING")
    # A finished run that is extended, as evaluate extends the training's, keeps its status.
    spool.update_state(run=run.info.run_id, ends=run.info.status != "FINISHED", store=event["store"])


def _resumed(client: Any, experiment: str, event: Event) -> Any | None:
    run = newest_run(client, experiment, event["tags"]) if event["resume"] != "no" else None
    finished = run is not None and run.info.status == "FINISHED"
    return None if finished and event["resume"] == "unfinished" else run


def _dataset_input(event: Event) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=event["name"],
        digest=event["digest"][:_MAX_DIGEST_LENGTH],
        source_type="local",
        source=event["source"],
        profile=f'{{"sha256": "{event["digest"]}"}}',
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", event["context"])])
