"""Ingestion of photographs from a folder, a CSV, or object storage."""

import shutil
from pathlib import Path, PurePosixPath

from swapcore import storage
from swapcore.config import SynthesizeParams
from swapcore.cropping.remote import list_photographs
from swapcore.data.consent import CONSENT
from swapcore.data.listing import find_files
from swapcore.data.manifests import LIST, read_manifest
from swapcore.errors import InputError
from swapcore.synth.people import PARAMETERS


def ingest(_params: SynthesizeParams, *, uri: str, fingerprint: str, photographs: Path) -> dict[str, float]:
    """Copy photographs and consent.csv into a new folder; replaces the stage synthesize in a pipeline.

    Of photographs on s3:// only tables and the list of files are fetched, see ``cropping.remote``.

    Args:
        uri: a folder, a CSV `file,identity[,split]`, or either on s3://. Only listed files of a local CSV are copied. The copy of
            the CSV is named photographs.csv.
        fingerprint: `storage.fingerprint` of uri when the run was submitted; compared on s3:// only.
        photographs: the folder to create.

    Raises:
        StorageError: an error of the store, or the photographs changed since the fingerprint was taken.
        InputError: the folder or CSV does not exist, or the CSV lists a file outside its folder.
    """
    if storage.is_remote(uri):
        return {"photographs": float(list_photographs(uri, fingerprint, photographs))}
    _copy(Path(uri), photographs)
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
