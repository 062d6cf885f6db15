"""Photographs on S3 of which every shard fetches its own only: a list of names, and the crop of one shard."""

import json
import logging
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from swapcore.config import CropParams
from swapcore.cropping.extract import extract_shard
from swapcore.cropping.part import Shard
from swapcore.data.artifact import building, read_card
from swapcore.data.lineage import LINEAGE
from swapcore.data.manifests import LIST, PhotographEntry, read_manifest
from swapcore.errors import ArtifactError, StorageError
from swapcore.storage import StoredFile, StoredFiles, fingerprint_of, listed_files, prefix_of

OBJECTS = "objects.json"
"""Names, sizes and ETags of all files below the prefix, when it was listed."""
_TABLES = {".csv", ".json", ".parquet"}
"""Files at the top level that every shard needs: lists, consent, card, render parameters."""
_log = logging.getLogger(__name__)


def list_photographs(uri: str, fingerprint: str, photographs: Path) -> int:
    """Write a folder with the tables of photographs on S3, and the list of all files instead of their content.

    Args:
        uri: s3:// prefix of a folder, or of a CSV, which becomes photographs.csv.
        fingerprint: `storage.fingerprint` of uri when the run was submitted; empty for any.
        photographs: the folder to create.

    Returns:
        Number of photographs.

    Raises:
        StorageError: an error of the store, or the photographs changed since the fingerprint was taken.
        InputError: there is no photograph, or a table is invalid.
    """
    listed = listed_files(prefix_of(uri))
    if fingerprint and fingerprint_of(listed) != fingerprint:
        raise StorageError(f"{uri}: changed after the run was submitted; submit it again")
    photographs.mkdir(parents=True, exist_ok=True)
    stored = StoredFiles(prefix_of(uri), listed)
    stored.fetch(filter(_is_table, stored.names), photographs)
    if uri.endswith(".csv"):
        given = photographs / uri.rpartition("/")[2]
        if not given.is_file():
            shutil.rmtree(photographs)
            raise StorageError(f"{uri}: no such object; check its name")
        given.replace(photographs / LIST)
    (photographs / OBJECTS).write_text(json.dumps(listed), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="photographs-") as name:
        _copy_of_names(stored, photographs, Path(name))
        return len(read_manifest(Path(name)).entries)


def crop_shard(
    params: CropParams, *, uri: str, photographs: Path, part: Path, shard: int, shards: int
) -> dict[str, float]:
    """Crop one of several shards; the part has the same bytes as one made from a copy of all photographs.

    Args:
        params: the section crop.
        uri: where the photographs are.
        photographs: the folder that `list_photographs` wrote.
        part: the part artifact to write.
        shard: number of this shard, from 0.
        shards: number of shards.

    Raises:
        StorageError: photographs cannot be fetched, or changed after they were listed.
        ArtifactError: the folder has no list of files.
        InputError: a table is invalid.
    """
    stored = StoredFiles(prefix_of(uri), _read_list(photographs / OBJECTS))
    with tempfile.TemporaryDirectory(prefix="photographs-") as name, building(part) as folder:
        copy = Path(name)
        _copy_of_names(stored, photographs, copy)

        def fetch(entries: list[PhotographEntry]) -> None:
            num_bytes = stored.fetch((entry.file for entry in entries), copy)
            _log.info("fetched %d of %d files, %.1f MB", len(entries), len(stored.names), num_bytes / 1e6)

        extract_shard(params, copy, Shard(shard, shards), folder, fetch)
    return {name: float(count) for name, count in read_card(part, "part").counts.items()}


def _read_list(path: Path) -> list[StoredFile]:
    try:
        return [StoredFile(*item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: cannot be read ({type(error).__name__}); fetch the photographs again") from None


def _copy_of_names(stored: StoredFiles, photographs: Path, copy: Path) -> None:
    """Make a folder that is listed like a copy of the photographs: empty files, and the tables with their content."""
    stored.touch(copy)
    shutil.copytree(photographs, copy, dirs_exist_ok=True, ignore=lambda _, names: {OBJECTS} & set(names))


def _is_table(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == LINEAGE or (len(path.parts) == 1 and path.suffix.lower() in _TABLES)
