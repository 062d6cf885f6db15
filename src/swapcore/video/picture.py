"""Conversion between decoded frames and upright RGB images: orientation, pixel shape, color, range."""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from swapcore.ops.image import Image
from swapcore.video.hdr import is_hdr, to_sdr

_log = logging.getLogger(__name__)

_SCALING: Final = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_MIN_HD_HEIGHT_PX: Final = 720
"""Players take the colors of untagged videos for BT.709 from this height, and for BT.601 below."""
_UNSPECIFIED: Final = 2
"""Of matrix, transfer curve and primaries in ITU-T H.273."""
_DEEP: Final = "rgb48le"
_NUM_KINDS: Final = 64
"""More than FFmpeg has kinds of side data; it had 32 in version 8.1."""
_ANY_TIME_BASE: Final = Fraction(1, 1000)
_MAX_STRETCH: Final = 8
"""Ratio of a pixel's sides; larger ones are faults of a file."""


@dataclass(frozen=True)
class PictureFormat:
    """How the pixels of a video become upright images, and how they are written again."""

    stored: tuple[int, int]
    """Width and height of decoded frames, scaled to square pixels."""
    turn: tuple[bool, bool, bool]
    """Whether to transpose, then flip horizontally, then vertically."""
    matrix: int
    """Colorspace of swscale."""
    full_range: bool
    tags: tuple[int, int, int, int]
    """Matrix, transfer curve, primaries (H.273; 2 = unspecified) and range (0 = unspecified) of the written file."""

    @classmethod
    def of(cls, frame: Any, pixel_shape: Fraction | None) -> "PictureFormat":
        """Read the properties of a video's first frame; pixel_shape is width / height of a pixel."""
        hdr = is_hdr(frame.color_trc)
        matrix = int(frame.colorspace)
        if matrix in {_UNSPECIFIED, 0}:
            matrix = Colorspace.ITU709 if frame.height >= _MIN_HD_HEIGHT_PX else Colorspace.SMPTE170M
        tags = (int(frame.colorspace), int(frame.color_trc), int(frame.color_primaries), int(frame.color_range))
        full = _is_full_range(frame)
        if hdr or _is_rgb(frame):
            matrix, full = Colorspace.ITU709, False
            tags = (Colorspace.ITU709, ColorTrc.BT709, ColorPrimaries.BT709, ColorRange.MPEG)
        elif full:
            tags = (*tags[:3], int(ColorRange.JPEG))
        return cls(_square(frame.width, frame.height, pixel_shape), _turn(frame), int(matrix), full, tags)

    @property
    def width(self) -> int:
        """Of upright images, in pixels."""
        return self.stored[1 if self.turn[0] else 0]

    @property
    def height(self) -> int:
        """Of upright images, in pixels."""
        return self.stored[0 if self.turn[0] else 1]

    @property
    def pixel_format(self) -> str:
        """Format of written frames; an odd side needs chroma at full resolution."""
        odd = self.width % 2 or self.height % 2
        return "yuv444p" if odd else "yuv420p"

    def encodable(self, image: Image) -> Any:
        """Convert an upright RGB image to a frame in the original's colors."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        converted = frame.reformat(
            format=self.pixel_format,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=self.matrix,
            dst_color_range=ColorRange.JPEG if self.full_range else ColorRange.MPEG,
            interpolation=_SCALING,
        )
        # The encoder writes the frame's tags; untagged videos stay untagged.
        converted.colorspace, converted.color_trc, converted.color_primaries, converted.color_range = self.tags
        return converted


def _is_rgb(frame: Any) -> bool:
    return bool(frame.format.is_rgb) or frame.format.name == "pal8"


def _is_full_range(frame: Any) -> bool:
    unspecified = int(frame.color_range) == ColorRange.UNSPECIFIED
    return int(frame.color_range) == ColorRange.JPEG or (unspecified and frame.format.name.startswith(("yuvj", "gray")))


def _square(width: int, height: int, pixel_shape: Fraction | None) -> tuple[int, int]:
    """Return the size with square pixels: one side is enlarged, to an even number."""
    shape = Fraction(pixel_shape or 1)
    if shape == 1 or not 1 / _MAX_STRETCH <= shape <= _MAX_STRETCH:
        return width, height
    if shape > 1:
        return 2 * round(width * shape / 2), height
    return width, 2 * round(height / shape / 2)


def _turn(frame: Any) -> tuple[bool, bool, bool]:
    """Read the display matrix: 3 x 3 integers by which players map stored to shown positions."""
    found = next(iter(_with_display_matrix_only(frame).side_data), None)
    if found is None:
        return False, False, False
    (a, b, _), (c, d, _) = np.frombuffer(bytes(found), np.int32)[:6].reshape(2, 3)
    transposed = abs(int(b)) + abs(int(c)) > abs(int(a)) + abs(int(d))
    across, down = (c, b) if transposed else (a, d)
    return transposed, bool(across < 0), bool(down < 0)


def _with_display_matrix_only(frame: Any) -> Any:
    """Return the frame without its other side data.

    PyAV frees named color profiles (of PNG) twice, and knows no side data that is newer than itself (EXIF, VIEW_ID).
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format.name, time_base=_ANY_TIME_BASE
    )
    kept = str(Type.DISPLAYMATRIX.value)
    others = (number for number in map(str, range(_NUM_KINDS)) if number != kept)
    deletions = (graph.add("sidedata", f"mode=delete:type={number}") for number in others)
    graph.link_nodes(source, *deletions, graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


class FrameReader:
    """Converts the frames of one video, which can change their size and colors."""

    def __init__(self, look: PictureFormat, path: Path | None) -> None:
        """path is named in warnings; None gives none."""
        self._look = look
        self._path = path
        self._sizes: set[tuple[int, int]] = set()

    def to_rgb(self, frame: Any) -> Image:
        """Convert a decoded frame to uint8 (H, W, 3) RGB: upright, square pixels, the size of the first frame."""
        self._warn(frame)
        width, height = self._look.stored
        matrix = int(frame.colorspace)
        hdr = is_hdr(frame.color_trc)
        rgb = _is_rgb(frame)
        shown = frame.reformat(
            width=width,
            height=height,
            format=_DEEP if hdr else "rgb24",
            src_colorspace=None if rgb else self._look.matrix if matrix in {_UNSPECIFIED, 0} else matrix,
            src_color_range=None if rgb else ColorRange.JPEG if _is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_SCALING,
        )
        image = to_sdr(shown.to_ndarray(format=_DEEP), frame.color_trc) if hdr else shown.to_ndarray(format="rgb24")
        return self._upright(np.asarray(image, dtype=np.uint8))

    def _upright(self, image: npt.NDArray[np.uint8]) -> Image:
        transposed, across, down = self._look.turn
        if transposed:
            image = image.transpose(1, 0, 2)
        return np.ascontiguousarray(image[:: -1 if down else 1, :: -1 if across else 1])

    def _warn(self, frame: Any) -> None:
        size = (frame.width, frame.height)
        if self._path is None or size in self._sizes:
            return
        if self._sizes:
            _log.warning(
                "%s: the size changes to %d x %d px; its frames are scaled to the first size", self._path, *size
            )
        elif is_hdr(frame.color_trc):
            _log.warning("%s: is HDR; the result is tone-mapped to SDR (BT.709)", self._path)
        self._sizes.add(size)
