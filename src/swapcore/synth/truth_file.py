"""Part masks and depth of rendered images, packed as truth.tar."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from swapcore.errors import ArtifactError
from swapcore.files import Closeable
from swapcore.synth.layers import Part
from swapcore.synth.render import Picture

TRUTH = "truth.tar"
DEPTH_UNIT_CM = 0.01
"""One step of the depth picture: a tenth of a millimetre; no scene reaches the 655 cm that 16 bits hold."""
_NOTHING = 0
"""Depth of the background."""
_PARTS, _DEPTH = ".parts.png", ".depth.png"
_PALETTE = (
    (0, 0, 0), (230, 190, 160), (150, 110, 90), (90, 50, 20), (255, 255, 255), (220, 60, 80),
    (110, 0, 20), (250, 150, 110), (60, 60, 70), (120, 90, 60), (200, 150, 120), (70, 110, 200),
    (40, 200, 220), (150, 60, 180),
)  # fmt: skip
"""RGB of each Part, for people who open the mask; the values of its pixels are the Part's numbers."""


@dataclass(frozen=True)
class Truth:
    """The masks and the depth of one picture."""

    parts: npt.NDArray[np.uint8]
    """(S, S) values of Part."""
    depth: npt.NDArray[np.float32]
    """(S, S) cm from the camera along its axis, to half a DEPTH_UNIT_CM; infinite in the background."""


def encode_parts(parts: npt.NDArray[np.uint8]) -> bytes:
    """An indexed PNG whose pixels are values of Part (S, S)."""
    picture = PillowImage.fromarray(parts, mode="P")
    picture.putpalette([value for color in _PALETTE for value in color])
    return _png(picture)


def encode_depth(depth: npt.NDArray[np.float32]) -> bytes:
    """A 16-bit gray PNG of depth (S, S) in cm, in steps of DEPTH_UNIT_CM; 0 is the background."""
    steps = np.where(np.isfinite(depth), np.rint(depth.astype(np.float64) / DEPTH_UNIT_CM), _NOTHING)
    return _png(PillowImage.fromarray(steps.astype(np.uint16)))


def _png(picture: PillowImage.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def decode_truth(parts: bytes, depth: bytes) -> Truth:
    """What encode_parts and encode_depth wrote."""
    steps = np.asarray(PillowImage.open(io.BytesIO(depth))).astype(np.float64)
    far = np.where(steps == _NOTHING, np.inf, steps * DEPTH_UNIT_CM).astype(np.float32)
    return Truth(np.asarray(PillowImage.open(io.BytesIO(parts)), dtype=np.uint8), far)


@dataclass(frozen=True)
class TruthFiles:
    """The encoded truth of one picture, light enough to be handed from one process to another."""

    file: str
    """The picture's, person/number.png."""
    parts: bytes
    depth: bytes

    @classmethod
    def of(cls, file: str, picture: Picture) -> Self:
        """Encode a picture's masks and depth."""
        return cls(file, encode_parts(picture.parts), encode_depth(picture.depth))


class TruthWriter(Closeable):
    """Appends to truth.tar; the same truth in the same order gives the same bytes."""

    def __init__(self, folder: Path) -> None:
        self._tar = tarfile.open(folder / TRUTH, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  # closed by close()

    def add(self, truth: TruthFiles) -> None:
        """Append one picture's two members, PERSON/NUMBER.parts.png and PERSON/NUMBER.depth.png."""
        for ending, data in ((_PARTS, truth.parts), (_DEPTH, truth.depth)):
            member = tarfile.TarInfo(truth.file.removesuffix(".png") + ending)
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        """Close the file."""
        self._tar.close()


def read_truth(folder: Path) -> Iterator[tuple[str, Truth]]:
    """Every picture's file and truth, in the order of parameters.parquet.

    Raises:
        ArtifactError: truth.tar is missing or damaged.
    """
    path = folder / TRUTH
    try:
        with tarfile.open(path) as tar:
            while (member := tar.next()) is not None:
                parts, depth = (_content(tar, each) for each in (member, tar.next()))
                yield member.name.removesuffix(_PARTS) + ".png", decode_truth(parts, depth)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; synthesize with write_truth: true") from None
    except (OSError, tarfile.TarError) as error:
        raise ArtifactError(f"{path}: is damaged ({error}); synthesize again") from None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes:
    stream = tar.extractfile(member) if member else None
    if stream is None:
        raise tarfile.ReadError("a picture has a mask without a depth")
    return stream.read()


def facts() -> dict[str, Any]:
    """What the card says of truth.tar."""
    return {
        "truth": {
            "file": TRUTH,
            "parts": {part.name.lower(): int(part) for part in Part},
            "depth_unit_cm": DEPTH_UNIT_CM,
            "depth_of_background": _NOTHING,
        }
    }
