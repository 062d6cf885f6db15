"""Embedded color profiles: colors are converted to sRGB wherever an image is read, and results are tagged sRGB."""

import io
import logging
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from icc_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PRO_PHOTO,
    SRGB,
    cmyk_profile,
    from_srgb,
    gray_profile,
    ink_color,
    rgb_profile,
)

from swapcore.data.color_profiles import srgb_profile
from swapcore.data.images import decode_photograph
from swapcore.inference.input_image import read_input
from swapcore.provenance.marking import ENCODINGS, encode

PATCHES = np.array([(230, 20, 20), (20, 200, 30), (30, 40, 230), (230, 220, 20), (128, 128, 128)])
CASES = Path(__file__).parents[3] / "shared" / "cases"
SPACES = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB, "ProPhoto": PRO_PHOTO}


def flat(colors, size=32) -> np.ndarray:
    """A row of squares (size, size * N, C)."""
    return np.repeat(np.repeat(np.round(colors).astype(np.uint8)[None], size, 0), size, 1)


def file_of(pixels, kind="PNG", mode=None, **options) -> bytes:
    stream = io.BytesIO()
    image = PIL.Image.fromarray(pixels, mode) if mode else PIL.Image.fromarray(pixels)
    image.save(stream, kind, **options)
    return stream.getvalue()


def centers(data: bytes) -> np.ndarray:
    return decode_photograph(data, Path("photo"), 1.0)[16, 16::32].astype(int)


@pytest.mark.parametrize("space", SPACES)
def test_wide_spaces_are_converted(space):
    stored = flat(from_srgb(SPACES[space], PATCHES))
    converted = centers(file_of(stored, icc_profile=rgb_profile(SPACES[space])))
    # ProPhoto is so wide that one of its 256 levels is up to six of sRGB.
    assert np.abs(converted - PATCHES).max() <= (7 if space == "ProPhoto" else 3)
    assert np.abs(centers(file_of(stored)) - PATCHES).max() > 20


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_profile_is_honored_in_every_format(kind):
    quality = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}, "HEIF": {"quality": -1},
               "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(kind, {})  # fmt: skip
    data = file_of(flat(from_srgb(DISPLAY_P3, PATCHES)), kind, icc_profile=rgb_profile(DISPLAY_P3), **quality)
    # Lossy formats round colors in their own space; a level there can be several of sRGB.
    assert np.abs(centers(data) - PATCHES).max() <= 12
    assert np.abs(centers(data) - PATCHES).mean() <= 2.5


def test_alpha_and_palettes_keep_their_profile():
    stored = from_srgb(DISPLAY_P3, PATCHES)
    alpha = np.full((32, 160, 1), 255, np.uint8)
    rgba = file_of(np.concatenate([flat(stored), alpha], -1), icc_profile=rgb_profile(DISPLAY_P3))
    assert np.abs(centers(rgba) - PATCHES).max() <= 3
    palette = PIL.Image.fromarray(flat(stored)).quantize(8)
    stream = io.BytesIO()
    palette.save(stream, "PNG", icc_profile=rgb_profile(DISPLAY_P3))
    assert np.abs(centers(stream.getvalue()) - PATCHES).max() <= 4


def test_gray_profiles():
    ramp = flat(np.arange(0, 256, 51)[:, None])[..., 0]
    linear = centers(file_of(ramp, icc_profile=gray_profile(1.0)))
    expected = np.round(255 * (1.055 * (np.arange(0, 256, 51) / 255) ** (1 / 2.4) - 0.055)).clip(0, 255)
    assert np.abs(linear - expected[:, None]).max() <= 2
    deep = file_of(ramp.astype(np.uint16) * 257, icc_profile=gray_profile(1.0))
    assert np.abs(centers(deep) - linear).max() <= 1
    assert np.abs(centers(file_of(ramp, icc_profile=rgb_profile(ADOBE_RGB)))[:, 0] - np.arange(0, 256, 51)).max() < 12


def test_cmyk_profiles():
    inks = np.array([(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 1, 0, 0), (0, 0, 0, 1)])
    data = file_of(flat(inks * 255), "TIFF", mode="CMYK", icc_profile=cmyk_profile())
    relative = ink_color(inks[1:4]) / ink_color(inks[:1]) * 255  # relative colorimetric: paper is white
    found = centers(data)
    assert found[0].min() >= 250
    assert np.abs(found[1:4] - relative).max() <= 25  # paper is adapted in XYZ, not in sRGB
    assert np.abs(found - centers(file_of(flat(inks * 255), "TIFF", mode="CMYK"))).max() > 50


def test_an_srgb_profile_changes_no_pixel():
    noise = np.random.default_rng(0).integers(0, 256, (32, 160, 3), dtype=np.uint8)
    for profile in (srgb_profile(), rgb_profile(SRGB)):
        image = decode_photograph(file_of(noise, icc_profile=profile), Path("photo"), 1.0)
        np.testing.assert_array_equal(image, noise)


@pytest.mark.parametrize(
    "profile",
    [b"no profile", rgb_profile(DISPLAY_P3)[:200], gray_profile(1.0), cmyk_profile(), bytes(300)],
    ids=["text", "cut", "gray", "cmyk", "zeros"],
)
def test_a_profile_that_does_not_fit_is_ignored_with_a_warning(profile, caplog):
    with caplog.at_level(logging.WARNING):
        found = centers(file_of(flat(PATCHES), icc_profile=profile))
    np.testing.assert_array_equal(found, PATCHES)
    assert [record.getMessage().startswith("photo: the color profile is ignored") for record in caplog.records] == [
        True
    ]


def test_images_in_memory_are_converted_too():
    image = PIL.Image.open(
        io.BytesIO(file_of(flat(from_srgb(DISPLAY_P3, PATCHES)), icc_profile=rgb_profile(DISPLAY_P3)))
    )
    assert np.abs(read_input(image, "source").image[16, 16::32].astype(int) - PATCHES).max() <= 3


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_what_is_written_is_tagged_srgb(suffix):
    with PIL.Image.open(io.BytesIO(encode(Path(f"out{suffix}"), flat(PATCHES)))) as written:
        assert written.info["icc_profile"] == srgb_profile()
    assert encode(Path(f"out{suffix}"), flat(PATCHES)) == encode(Path(f"out{suffix}"), flat(PATCHES))


@pytest.mark.skipif(
    not CASES.is_dir(), reason="the collected cases are not part of the repository; the same is made above"
)
@pytest.mark.parametrize("name", ["icc_p3.jpg", "icc_adobe.jpg"])
def test_collected_cases(name):
    image = decode_photograph((CASES / name).read_bytes(), Path(name), 10.0).astype(int)
    for number, color in enumerate(PATCHES[:4]):
        patch = image[20 + 75 * number : 65 + 75 * number, 350:450]
        # JPEG rounded the stored colors; in dark channels one level there is several of sRGB.
        difference = np.abs(patch.mean((0, 1)) - color)
        assert difference[color > 100].max() <= 3
        assert difference.max() <= 7
