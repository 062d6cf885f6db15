"""Photographs that exist brought to where they will be cropped: from a folder, a CSV, or either on object storage."""

import shutil
from pathlib import Path, PurePosixPath

from swapcore import storage
from swapcore.config import SynthesizeParams
from swapcore.data.consent import CONSENT
from swapcore.data.manifests import LIST, read_manifest
from swapcore.errors import InputError, StorageError
from swapcore.synth.people import PARAMETERS


def bring(_params: SynthesizeParams, *, uri: str, fingerprint: str, photographs: Path) -> dict[str, float]:
    """Copy photographs and consent.csv into a folder that is not there yet; stands for the stage that makes them up.

    Args:
        uri: a folder, a CSV `file,identity[,split]`, or either on s3://. Of a CSV in a local folder only the listed files
            are copied, of one on s3:// everything below its prefix; in the new folder it is called photographs.csv.
        fingerprint: what `storage.fingerprint` said of the uri when the run was submitted; asked again on s3:// only.
        photographs: to be made.

    Raises:
        StorageError: the store, or photographs that changed since the fingerprint was taken.
        InputError: there is no such folder or CSV, or the CSV lists a file outside its folder.
    """
    if not storage.is_remote(uri):
        _copy(Path(uri), photographs)
    elif fingerprint and storage.fingerprint(uri) != fingerprint:
        raise StorageError(f"{uri}: was changed after the run was submitted; submit it again")
    else:
        path = storage.fetch_port(uri, photographs)
        if path != photographs:
            path.replace(photographs / LIST)
    return {"photographs": float(len(read_manifest(photographs).entries))}


def _copy(source: Path, folder: Path) -> None:
    manifest = read_manifest(source)
    if source.is_dir():
        shutil.copytree(source, folder)
        return
    for entry in manifest.entries:
        listed = PurePosixPath(entry.file)
        if listed.is_absolute() or ".." in listed.parts:
            raise InputError(f"{source}: file: {entry.file} lies outside the CSV's folder; move it below")
    for name in (CONSENT, PARAMETERS, *(entry.file for entry in manifest.entries)):
        if (manifest.root / name).is_file():  # what is missing will be quarantined
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(manifest.root / name, folder / name)
    folder.mkdir(exist_ok=True)
    shutil.copyfile(source, folder / LIST)
