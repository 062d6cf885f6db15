"""Which trained model: a folder, a version in MLflow's registry, or a prefix on object storage, as a folder on this machine."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from swapcore.data.artifact import CARD, artifact_digest, file_digest
from swapcore.errors import ArtifactError, InputError
from swapcore.models.artifact import WEIGHTS, read_configuration

if TYPE_CHECKING:
    from swapcore.tracking.fetching import Registered

CACHE = Path(".swapcore/models")
"""Where models that were fetched are kept, in the working directory."""
_ORIGIN = "origin.json"
NAMED = "named.json"
"""In a packaged model: the name it was registered by, and the digest of the artifact that it was."""
_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
BUILTIN = "builtin:"
_BUILTIN_FOLDERS = {"starter": Path(__file__).parents[1] / "models" / "starter"}
"""Models that come with the package."""
WAYS = "give a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix"


@dataclass(frozen=True)
class LocatedModel:
    """A model folder on this machine, and what it is called elsewhere."""

    folder: Path
    name: str
    """Of the registered model, or of the folder."""
    version: str | None
    """In the registry; None for a model that comes from a folder or from object storage."""
    digest: str
    """SHA-256 (hex) of the model artifact's card, or of the weights where there is no card: what its lineage is found by."""


def locate_model(reference: str | Path, cache: Path = CACHE) -> Path:
    """The folder of a trained model; see ``resolve_model``."""
    return resolve_model(reference, cache).folder


def resolve_model(reference: str | Path, cache: Path = CACHE) -> LocatedModel:
    """Find a trained model, fetch it if it is elsewhere, and look whether this swapcore can use it.

    Args:
        reference: a folder; ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` in MLflow's registry (MLFLOW_TRACKING_URI); or
            ``s3://bucket/prefix``.
        cache: where fetched models are kept. A registered version never changes, so it is fetched once.

    Raises:
        InputError: there is no such folder, registry, model, alias or version.
        ArtifactError: it is no model folder, is damaged, or was made for another alignment.
        TrackingError, StorageError: the registry or the store could not be reached.
    """
    text = str(reference)
    if text.startswith(BUILTIN):
        return _from_package(text)
    if text.startswith("models:"):
        return _from_registry(text, cache)
    if text.startswith("s3://"):
        return _from_storage(text, cache)
    return _from_folder(Path(reference), Path(reference).absolute().name)


def _from_package(reference: str) -> LocatedModel:
    """A model of the package; some may be left out of it."""
    folder = _BUILTIN_FOLDERS.get(reference.removeprefix(BUILTIN))
    if folder is None or not folder.is_dir():
        there = ", ".join(f"{BUILTIN}{name}" for name, path in _BUILTIN_FOLDERS.items() if path.is_dir()) or "none"
        raise InputError(f"{reference}: no such model comes with this swapcore (there are: {there}); {WAYS}")
    return LocatedModel(folder, reference, None, weights_digest(folder))


def _from_folder(folder: Path, name: str) -> LocatedModel:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such model; {WAYS}")
    read_configuration(folder)  # a folder of something else is called so, before its weights are missed
    if (folder / NAMED).is_file():
        named = json.loads((folder / NAMED).read_text(encoding="utf-8"))
        return LocatedModel(folder, str(named["name"]), None, str(named["digest"]))
    has_card = (folder / CARD).is_file()
    return LocatedModel(folder, name, None, artifact_digest(folder) if has_card else weights_digest(folder))


def find_registered(reference: str) -> "Registered":
    """Which version ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` means.

    Raises:
        InputError: it is of another form, or there is no such registry, model, alias or version.
        TrackingError: the registry could not be reached.
    """
    from swapcore.tracking.fetching import find_version

    parts = _REGISTERED.fullmatch(reference)
    if parts is None:
        raise InputError(f"{reference}: is not of the form models:/NAME@ALIAS or models:/NAME/VERSION")
    return find_version(parts["name"], alias=parts["alias"], version=parts["version"])


def _from_registry(reference: str, cache: Path) -> LocatedModel:
    from swapcore.tracking.fetching import fetch_version

    found = find_registered(reference)
    folder = cache / found.store[:16] / f"{found.name}-{found.version}"
    if not (folder / _ORIGIN).is_file():
        fetch_version(found, folder)
        digest = found.digest or weights_digest(folder)
        (folder / _ORIGIN).write_text(json.dumps({"digest": digest}) + "\n", encoding="utf-8")
    read_configuration(folder)
    digest = str(json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["digest"])
    return LocatedModel(folder, found.name, found.version, digest)


def _from_storage(uri: str, cache: Path) -> LocatedModel:
    from swapcore.storage import fetch  # imports boto3, half a second

    folder = cache / hashlib.sha256(uri.encode()).hexdigest()[:16] / "model"
    folder.parent.mkdir(parents=True, exist_ok=True)
    fetch(uri, folder)
    return _from_folder(folder, uri.rstrip("/").rpartition("/")[2])


def weights_digest(folder: Path) -> str:
    """SHA-256 (hex) of the weights.

    Raises:
        ArtifactError: there are none.
    """
    try:
        return file_digest(folder / WEIGHTS)
    except OSError as error:
        raise ArtifactError(f"{folder / WEIGHTS}: cannot be read ({error.strerror}); run train again") from None
