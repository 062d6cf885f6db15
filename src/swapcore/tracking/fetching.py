"""A registered model brought here: which version a reference means, and its files."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from swapcore.errors import InputError, TrackingError, first_line
from swapcore.tracking.runs import MODEL_TAG
from swapcore.tracking.store import connect, shown, store_digest, tracking_uri

FILES = "artifacts/model"
"""Where a registered model keeps the folder that ``register_version`` was given as its files."""
_LOCAL = "sqlite:///"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Registered:
    """A version of a registered model."""

    name: str
    version: str
    digest: str
    """Of the model artifact that was registered, from its tag; empty where it has none."""
    store: str
    """Which registry, as a digest: versions of two registries may carry the same name and number."""


def find_version(name: str, *, alias: str | None = None, version: str | None = None) -> Registered:
    """The version of a registered model that an alias, or a number, means.

    Raises:
        InputError: there is no such registry, model, alias or version.
        TrackingError: the registry could not be reached.
    """
    uri = tracking_uri()
    _require_local_store(uri)
    wanted = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"

    def ask(client: Any) -> Any:
        return client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)

    found = _asked(uri, wanted, ask)
    return Registered(name, str(found.version), found.tags.get(MODEL_TAG, ""), store_digest(uri))


def fetch_version(found: Registered, folder: Path) -> None:
    """Bring the version's files to folder, which is built beside and renamed when whole.

    Raises:
        InputError: the version holds no model of swapcore's.
        TrackingError: the registry or its store of files could not be reached.
    """
    uri, wanted = tracking_uri(), f"models:/{found.name}/{found.version}"
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        brought = _asked(uri, wanted, lambda _: _download(uri, f"{wanted}/{FILES}", partial))
        shutil.rmtree(folder, ignore_errors=True)
        brought.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(uri: str, artifact: str, folder: Path) -> Path:
    import mlflow

    mlflow.set_tracking_uri(uri)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=artifact, dst_path=str(folder), tracking_uri=uri))


def _require_local_store(uri: str) -> None:
    """Refuse a SQLite file that is not there: mlflow would make an empty one, in some ten seconds, to find nothing in it."""
    path = Path(uri.removeprefix(_LOCAL))
    if uri.startswith(_LOCAL) and not path.is_file():
        raise InputError(f"{path}: no such model registry; run in the project's folder or set MLFLOW_TRACKING_URI")


def _asked(uri: str, wanted: str, question: Callable[[Any], Answer]) -> Answer:
    """The registry's answer; what it does not have is the user's mistake, what it does not say is the server's."""
    try:
        return question(connect(uri))
    except Exception as error:  # mlflow, the database driver and the network each raise their own
        problem = first_line(error).replace(uri, shown(uri))
        if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}:
            raise InputError(f"{wanted}: the registry {shown(uri)} has none ({problem}); see `make ui`") from None
        raise TrackingError(
            f"model registry {shown(uri)}: {type(error).__name__}: {problem}; correct MLFLOW_TRACKING_URI or the server"
        ) from error
