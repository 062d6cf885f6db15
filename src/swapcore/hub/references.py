"""Resolution of model references: a folder, a registered version, or object storage."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swapcore.data.artifact import CARD, artifact_digest, file_digest
from swapcore.errors import ArtifactError, InputError
from swapcore.faces.mesh.files import ATTENTION_MESH, missing_reason
from swapcore.files import write_atomic
from swapcore.models.artifact import WEIGHTS, read_configuration
from swapcore.warp import WARP_VERSION

if TYPE_CHECKING:
    from swapcore.tracking.fetching import ResolvedVersion

CACHE = Path(".swapcore/models")
"""Folder of downloaded models, in the working directory."""
_ORIGIN = "origin.json"
NAMED = "named.json"
"""In a packaged model: the registered name, and the digest of the packaged artifact."""
_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
BUILTIN = "builtin:"
WARP: Final = "builtin:warp"
DEFAULT_MODEL: Final = WARP
"""What commands use where no model is given: it needs no training, and is the best on photographs so far."""
"""The dense warp: a swapper without weights."""
_BUILTIN_FOLDERS = {"starter": Path(__file__).parents[1] / "models" / "starter"}
"""Models that come with the package."""
WAYS = (
    "give builtin:warp, builtin:starter, a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix"
)


@dataclass(frozen=True)
class LocatedModel:
    """A model on this machine, with its name, version and digest."""

    place: Path | None
    """The model folder; None for a built-in swapper without weights."""
    name: str
    """Name of the registered model, of the folder, or the reference of a built-in one."""
    version: str | None
    """Version in the registry, or of the built-in warp; None for a folder or object storage."""
    digest: str
    """SHA-256 (hex) of the model artifact's card, or of the weights without a card; it identifies the lineage."""

    @property
    def folder(self) -> Path:
        """The model folder.

        Raises:
            InputError: the model is built in and has no weights.
        """
        if self.place is None:
            raise InputError(f"{self.name}: has no weights to train, export or register; name a trained model")
        return self.place


def locate_model(reference: str | Path, cache: Path = CACHE) -> Path:
    """Return the folder of a model; see ``resolve_model``."""
    return resolve_model(reference, cache).folder


def resolve_model(reference: str | Path, cache: Path = CACHE) -> LocatedModel:
    """Find a model, download it if necessary, and check its configuration.

    Args:
        reference: ``builtin:warp``; a folder;
            ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` in MLflow's registry (MLFLOW_TRACKING_URI); or
            ``s3://bucket/prefix``.
        cache: folder of downloaded models. A registered version never changes, so it is downloaded once.

    Raises:
        InputError: there is no such folder, registry, model, alias or version.
        ArtifactError: the folder is not a model, is damaged, or was made for another alignment.
        TrackingError, StorageError: the registry or the object storage cannot be reached.
    """
    text = str(reference)
    if text.startswith(BUILTIN):
        return _warp() if text == WARP else _from_package(text)
    if text.startswith("models:"):
        return _from_registry(text, cache)
    if text.startswith("s3://"):
        return _from_storage(text, cache)
    return _from_folder(Path(reference), Path(reference).absolute().name)


def _warp() -> LocatedModel:
    """The dense warp.

    Raises:
        ArtifactError: the face mesh is not installed.
    """
    if reason := missing_reason():
        raise ArtifactError(f"{WARP}: {reason}")
    digest = hashlib.sha256(f"{WARP} {WARP_VERSION} {ATTENTION_MESH.sha256}".encode()).hexdigest()
    return LocatedModel(None, WARP, WARP_VERSION, digest)


def _from_package(reference: str) -> LocatedModel:
    """Return a model of the package; a package can be built without it."""
    folder = _BUILTIN_FOLDERS.get(reference.removeprefix(BUILTIN))
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"{reference}: this package was built without it; use {WARP}, or train it in a checkout: make starter"
        )
    if folder is None:
        available = ", ".join([WARP, *(f"{BUILTIN}{name}" for name, path in _BUILTIN_FOLDERS.items() if path.is_dir())])
        raise InputError(f"{reference}: not a model of this package (available: {available}); {WAYS}")
    return LocatedModel(folder, reference, None, weights_digest(folder))


def _from_folder(folder: Path, name: str) -> LocatedModel:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such model; {WAYS}")
    read_configuration(folder)  # reports a folder of another kind before missing weights
    if (folder / NAMED).is_file():
        try:
            named = json.loads((folder / NAMED).read_text(encoding="utf-8"))
            return LocatedModel(folder, str(named["name"]), None, str(named["digest"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            raise ArtifactError(f"{folder / NAMED}: cannot be read; copy the model again") from None
    has_card = (folder / CARD).is_file()
    return LocatedModel(folder, name, None, artifact_digest(folder) if has_card else weights_digest(folder))


def find_registered(reference: str) -> "ResolvedVersion":
    """Resolve ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` to a version.

    Raises:
        InputError: the reference has another form, or there is no such registry, model, alias or version.
        TrackingError: the registry cannot be reached.
    """
    from swapcore.tracking.fetching import resolve_version

    parts = _REGISTERED.fullmatch(reference)
    if parts is None:
        raise InputError(f"{reference}: not a model reference; use models:/NAME@ALIAS or models:/NAME/VERSION")
    return resolve_version(parts["name"], alias=parts["alias"], version=parts["version"])


def _from_registry(reference: str, cache: Path) -> LocatedModel:
    from swapcore.tracking.fetching import download_version

    found = find_registered(reference)
    folder = cache / found.store[:16] / f"{found.name}-{found.version}"
    if not (folder / _ORIGIN).is_file():
        download_version(found, folder)
        digest = found.digest or weights_digest(folder)
        write_atomic(folder / _ORIGIN, json.dumps({"digest": digest}) + "\n")  # the download is complete
    read_configuration(folder)
    digest = str(json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["digest"])
    return LocatedModel(folder, found.name, found.version, digest)


def _from_storage(uri: str, cache: Path) -> LocatedModel:
    from swapcore.storage import fetch  # importing boto3 takes half a second

    folder = cache / hashlib.sha256(uri.encode()).hexdigest()[:16] / "model"
    folder.parent.mkdir(parents=True, exist_ok=True)
    fetch(uri, folder)
    return _from_folder(folder, uri.rstrip("/").rpartition("/")[2])


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of the weights.

    Raises:
        ArtifactError: the weights cannot be read.
    """
    try:
        return file_digest(folder / WEIGHTS)
    except OSError as error:
        raise ArtifactError(f"{folder / WEIGHTS}: cannot be read ({error.strerror}); run train again") from None
