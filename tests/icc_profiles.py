"""ICC profiles computed from their definitions: Display P3, Adobe RGB, ProPhoto, a gray and a CMYK profile."""

import itertools
import struct
from typing import NamedTuple

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


class Space(NamedTuple):
    """Primaries and white as xy, and the exponent of its curve (None = the curve of sRGB)."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]
    gamma: float | None


SRGB = Space((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65, None)
DISPLAY_P3 = Space((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65, None)
ADOBE_RGB = Space((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65, 563 / 256)
PRO_PHOTO = Space((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585), 1.8)


def xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_d50(space: Space) -> np.ndarray:
    """Matrix (3, 3) from linear RGB to XYZ, adapted to D50 after Bradford."""
    columns = np.stack([xyz(*place) for place in (space.red, space.green, space.blue)], 1)
    white = xyz(*space.white)
    matrix = columns * np.linalg.solve(columns, white)
    ratio = (BRADFORD @ D50) / (BRADFORD @ white)
    return np.linalg.inv(BRADFORD) @ np.diag(ratio) @ BRADFORD @ matrix


def decode_curve(space: Space, values: np.ndarray) -> np.ndarray:
    if space.gamma:
        return values**space.gamma
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_curve(space: Space, values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    if space.gamma:
        return values ** (1 / space.gamma)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def from_srgb(space: Space, levels: np.ndarray) -> np.ndarray:
    """Express sRGB levels (..., 3), 0 to 255, in another space; colors must be inside it."""
    linear = decode_curve(SRGB, np.asarray(levels) / 255)
    return 255 * encode_curve(space, linear @ to_d50(SRGB).T @ np.linalg.inv(to_d50(space)).T)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _point(value: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, value))


def _curve(space: Space) -> bytes:
    table = np.round(65535 * decode_curve(space, np.linspace(0, 1, 1024))).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()


def _text(kind: bytes, text: bytes) -> bytes:
    if kind == b"text":
        return b"text\0\0\0\0" + text + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)


def _profile(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text(b"desc", b"made for a test"), b"cprt": _text(b"text", b"CC0"), b"wtpt": _point(D50)} | tags
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    size = place + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02200000, kind, space, connection)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(map(_fixed, D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb_profile(space: Space) -> bytes:
    matrix, curve = to_d50(space), _curve(space)
    tags = {name + b"XYZ": _point(matrix[:, place]) for place, name in enumerate((b"r", b"g", b"b"))}
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags | {name + b"TRC": curve for name in (b"r", b"g", b"b")})


def gray_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": _curve(SRGB._replace(gamma=gamma))})


INKS = {(0, 0, 0): (250, 248, 240), (1, 0, 0): (20, 150, 210), (0, 1, 0): (210, 40, 130), (0, 0, 1): (240, 225, 40)}
"""sRGB of paper and of full inks; mixtures are products."""


def ink_color(cmyk: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) of inks (..., 4) from 0 to 1, at the corners of the cube: the profile's own definition."""
    paper = np.array(INKS[0, 0, 0], float)
    color = np.ones((*np.shape(cmyk)[:-1], 3)) * paper
    for place, key in enumerate(((1, 0, 0), (0, 1, 0), (0, 0, 1))):
        share = np.asarray(cmyk)[..., place, None]
        color = color * (1 - share + share * np.array(INKS[key]) / paper)
    return color * (1 - 0.85 * np.asarray(cmyk)[..., 3, None])


def to_lab(levels: np.ndarray) -> np.ndarray:
    relative = decode_curve(SRGB, np.asarray(levels) / 255) @ to_d50(SRGB).T / D50
    f = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def cmyk_profile() -> bytes:
    """A printer profile whose table has the 16 corners of the ink cube."""
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    lab = to_lab(ink_color(corners))
    stored = np.round(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], 1)).clip(0, 255).astype(np.uint8)
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + b"".join(map(_fixed, np.eye(3).ravel()))
    table += identity * 4 + stored.tobytes() + identity * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table})
