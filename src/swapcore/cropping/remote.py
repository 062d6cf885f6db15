"""One shard of photographs on s3://, of which only the shard's own are fetched."""

import logging
import tempfile
from pathlib import Path, PurePosixPath

from swapcore.config import CropParams
from swapcore.cropping.extract import extract_shard
from swapcore.cropping.part import Shard
from swapcore.data.artifact import building, read_card
from swapcore.data.lineage import LINEAGE
from swapcore.data.manifests import PhotographEntry
from swapcore.storage import NamesOf

_TABLES = {".csv", ".json", ".parquet"}
"""Files at the top level that every shard needs: lists, consent, card, render parameters."""
_log = logging.getLogger(__name__)


def crop_shard(params: CropParams, *, photographs: str, part: Path, shard: int, shards: int) -> dict[str, float]:
    """Crop one of several shards; the part has the same bytes as one made from a copy of all photographs.

    Args:
        params: the section crop.
        photographs: s3:// prefix of a folder of photographs; minio:// is read as s3://.
        part: the part artifact to write.
        shard: number of this shard, from 0.
        shards: number of shards.

    Raises:
        StorageError: the photographs cannot be fetched.
        InputError: the photographs' list or consent.csv is invalid.
    """
    uri = photographs.replace("minio://", "s3://", 1)
    with tempfile.TemporaryDirectory(prefix="photographs-") as name, building(part) as folder:
        copy = NamesOf(uri, Path(name))
        copy.fetch(filter(_is_shared, copy.names))

        def fetch(entries: list[PhotographEntry]) -> None:
            num_bytes = copy.fetch(entry.file for entry in entries)
            _log.info("fetched %d of %d files, %.1f MB", len(entries), len(copy.names), num_bytes / 1e6)

        extract_shard(params, Path(name), Shard(shard, shards), folder, fetch)
    return {name: float(count) for name, count in read_card(part, "part").counts.items()}


def _is_shared(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == LINEAGE or (len(path.parts) == 1 and path.suffix.lower() in _TABLES)
