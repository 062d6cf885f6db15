"""Images in tar shards, in the format of webdataset, with random access."""

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

from swapcore.errors import ArtifactError
from swapcore.files import Closeable
from swapcore.ops.image import Image, decode, encode_png


class Place(NamedTuple):
    """Location of an image's bytes."""

    shard: str
    offset: int
    size: int


class ShardWriter(Closeable):
    """Writes images to shard-00000.tar, shard-00001.tar, …; equal images give equal bytes."""

    def __init__(self, folder: Path, max_megabytes: int = 256) -> None:
        self._folder = folder
        self._max_bytes = max_megabytes * 1_000_000
        self._tar: tarfile.TarFile | None = None
        self._num_shards = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, key: str, image: Image) -> Place:
        """Append an RGB image as KEY.png and return its location; a key has no dot, as webdataset requires."""
        if "." in key or "/" in key:
            raise ValueError(f"a key must not contain a dot or slash: {key!r}")
        return self.add_bytes(f"{key}.png", encode_png(image))

    def add_bytes(self, name: str, data: bytes) -> Place:
        """Append encoded bytes under a member name and return their location."""
        tar = self._open_shard()
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
        padded = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        return Place(f"shard-{self._num_shards - 1:05d}.tar", tar.offset - padded, len(data))

    def _open_shard(self) -> tarfile.TarFile:
        if self._tar is not None and self._tar.offset >= self._max_bytes:
            self.close()
        if self._tar is None:
            path = self._folder / f"shard-{self._num_shards:05d}.tar"
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  # closed by close()
            self._num_shards += 1
        return self._tar

    def close(self) -> None:
        """Close the current shard."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None


class ShardReader:
    """Random access to the shards of a folder. Each call opens the file, so that the reader can be pickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_bytes(self, place: Place) -> bytes:
        """Read the encoded bytes at a location.

        Raises:
            ArtifactError: the shard is missing or too short.
        """
        path = self._folder / place.shard
        try:
            with path.open("rb") as stream:
                stream.seek(place.offset)
                data = stream.read(place.size)
        except OSError as error:
            raise ArtifactError(f"{path}: {error.strerror}; the artifact is incomplete, make it again") from None
        if len(data) != place.size:
            raise ArtifactError(
                f"{path}: ends before byte {place.offset + place.size}; the artifact is damaged, make it again"
            )
        return data

    def read(self, place: Place) -> Image:
        """Read the image at a location, uint8 (H, W, 3) RGB.

        Raises:
            ArtifactError: as read_bytes, or the bytes are not an image.
        """
        try:
            return decode(self.read_bytes(place))
        except ValueError:
            raise ArtifactError(
                f"{self._folder / place.shard}: damaged at byte {place.offset}; make the artifact again"
            ) from None
