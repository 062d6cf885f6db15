"""Resolution and download of registered models."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from swapcore.addresses import hide_credentials
from swapcore.errors import InputError
from swapcore.files import hidden_sibling
from swapcore.tracking.runs import MODEL_TAG
from swapcore.tracking.store import (
    connect,
    describe_error,
    registry_error,
    store_digest,
    tracking_uri,
)

FILES = "artifacts/model"
"""Path of the model folder inside a registered model."""
_LOCAL = "sqlite:///"
Response = TypeVar("Response")


@dataclass(frozen=True)
class ResolvedVersion:
    """A version of a registered model."""

    name: str
    version: str
    digest: str
    """Digest of the registered model artifact, from its tag; empty without a tag."""
    store: str
    """Digest of the registry's URI: two registries may have the same names and numbers."""


def resolve_version(name: str, *, alias: str | None = None, version: str | None = None) -> ResolvedVersion:
    """Resolve an alias or a number to a version of a registered model.

    Args:
        name: the registered model.
        alias: an alias such as champion.
        version: a number; used without an alias.

    Raises:
        InputError: the registry, model, alias or version does not exist.
        TrackingError: the registry cannot be reached.
    """
    uri = tracking_uri()
    _require_local_store(uri)
    wanted = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"

    def get(client: Any) -> Any:
        return client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)

    found = _request(uri, wanted, get)
    return ResolvedVersion(name, str(found.version), found.tags.get(MODEL_TAG, ""), store_digest(uri))


def download_version(found: ResolvedVersion, folder: Path) -> None:
    """Download the version's files to folder, atomically.

    Raises:
        InputError: the version is not a swapcore model.
        TrackingError: the registry or its artifact store cannot be reached.
    """
    uri, wanted = tracking_uri(), f"models:/{found.name}/{found.version}"
    partial = hidden_sibling(folder, "partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        downloaded = _request(uri, wanted, lambda _: _download(uri, f"{wanted}/{FILES}", partial))
        shutil.rmtree(folder, ignore_errors=True)
        downloaded.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(uri: str, artifact: str, folder: Path) -> Path:
    import mlflow

    mlflow.set_tracking_uri(uri)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=artifact, dst_path=str(folder), tracking_uri=uri))


def _require_local_store(uri: str) -> None:
    """Raise InputError for a missing SQLite file: mlflow would spend about ten seconds on creating an empty one."""
    path = Path(uri.removeprefix(_LOCAL))
    if uri.startswith(_LOCAL) and not path.is_file():
        raise InputError(f"{path}: no such model registry; run in the project's folder or set MLFLOW_TRACKING_URI")


def _request(uri: str, wanted: str, request: Callable[[Any], Response]) -> Response:
    """Send a request; InputError for missing entries, TrackingError for everything else."""
    try:
        return request(connect(uri))
    except Exception as error:  # mlflow, the database driver and the network have no common base class
        if getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}:
            problem = describe_error(error, uri)
            raise InputError(
                f"{wanted}: not found in the registry {hide_credentials(uri)} ({problem}); see `make ui`"
            ) from None
        raise registry_error(error, uri) from error
