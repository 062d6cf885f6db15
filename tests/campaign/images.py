"""Good and bad image files of every kind, from a seed."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import PIL.Image

from swapcore.data import images  # registers the HEIC decoder
from tests.drawn_photographs import draw_face
from tests.icc_profiles import ADOBE_RGB, DISPLAY_P3, cmyk_profile, gray_profile, rgb_profile

Rng = np.random.Generator
Make = Callable[[Rng], bytes]
FORMATS = images.FORMATS
SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "GIF": ".gif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}


def picture(rng: Rng) -> PIL.Image.Image:
    """A drawn face, or noise, which takes no time to reject."""
    if rng.random() < 0.1:
        return PIL.Image.fromarray(draw_face(int(rng.integers(50)), size_px=160, eye_distance_px=36)[0])
    height, width = (int(side) for side in rng.integers(8, 96, 2))
    return PIL.Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def of_format(kind: str) -> Make:
    return lambda rng: encoded(picture(rng), kind)


def in_mode(mode: str, kind: str) -> Make:
    return lambda rng: encoded(picture(rng).convert(mode), kind)


def with_profile(mode: str, profile: bytes, kind: str = "JPEG") -> Make:
    return lambda rng: encoded(picture(rng).convert(mode), kind, icc_profile=profile)


def truncated(kind: str) -> Make:
    """Cut at a structure: after a chunk, segment, box or directory, or in its header."""

    def make(rng: Rng) -> bytes:
        data = encoded(picture(rng), kind)
        marks = {"JPEG": b"\xff", "PNG": b"ID", "WEBP": b"VP8", "TIFF": b"\x01\x00", "GIF": b"\x2c", "BMP": b"\0\0",
                 "AVIF": b"\0\0\0", "HEIF": b"\0\0\0"}  # fmt: skip
        places = [place for place in range(len(data)) if data.startswith(marks[kind], place)] or [len(data) // 2]
        return data[: int(rng.choice(places)) + int(rng.integers(0, 6))]

    return make


def flipped(kind: str) -> Make:
    """Bits flipped, mostly in the header."""

    def make(rng: Rng) -> bytes:
        data = bytearray(encoded(picture(rng), kind))
        for _ in range(int(rng.integers(1, 9))):
            place = int(rng.integers(12, min(len(data), 400) if rng.random() < 0.7 else len(data)))
            data[place] ^= 1 << int(rng.integers(8))
        return bytes(data)

    return make


def spliced(kind: str) -> Make:
    """A piece repeated, removed or replaced by zeros."""

    def make(rng: Rng) -> bytes:
        data = encoded(picture(rng), kind)
        first, last = sorted(int(place) for place in rng.integers(8, len(data), 2))
        middle = (data[first:last] * 2, b"", bytes(last - first))[int(rng.integers(3))]
        return data[:first] + middle + data[last:]

    return make


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(rng: Rng) -> bytes:
    side = int(rng.integers(15_000, 2**31 - 1))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def text_bomb(rng: Rng) -> bytes:
    data = encoded(picture(rng), "PNG")
    return data[:33] + chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(5_000_000))) + data[33:]


def profile_bomb(rng: Rng) -> bytes:
    data = encoded(picture(rng), "PNG")
    return data[:33] + chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(5_000_000))) + data[33:]


def gif_bomb(rng: Rng) -> bytes:
    return b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + encoded(picture(rng), "GIF")[10:]


def tiff_bomb(rng: Rng) -> bytes:
    entries = [
        (256, 4, 1, 10**9),
        (257, 4, 1, 10**9),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 100),
    ]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + body + bytes(100)


def tiff_loop(rng: Rng) -> bytes:
    """The directory names itself as the next one."""
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, 8),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 64),
    ]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 8) + bytes(64)


def with_exif(*, size: int = 0, damaged: bool = False) -> Make:
    def make(rng: Rng) -> bytes:
        exif = PIL.Image.Exif()
        exif[0x0112] = int(rng.integers(0, 12))
        exif[0x010E] = "x" * size
        data = bytearray(exif.tobytes())
        if damaged:
            for place in rng.integers(6, len(data), 6):
                data[int(place)] ^= 0xFF
        return encoded(picture(rng), str(rng.choice(["JPEG", "WEBP", "PNG"])), exif=bytes(data))

    return make


def animation(kind: str) -> Make:
    def make(rng: Rng) -> bytes:
        first = picture(rng)
        return encoded(first, kind, save_all=True, append_images=[PIL.Image.new("RGB", first.size)] * 3)

    return make


def deep(rng: Rng) -> bytes:
    gray = rng.integers(0, 65_536, (20, 30), dtype=np.uint16)
    return encoded(PIL.Image.fromarray(gray), "PNG")


IMAGES: dict[str, Make] = {
    **{f"good {kind}": of_format(kind) for kind in FORMATS},
    **{f"truncated {kind}": truncated(kind) for kind in FORMATS},
    **{f"flipped bits {kind}": flipped(kind) for kind in FORMATS},
    **{f"spliced {kind}": spliced(kind) for kind in FORMATS},
    "gray": in_mode("L", "JPEG"), "bilevel": in_mode("1", "TIFF"), "palette": in_mode("P", "PNG"), "CMYK": in_mode("CMYK", "JPEG"),
    "alpha": in_mode("RGBA", "PNG"), "gray with alpha": in_mode("LA", "PNG"), "YCbCr TIFF": in_mode("YCbCr", "TIFF"),
    "LAB": in_mode("LAB", "TIFF"), "float TIFF": in_mode("F", "TIFF"), "16 bit": deep,
    "Display P3": with_profile("RGB", rgb_profile(DISPLAY_P3)), "Adobe RGB HEIC": with_profile("RGB", rgb_profile(ADOBE_RGB), "HEIF"),
    "gray profile": with_profile("L", gray_profile(1.8)), "CMYK profile": with_profile("CMYK", cmyk_profile()),
    "damaged profile": with_profile("RGB", rgb_profile(DISPLAY_P3)[:150]),
    "profile of other channels": with_profile("RGB", cmyk_profile()),
    "EXIF orientation": with_exif(), "huge EXIF": with_exif(size=60_000), "damaged EXIF": with_exif(size=40, damaged=True),
    "animated GIF": animation("GIF"), "animated WebP": animation("WEBP"), "animated PNG": animation("PNG"),
    "multi-page TIFF": animation("TIFF"),
    "PNG bomb": png_bomb, "text bomb": text_bomb, "profile bomb": profile_bomb, "GIF bomb": gif_bomb, "TIFF bomb": tiff_bomb,
    "TIFF loop": tiff_loop,
    "empty": lambda rng: b"", "text": lambda rng: b"dear diary\n" * 9, "HTML": lambda rng: b"<html><body>404</body></html>",
    "zip": lambda rng: b"PK\3\4" + rng.bytes(200), "random bytes": lambda rng: rng.bytes(int(rng.integers(1, 3000))),
    "zeros": lambda rng: bytes(500), "ELF": lambda rng: b"\x7fELF" + rng.bytes(100),
    "only a signature": lambda rng: [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0",
                                     b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif"][int(rng.integers(8))],
}  # fmt: skip
"""Kind -> content of a file."""


def suffix_of(kind: str, rng: Rng) -> str:
    """The right suffix, or with one in five another, or none."""
    if rng.random() < 0.2:
        return str(rng.choice(["", ".jpg", ".PNG", ".jfif", ".jpe", ".heic", ".txt", ".gif", ".webp"]))
    return next((suffix for name, suffix in SUFFIXES.items() if kind.endswith(name)), ".png")
