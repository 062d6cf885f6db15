"""Decoding of one image file to upright RGB."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.data.images import decode_photograph, read_photograph
from swapcore.errors import ImageError

LIMIT = 100.0


def scene(height=64, width=96):
    """Red top-left, green top-right, blue bottom-left, white bottom-right: every turn and flip shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 30, 30)
    image[: height // 2, width // 2 :] = (30, 200, 30)
    image[height // 2 :, : width // 2] = (30, 30, 200)
    image[height // 2 :, width // 2 :] = (230, 230, 230)
    return image


def encoded(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def decode(data, max_megapixels=LIMIT):
    return decode_photograph(data, Path("photo.jpg"), max_megapixels)


def reason_of(data, max_megapixels=LIMIT):
    with pytest.raises(ImageError) as error:
        decode(data, max_megapixels)
    assert "\n" not in str(error.value)
    return error.value.reason


RGB = PIL.Image.fromarray(scene())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_formats(kind):
    image = decode(encoded(RGB, kind))
    assert image.dtype == np.uint8
    assert image.shape == (64, 96, 3)
    assert np.abs(image[16::32, 24::48].astype(int) - scene()[16::32, 24::48]).max() <= 12


def test_read_gives_the_hash_of_the_bytes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(RGB, "PNG"))  # wrongly named, used all the same
    photograph = read_photograph(tmp_path / "a.jpg", LIMIT)
    np.testing.assert_array_equal(photograph.image, scene())
    assert len(photograph.sha256) == 64


def test_cmyk():
    image = decode(encoded(RGB.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(image[16::32, 24::48].astype(int) - scene()[16::32, 24::48]).max() <= 12


def test_16_bit_gray_keeps_the_upper_8():
    gray = (scene()[..., 0].astype(np.uint16) << 8) + 77
    for kind in ("PNG", "TIFF"):
        image = decode(encoded(PIL.Image.fromarray(gray), kind))
        np.testing.assert_array_equal(image, np.repeat(scene()[..., :1], 3, -1))


def test_16_bit_rgb_png():
    rows = np.ascontiguousarray((scene().astype(">u2") << 8) + 99, dtype=">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 96, 64, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode(png), scene())


def test_gray_bilevel_and_palette():
    for mode in ("L", "1", "P"):
        assert decode(encoded(RGB.convert(mode), "PNG")).shape == (64, 96, 3)


def test_transparent_parts_lie_on_mid_gray():
    alpha = np.full((64, 96, 1), 255, np.uint8)
    alpha[:32] = 0
    rgba = PIL.Image.fromarray(np.concatenate([scene(), alpha], -1))
    for picture in (rgba, rgba.convert("LA")):
        image = decode(encoded(picture, "PNG"))
        assert (image[:32] == 128).all()
    np.testing.assert_array_equal(decode(encoded(rgba, "PNG"))[32:], scene()[32:])


def test_transparent_color_of_a_palette():
    picture = PIL.Image.new("P", (8, 8), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    assert (decode(encoded(picture, "PNG", transparency=0)) == 128).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honored(orientation):
    stored = {  # how a camera held so stores the upright scene
        1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2), 6: lambda x: np.rot90(x, 1), 7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        8: lambda x: np.rot90(x, -1),
    }[orientation](scene())  # fmt: skip
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(PIL.Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif))
    np.testing.assert_array_equal(image, scene())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame(kind):
    frames = [PIL.Image.new("RGB", (32, 32), color) for color in ("red", "blue", "green")]
    image = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert image.shape == (32, 32, 3)
    assert image[..., 0].min() > 240
    assert image[..., 2].max() < 15


def test_a_bomb_is_refused_before_decoding(monkeypatch):
    bomb = encoded(PIL.Image.new("1", (20_000, 20_000)), "PNG")
    monkeypatch.setattr(PIL.Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert len(bomb) < 100_000
    assert reason_of(bomb) == "too-large"


def test_the_limit_is_exact_and_a_side_has_one_too():
    assert decode(encoded(RGB, "PNG"), 0.006144).shape == (64, 96, 3)
    assert reason_of(encoded(RGB, "PNG"), 0.006143) == "too-large"
    assert reason_of(encoded(PIL.Image.new("L", (40_000, 1)), "PNG")) == "too-large"


@pytest.mark.parametrize("data", [b"holiday in June\n" * 50, b"%PDF-1.4\n", b"\0" * 500, b"<svg/>", b"x"])
def test_what_is_no_image(data):
    assert reason_of(data) == "not-an-image"


def test_float_pixels_have_no_known_range():
    assert reason_of(encoded(PIL.Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")) == "unsupported"


NOISE = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
FILES = {
    kind: encoded(NOISE, kind, **options)
    for kind, options in {
        "JPEG": {}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {"compression": "tiff_lzw"}, "BMP": {}, "GIF": {},
        "AVIF": {}, "HEIF": {},
    }.items()
} | {"JPEG progressive": encoded(NOISE, "JPEG", progressive=True)}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 0.999))
def test_a_cut_off_file_is_refused_or_whole_never_half_gray(kind, share):
    data = FILES[kind]
    reason, image = "", decode(data)
    try:
        image = decode(data[: max(1, int(share * len(data)))])
    except ImageError as error:
        reason = error.reason
    assert reason in {"", "truncated", "not-an-image"}
    np.testing.assert_array_equal(image, decode(data))


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(sorted(FILES)), where=st.floats(0, 1), value=st.integers(0, 255), count=st.integers(1, 40))
def test_a_damaged_file_gives_a_picture_or_an_image_error(kind, where, value, count):
    data = bytearray(FILES[kind])
    start = int(where * (len(data) - 1))
    data[start : start + count] = bytes([value]) * count
    try:
        image = decode(bytes(data), 1.0)
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.shape[2] == 3


def test_an_empty_file(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ImageError, match="no bytes") as error:
        read_photograph(tmp_path / "a.jpg", LIMIT)
    assert error.value.reason == "empty"


def test_what_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("loop.jpg", "pipe.jpg", "folder.jpg", "missing.jpg"):
        with pytest.raises(ImageError) as error:
            read_photograph(tmp_path / name, LIMIT)
        assert error.value.reason == "unreadable", name
    (tmp_path / "locked.jpg").write_bytes(FILES["PNG"])

    def refuse(self, *mode):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"locked\.jpg: cannot be read \(Permission denied\); make the file readable"):
        read_photograph(tmp_path / "locked.jpg", LIMIT)
