"""Spooled events to MLflow, in batches, from where the last delivery stopped."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swapcore.errors import first_line
from swapcore.tracking.spool import Event, Spool, abandoned
from swapcore.tracking.store import connect, experiment_id, newest_run, shown, store_digest

INTERVAL_S = 2.0
"""Between two deliveries of a live session."""
RETRY_S = 15.0
"""The same after a failed one."""
PATIENCE_S = 30.0
"""How long the end of a session waits for what is still under way; then it stays for the next start."""
SESSION_TAG = "swapcore.session"
BATCHED = {"metrics": 1000, "params": 100, "tags": 100}
"""What one request may carry at most."""
MAX_PARAM_LENGTH, _MAX_TAG_LENGTH, _MAX_DIGEST_LENGTH = 6000, 5000, 36
_REFUSED = range(400, 500)
_PERHAPS_LATER = {401, 403, 408, 429}

log = logging.getLogger("swapcore.tracking")


class Courier(threading.Thread):
    """Delivers, first what dead sessions left for the same server, then the live one; it never raises and never blocks it."""

    def __init__(self, spool: Spool, root: Path, uri: str) -> None:
        super().__init__(name="swapcore-tracking", daemon=True)
        self._spool, self._root, self._uri = spool, root, uri
        self._ending = threading.Event()
        self._warned = False
        self._swept = False

    def run(self) -> None:
        """Deliver every INTERVAL_S until the session ends."""
        while not self._ending.is_set():
            delivered = self._deliver()
            self._ending.wait(INTERVAL_S if delivered else RETRY_S)
        if self._deliver():
            self._spool.remove()
        self._spool.close()

    def finish(self) -> None:
        """End: deliver the rest, and wait for it for at most PATIENCE_S."""
        self._ending.set()
        self.join(PATIENCE_S)
        if self.is_alive():
            self._warn(f"has not answered for {PATIENCE_S:.0f} s")

    def _deliver(self) -> bool:
        try:
            client = connect(self._uri)
            self._sweep(client)
            deliver(client, self._spool)
        except Exception as error:  # whatever a server, a driver or the network may raise: the run must go on
            self._warn(first_line(error, 160))
            return False
        return True

    def _sweep(self, client: Any) -> None:
        """Deliver what others left, once; one of them that cannot be delivered does not hold the live session up."""
        if self._swept:
            return
        self._swept = True
        try:
            deliver_abandoned(client, self._root, self._uri)
        except Exception as error:
            log.warning("%s: not delivered: %s; tried again at the next start", self._root, first_line(error, 160))

    def _warn(self, problem: str) -> None:
        if not self._warned:
            log.warning(
                "tracking server %s: %s; the run goes on, its log is kept in %s and delivered later",
                shown(self._uri),
                problem.replace(self._uri, shown(self._uri)),
                self._spool.folder,
            )
        self._warned = True


def deliver_abandoned(client: Any, root: Path, uri: str) -> None:
    """Deliver what dead processes left for this server; their runs end as killed unless they said otherwise."""
    for spool in abandoned(root):
        meant_for = spool.state.get("store") or next(
            (e["store"] for e, _ in spool.pending() if e["do"] == "start"), None
        )
        try:
            if meant_for == store_digest(uri):
                _deliver_whole(client, spool)
                spool.remove()
            elif meant_for is None:
                spool.remove()  # killed before its first line was whole
        finally:
            spool.close()


def _deliver_whole(client: Any, spool: Spool) -> None:
    deliver(client, spool)
    if not spool.state.get("ended"):
        _apply(client, spool, {"do": "end", "status": "KILLED"})


def deliver(client: Any, spool: Spool) -> None:
    """Hand over every pending event. What the server refuses for good is named and left out.

    Raises:
        Exception: whatever the server or the network raised; what was delivered until then is noted.
    """
    batch, end_of_batch = _Batch(), 0
    for event, position in spool.pending():
        if not batch.takes(event):
            _hand_over(client, spool, batch, end_of_batch)
            batch = _Batch()
        if event["do"] in BATCHED:
            batch.add(event)
            end_of_batch = position
        else:
            _attempt(lambda event=event: _apply(client, spool, event), event["do"])  # type: ignore[misc]
            spool.note(position=position)
    _hand_over(client, spool, batch, end_of_batch)


class _Batch:
    """Events of one kind that one request can carry: what the server refuses of one kind costs nothing of another."""

    def __init__(self) -> None:
        self.kind = ""
        self.items: list[tuple[Any, ...]] = []

    def takes(self, event: Event) -> bool:
        """Whether the event still fits."""
        kind = event["do"]
        return kind in BATCHED and self.kind in ("", kind) and len(self.items) + len(event["values"]) <= BATCHED[kind]

    def add(self, event: Event) -> None:
        self.kind = event["do"]
        extra = (event["time"], event["step"]) if self.kind == "metrics" else ()
        self.items += [(key, value, *extra) for key, value in event["values"].items()]


def _hand_over(client: Any, spool: Spool, batch: _Batch, position: int) -> None:
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
    spool.note(position=position)


def _attempt(request: Callable[[], Any], what: str) -> None:
    """Make a request; let through what may succeed later, name and drop what never will."""
    from mlflow.exceptions import MlflowException

    try:
        request()
    except MlflowException as error:
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        if what == "start" or status not in _REFUSED or status in _PERHAPS_LATER:
            raise
        log.warning("tracking server refused %s: %s", what, first_line(error, 160))


def _apply(client: Any, spool: Spool, event: Event) -> None:
    """An event that is a request of its own."""
    match event["do"]:
        case "start":
            _start(client, spool, event)
        case "artifact":
            place = spool.folder / event["file"]
            if place.is_dir():
                client.log_artifacts(spool.state["run"], str(place), event["path"])
            elif place.is_file():
                client.log_artifact(spool.state["run"], str(place), event["path"])
        case "dataset":
            client.log_inputs(spool.state["run"], [_dataset_input(event)])
        case "end":
            if spool.state.get("ends", True):
                client.set_terminated(spool.state["run"], event["status"])
            spool.note(ended=True)


def _start(client: Any, spool: Spool, event: Event) -> None:
    """Go on with the run of these tags, or make one; the session's tag finds a run whose making was not answered."""
    experiment = experiment_id(client)
    session = {SESSION_TAG: spool.folder.name}
    run = newest_run(client, experiment, session) or _resumed(client, experiment, event)
    if run is None:
        run = client.create_run(
            experiment, event["time"], {**event["tags"], **event["origin"], **session}, event["name"]
        )
    elif run.info.status in ("KILLED", "FAILED"):
        client.update_run(run.info.run_id, "RUNNING")
    # A finished run to which something is added, as evaluate does to training's, keeps its end.
    spool.note(run=run.info.run_id, ends=run.info.status != "FINISHED", store=event["store"])


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
