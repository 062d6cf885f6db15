"""Versions of registered models: tags, aliases, files and champion history."""

import getpass
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from swapcore.addresses import hide_credentials
from swapcore.errors import InputError, TrackingError
from swapcore.tracking.spool import ROOT
from swapcore.tracking.store import (
    connect,
    experiment_id,
    newest_run,
    registry_error,
    tracking_uri,
)
from swapcore.tracking.uploader import upload_abandoned

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
HISTORY: Final = "swapcore.history."
"""Prefix of the tags of champion changes, on the registered model and on the version."""
How = Literal["gate", "promote", "rollback"]


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class ChampionChange:
    """A change of the champion."""

    version: str
    """The new champion."""
    replaced: str | None
    """The previous champion."""
    how: How
    reason: str
    by: str
    time: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class RunRecord:
    """Logged params and inputs of a run."""

    params: Mapping[str, str]
    """``stage.field.subfield`` -> text."""
    datasets: Mapping[tuple[str, str], str]
    """(name, context) -> digest; context is training or evaluation."""


@contextmanager
def _client() -> Iterator[Any]:
    """Yield a client; convert errors of mlflow, the database driver and the network to one-line TrackingErrors."""
    uri = tracking_uri()
    try:
        yield connect(uri)
    except (InputError, TrackingError):
        raise
    except Exception as error:
        raise registry_error(error, uri) from error


def list_versions(name: str | None = None) -> list[ModelVersion]:
    """Return the versions of one or all registered models, oldest first."""
    with _client() as client:
        models = client.search_registered_models(f"name = '{name}'" if name else None)
        entries = []
        for model in models:
            aliases: dict[str, list[str]] = {}
            for alias, version in client.get_registered_model(model.name).aliases.items():
                aliases.setdefault(str(version), []).append(alias)
            found = client.search_model_versions(f"name = '{model.name}'")
            for each in sorted(found, key=lambda each: int(each.version)):
                number = str(each.version)
                entries.append(
                    ModelVersion(model.name, number, each.run_id, dict(each.tags), tuple(aliases.get(number, ())))
                )
        return entries


def find_model_version(name: str, version: str) -> ModelVersion:
    """Find a version by number or alias.

    Raises:
        InputError: there is no such version.
        TrackingError: the registry cannot be reached.
    """
    entries = list_versions(name)
    for entry in entries:
        if version == entry.version or version.removeprefix("@") in entry.aliases:
            return entry
    known = ", ".join(entry.version + "".join(f" (@{alias})" for alias in entry.aliases) for entry in entries)
    raise InputError(
        f"models:/{name}: no version {version} in the registry {hide_credentials(tracking_uri())}; it has {known or 'none'}"
    )


def find_champion(name: str) -> ModelVersion | None:
    """Return the champion, or None if there is none yet."""
    return next((entry for entry in list_versions(name) if CHAMPION in entry.aliases), None)


def tag_version(entry: ModelVersion, tags: Mapping[str, str]) -> None:
    """Set tags on a version."""
    with _client() as client:
        for key, value in tags.items():
            client.set_model_version_tag(entry.name, entry.version, key, value)


def champion_history(name: str) -> list[ChampionChange]:
    """Return all changes of the champion, oldest first."""
    with _client() as client:
        tags = client.get_registered_model(name).tags
        return [
            ChampionChange(**json.loads(tags[key])) for key in sorted(key for key in tags if key.startswith(HISTORY))
        ]


def set_champion(entry: ModelVersion, how: How, reason: str) -> ChampionChange:
    """Make a version the champion and store the change as a tag of the model and of the version.

    The tags are written first, so that an interruption cannot leave an alias without a reason.
    """
    past = champion_history(entry.name)
    before = find_champion(entry.name)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = ChampionChange(entry.version, before.version if before else None, how, reason, _user(), now)
    key, text = f"{HISTORY}{len(past) + 1:04d}", json.dumps(asdict(event), sort_keys=True)
    with _client() as client:
        client.set_registered_model_tag(entry.name, key, text)
        client.set_model_version_tag(entry.name, entry.version, key, text)
        client.set_registered_model_alias(entry.name, CHAMPION, entry.version)
    return event


def previous_champion(changes: list[ChampionChange]) -> str | None:
    """Return the version that a rollback restores, or None; earlier rollbacks are taken into account."""
    stack: list[str] = []
    for change in changes:
        if change.how == "rollback":
            stack = stack[: stack.index(change.version) + 1] if change.version in stack else [change.version]
        else:
            stack.append(change.version)
    return stack[-2] if len(stack) > 1 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def log_folder(run_id: str, folder: Path, path: str) -> None:
    """Log a folder's files as artifacts of a run, below path."""
    with _client() as client:
        client.log_artifacts(run_id, str(folder), path)


def fetch_folder(run_id: str, path: str, destination: Path) -> Path | None:
    """Download a run's artifacts below path; None if there are none."""
    with _client() as client:
        if not client.list_artifacts(run_id, path):
            return None
        return Path(client.download_artifacts(run_id, path, str(destination)))


def fetch_model(entry: ModelVersion, destination: Path) -> Path:
    """Download all files of a version, including MLflow's."""
    with _client():
        import mlflow

        uri = tracking_uri()
        mlflow.set_tracking_uri(uri)
        return Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{entry.name}/{entry.version}", dst_path=str(destination), tracking_uri=uri
            )
        )


def run_tags(run_id: str) -> dict[str, str] | None:
    """Return the tags of a run, or None if the run does not exist."""
    with _client() as client:
        try:
            return dict(client.get_run(run_id).data.tags)
        except Exception as error:
            if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise


def read_run(run_id: str) -> RunRecord:
    """Return a run's logged params and inputs."""
    with _client() as client:
        run = client.get_run(run_id)
        datasets = {
            (each.dataset.name, tag.value): each.dataset.digest
            for each in run.inputs.dataset_inputs
            for tag in each.tags
            if tag.key == "mlflow.data.context"
        }
        return RunRecord(dict(run.data.params), datasets)


def training_run_tags(tags: Mapping[str, str]) -> dict[str, str] | None:
    """Return the tags of the newest run that has all these, after uploading abandoned sessions; None if there is none."""
    with _client() as client:
        upload_abandoned(client, ROOT.absolute(), tracking_uri())
        run = newest_run(client, experiment_id(client), dict(tags))
        return dict(run.data.tags) if run else None
