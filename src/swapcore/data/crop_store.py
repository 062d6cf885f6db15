"""Decoded crops of a groups artifact at one size, memory-mapped."""

import hashlib
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.cache import cached_file, megabytes, remove_unused
from swapcore.data.artifact import artifact_digest
from swapcore.data.groups import CropRef, GroupSet
from swapcore.errors import InputError
from swapcore.ops.image import Image, resize
from swapcore.parallel import num_processes
from swapcore.progress import progress

_HEADER_BYTES = 64
"""The digest of the crops, in hexadecimal digits, before the pixels."""
_CHUNK = 256
_log = logging.getLogger(__name__)


class CropStore:
    """Images of a groups artifact: decoded once into a file that all processes of a machine share, if they fit.

    The file contains uint8 (N, S, S, 3) pixels. Its name has a digest of the artifact, the size and the selection of images.
    """

    def __init__(self, groups: GroupSet, images: npt.NDArray[np.int64], size_px: int, cache_megabytes: int) -> None:
        """Map the file, and write it first if necessary.

        Args:
            groups: the groups artifact.
            images: sorted numbers of the images that are used.
            size_px: S.
            cache_megabytes: largest size of all such files together; if the images do not fit, they are decoded at each use.

        Raises:
            InputError: there is no space for the file, or it has other content.
        """
        self._groups, self._images, self._size_px = groups, images, size_px
        num_bytes = len(images) * size_px * size_px * 3
        self._pixels: npt.NDArray[np.uint8] | None = None
        if num_bytes <= cache_megabytes * 1_000_000:
            self._pixels = self._mapped(num_bytes, cache_megabytes * 1_000_000)
        elif cache_megabytes:
            _log.warning(
                "decoded crops need %s, more than train.sampling.cache_megabytes (%d): they are decoded at each use",
                megabytes(num_bytes), cache_megabytes,
            )  # fmt: skip

    def _mapped(self, num_bytes: int, limit_bytes: int) -> npt.NDArray[np.uint8]:
        digest = self._digest()
        path = cached_file(
            f"{digest[:40]}.crops",
            _HEADER_BYTES + num_bytes,
            lambda target: self._write(target, digest),
            what="the file of decoded crops",
            without="set train.sampling.cache_megabytes to 0, which decodes crops at each use",
        )
        with path.open("rb") as stream:
            whole = os.fstat(stream.fileno()).st_size == _HEADER_BYTES + num_bytes
            if not whole or stream.read(_HEADER_BYTES) != digest.encode():
                raise InputError(f"{path}: contains other crops than its name says; remove it, and run again")
        remove_unused("*.crops", limit_bytes, keep=path)
        shape = (len(self._images), self._size_px, self._size_px, 3)
        return np.memmap(path, np.uint8, "r", offset=_HEADER_BYTES, shape=shape)

    def _digest(self) -> str:
        digest = hashlib.sha256(f"{artifact_digest(self._groups.folder)} {self._size_px} ".encode())
        digest.update(self._images.astype("<i8").tobytes())
        return digest.hexdigest()

    def _write(self, path: Path, digest: str) -> None:
        """Decode all images in threads, and write them in order."""
        with path.open("wb") as stream, ThreadPoolExecutor(num_processes(0), "decode") as pool:
            stream.write(digest.encode())
            for chunk in progress(self._chunks(), "decode", -(-len(self._images) // _CHUNK)):
                for image in pool.map(self._decode, chunk):
                    stream.write(image.tobytes())

    def _chunks(self) -> Iterator[npt.NDArray[np.int64]]:
        for first in range(0, len(self._images), _CHUNK):
            yield self._images[first : first + _CHUNK]

    def _decode(self, index: int) -> Image:
        key = self._groups.images.table.value("key", int(index))
        return resize(self._groups.crops.image(CropRef(key)), self._size_px)

    def take(self, images: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """Return images by their numbers in the artifact, uint8 (B, S, S, 3) RGB."""
        if self._pixels is None:
            return np.stack([self._decode(index) for index in images])
        return np.take(self._pixels, np.searchsorted(self._images, images), axis=0)
