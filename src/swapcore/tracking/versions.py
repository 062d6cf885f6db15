"""Versions of registered models: their tags, aliases, files, and the history of who was champion and why."""

import getpass
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from swapcore.errors import InputError, TrackingError, first_line
from swapcore.tracking.delivery import deliver_abandoned
from swapcore.tracking.spool import ROOT
from swapcore.tracking.store import connect, experiment_id, newest_run, shown, tracking_uri

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
HISTORY: Final = "swapcore.history."
"""Before the number of an event, in the tags of the registered model and of the version."""
How = Literal["gate", "promote", "rollback"]


@dataclass(frozen=True)
class Entry:
    """A version of a registered model."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """One change of the champion."""

    version: str
    """Who is champion from now on."""
    replaced: str | None
    how: How
    reason: str
    by: str
    time: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Record:
    """What a run was told."""

    params: Mapping[str, str]
    """``stage.field.subfield`` to its text."""
    datasets: Mapping[tuple[str, str], str]
    """Name and what for (training, evaluation) to the digest."""


@contextmanager
def _registry() -> Iterator[Any]:
    """A client; whatever mlflow, the database driver or the network raise is one line."""
    uri = tracking_uri()
    try:
        yield connect(uri)
    except (InputError, TrackingError):
        raise
    except Exception as error:
        problem = first_line(error).replace(uri, shown(uri))
        raise TrackingError(
            f"model registry {shown(uri)}: {type(error).__name__}: {problem}; correct MLFLOW_TRACKING_URI or the server, "
            "then run the command again"
        ) from error


def list_versions(name: str | None = None) -> list[Entry]:
    """Every version of a registered model, or of all of them, oldest first."""
    with _registry() as client:
        models = client.search_registered_models(f"name = '{name}'" if name else None)
        entries = []
        for model in models:
            aliases: dict[str, list[str]] = {}
            for alias, version in client.get_registered_model(model.name).aliases.items():
                aliases.setdefault(str(version), []).append(alias)
            found = client.search_model_versions(f"name = '{model.name}'")
            for each in sorted(found, key=lambda each: int(each.version)):
                number = str(each.version)
                entries.append(Entry(model.name, number, each.run_id, dict(each.tags), tuple(aliases.get(number, ()))))
        return entries


def find_entry(name: str, version: str) -> Entry:
    """A version by its number or its alias.

    Raises:
        InputError: the registry has none.
        TrackingError: the registry could not be reached.
    """
    entries = list_versions(name)
    for entry in entries:
        if version == entry.version or version.removeprefix("@") in entry.aliases:
            return entry
    known = ", ".join(entry.version + "".join(f" (@{alias})" for alias in entry.aliases) for entry in entries)
    raise InputError(
        f"models:/{name}: no version {version} in the registry {shown(tracking_uri())}; it has {known or 'none'}"
    )


def champion_of(name: str) -> Entry | None:
    """The version that is used; None before the first."""
    return next((entry for entry in list_versions(name) if CHAMPION in entry.aliases), None)


def tag_version(entry: Entry, tags: Mapping[str, str]) -> None:
    """Put tags on a version."""
    with _registry() as client:
        for key, value in tags.items():
            client.set_model_version_tag(entry.name, entry.version, key, value)


def history_of(name: str) -> list[Event]:
    """Every change of the champion, oldest first."""
    with _registry() as client:
        tags = client.get_registered_model(name).tags
        return [Event(**json.loads(tags[key])) for key in sorted(key for key in tags if key.startswith(HISTORY))]


def crown(entry: Entry, how: How, reason: str) -> Event:
    """Make a version the champion, and keep the change as a tag of the model and of the version.

    The tags come first: an alias without its reason would be worse than a reason without its alias.
    """
    past = history_of(entry.name)
    before = champion_of(entry.name)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = Event(entry.version, before.version if before else None, how, reason, _user(), now)
    key, text = f"{HISTORY}{len(past) + 1:04d}", json.dumps(asdict(event), sort_keys=True)
    with _registry() as client:
        client.set_registered_model_tag(entry.name, key, text)
        client.set_model_version_tag(entry.name, entry.version, key, text)
        client.set_registered_model_alias(entry.name, CHAMPION, entry.version)
    return event


def before_champion(events: list[Event]) -> str | None:
    """The version to which a rollback leads: what the champion of now took the place of, earlier rollbacks undone."""
    line: list[str] = []
    for event in events:
        if event.how == "rollback":
            line = line[: line.index(event.version) + 1] if event.version in line else [event.version]
        else:
            line.append(event.version)
    return line[-2] if len(line) > 1 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def log_folder(run_id: str, folder: Path, path: str) -> None:
    """Keep a folder's files as artifacts of a run, below path."""
    with _registry() as client:
        client.log_artifacts(run_id, str(folder), path)


def fetch_folder(run_id: str, path: str, destination: Path) -> Path | None:
    """Bring a run's artifacts below path; None: there are none."""
    with _registry() as client:
        if not client.list_artifacts(run_id, path):
            return None
        return Path(client.download_artifacts(run_id, path, str(destination)))


def fetch_model(entry: Entry, destination: Path) -> Path:
    """Bring a version's files, those of MLflow too."""
    with _registry():
        import mlflow

        uri = tracking_uri()
        mlflow.set_tracking_uri(uri)
        return Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{entry.name}/{entry.version}", dst_path=str(destination), tracking_uri=uri
            )
        )


def run_tags(run_id: str) -> dict[str, str] | None:
    """The tags of a run; None: there is no such run."""
    with _registry() as client:
        try:
            return dict(client.get_run(run_id).data.tags)
        except Exception as error:
            if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise


def run_record(run_id: str) -> Record:
    """What a run was told of its params and inputs."""
    with _registry() as client:
        run = client.get_run(run_id)
        datasets = {
            (each.dataset.name, tag.value): each.dataset.digest
            for each in run.inputs.dataset_inputs
            for tag in each.tags
            if tag.key == "mlflow.data.context"
        }
        return Record(dict(run.data.params), datasets)


def tags_of_training(tags: Mapping[str, str]) -> dict[str, str] | None:
    """The tags of the newest run that carries all these; what waits on disk is delivered first. None: nobody tracked it."""
    with _registry() as client:
        deliver_abandoned(client, ROOT.absolute(), tracking_uri())
        run = newest_run(client, experiment_id(client), dict(tags))
        return dict(run.data.tags) if run else None
