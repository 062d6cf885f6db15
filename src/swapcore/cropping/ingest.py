"""Ingestion of photographs from a folder, a CSV, or object storage."""

import shutil
from pathlib import Path, PurePosixPath

from swapcore import storage
from swapcore.config import SynthesizeParams
from swapcore.data.consent import CONSENT
from swapcore.data.listing import find_files
from swapcore.data.manifests import LIST, read_manifest
from swapcore.errors import InputError, StorageError
from swapcore.synth.people import PARAMETERS


def ingest(_params: SynthesizeParams, *, uri: str, fingerprint: str, photographs: Path) -> dict[str, float]:
    """Copy photographs and consent.csv into a new folder; replaces the stage synthesize in a pipeline.

    Args:
        uri: a folder, a CSV `file,identity[,split]`, or either on s3://. Only listed files of a local CSV are copied, but
            everything below the prefix of a CSV on s3://. The copy of the CSV is named photographs.csv.
        fingerprint: `storage.fingerprint` of uri when the run was submitted; compared on s3:// only.
        photographs: the folder to create.

    Raises:
        StorageError: an error of the store, or the photographs changed since the fingerprint was taken.
        InputError: the folder or CSV does not exist, or the CSV lists a file outside its folder.
    """
    if not storage.is_remote(uri):
        _copy(Path(uri), photographs)
    elif fingerprint and storage.fingerprint(uri) != fingerprint:
        raise StorageError(f"{uri}: changed after the run was submitted; submit it again")
    else:
        path = storage.fetch_port(uri, photographs)
        if path != photographs:
            path.replace(photographs / LIST)
    return {"photographs": float(len(read_manifest(photographs).entries))}


def _copy(source: Path, folder: Path) -> None:
    manifest = read_manifest(source)
    if source.is_dir():
        for item in find_files(source):
            if not item.reason and item.path.is_file():
                _copy_file(item.path, folder / item.name)
        return
    for entry in manifest.entries:
        listed = PurePosixPath(entry.file)
        if listed.is_absolute() or ".." in listed.parts:
            raise InputError(f"{source}: file: {entry.file} is outside the CSV's folder; move it into the folder")
    for name in (CONSENT, PARAMETERS, *(entry.file for entry in manifest.entries)):
        if (manifest.root / name).is_file():  # crop quarantines missing files
            _copy_file(manifest.root / name, folder / name)
    _copy_file(source, folder / LIST)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
