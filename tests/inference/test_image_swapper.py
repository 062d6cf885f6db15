"""Swaps in whole images: choice of faces, formats, metadata, and errors in one line."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from swapcore.errors import FaceError, ImageError, InputError
from swapcore.inference.finding import select_faces
from swapcore.inference.image_swapper import swap
from swapcore.ops.geometry import apply, invert
from swapcore.ops.image import Image, encode_png
from tests.drawn_photographs import draw_face


def eyes_of(face) -> np.ndarray:
    return apply(invert(face.affine), face.points[:2]).mean(0)


def test_only_the_face_changes_and_the_size_is_the_templates(swapper, photographs):
    swapped = swapper.swap(photographs / "source.png", photographs / "template.png", "one")
    template = cv2.imread(str(photographs / "template.png"))[..., ::-1]
    assert swapped.image.shape == template.shape
    change = np.abs(swapped.image.astype(int) - template).max(-1)
    eyes = eyes_of(swapped.faces[0])
    distance = np.hypot(*(np.mgrid[:400, :400][::-1] - eyes[:, None, None]))
    assert change[distance < 40].mean() > 3
    assert change[distance > 2.9 * 70].max() == 0
    assert [(item.role, item.name) for item in swapped.provenance.ingredients] == [
        ("source", "source.png"),
        ("template", "template.png"),
    ]


@pytest.mark.parametrize(("choice", "replaced"), [("all", [0, 1]), ("largest", [0]), (1, [0]), (2, [1])])
def test_the_chosen_faces_are_replaced(swapper, photographs, two_faces, choice, replaced):
    swapped = swapper.swap(photographs / "source.png", photographs / "two.png", choice)
    change = np.abs(swapped.image.astype(int) - two_faces).max(-1)
    halves = [change[:, :320].max() > 0, change[:, 320:].max() > 0]
    assert [place for place, changed in enumerate(halves) if changed] == replaced
    assert len(swapped.faces) == len(replaced)


def test_small_faces_next_to_a_large_one_are_found(swapper):
    ground = np.full((700, 1000, 3), 190, np.uint8)
    image, _ = draw_face(1, into=ground, center=(0.3, 0.45), eye_distance_px=130)
    image, _ = draw_face(2, into=image, center=(0.85, 0.3), eye_distance_px=24)
    faces = select_faces(image, "all", 64, Path("two.png"))
    distances = [float(np.linalg.norm(np.diff(apply(invert(face.affine), face.points[:2]), axis=0))) for face in faces]
    assert distances == pytest.approx([130, 24], rel=0.2)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_is_applied_and_metadata_is_dropped(model, photographs, tmp_path, orientation):
    upright = PIL.Image.open(photographs / "template.png")
    turned = upright.rotate({1: 0, 3: 180, 6: 90, 8: -90}[orientation], expand=True)
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = orientation, "Camera of Ada", {1: "N", 2: (51.0, 30.0, 0.0)}
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    out = tmp_path / "out.jpg"
    swapped = swap(photographs / "source.png", tmp_path / "turned.jpg", out, model=model)
    reference = swap(photographs / "source.png", photographs / "template.png", model=model)
    assert np.abs(swapped.image.astype(int) - reference.image).mean() < 3
    data = out.read_bytes()
    assert b"Camera of Ada" not in data
    with PIL.Image.open(out) as written:
        assert written.size == upright.size
        assert not set(written.getexif()) & {0x0112, 0x8825}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_result_is_written_in_each_format(model, photographs, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    swapped = swap(photographs / "source.png", photographs / "template.png", out, model=model)
    with PIL.Image.open(out) as written:
        assert np.abs(np.asarray(written.convert("RGB")).astype(int) - swapped.image).mean() < 3


def bomb() -> bytes:
    """A small PNG with 20,000 x 20,000 px in its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


def small_face() -> Image:
    """A face that is detected, with eyes 17 px apart."""
    return cv2.resize(draw_face(3, size_px=400)[0], (97, 97), interpolation=cv2.INTER_AREA)


BAD = {
    "no_face": (encode_png(np.full((200, 200, 3), 90, np.uint8)), "no face was found", "no-face"),
    "too small": (encode_png(small_face()), "px", "too-small"),
    "cut off": (encode_png(draw_face(1)[0])[:3000], "cut off or damaged", "truncated"),
    "text": (b"dear photograph\n" * 20, "none of JPEG", "not-an-image"),
    "empty": (b"", "no bytes", "empty"),
    "a bomb": (bomb(), "20000 x 20000 px", "too-large"),
}


@pytest.mark.parametrize("role", ["source", "template"])
@pytest.mark.parametrize(("data", "problem", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_one_line_that_names_it(swapper, photographs, tmp_path, role, data, problem, reason):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(data)
    good = photographs / "template.png"
    with pytest.raises((FaceError, ImageError)) as caught:
        swapper.swap(bad, good, "one") if role == "source" else swapper.swap(good, bad, "one")
    assert caught.value.reason == reason
    assert str(bad) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "template", "choice", "reason"),
    [
        ("two", "template", "one", "several-faces"),
        ("source", "two", "one", "several-faces"),
        ("source", "two", 3, "no-such-face"),
        ("missing", "template", "one", "unreadable"),
    ],
)
def test_the_wrong_number_of_faces_is_refused(swapper, photographs, source, template, choice, reason):
    with pytest.raises((FaceError, ImageError)) as caught:
        swapper.swap(photographs / f"{source}.png", photographs / f"{template}.png", choice)
    assert caught.value.reason == reason


def test_a_profile_is_refused(swapper, tmp_path):
    from swapcore.synth.attributes import NEUTRAL
    from swapcore.synth.identity import draw_identity
    from swapcore.synth.render import render

    person = draw_identity(np.random.default_rng(4))
    path = tmp_path / "profile.png"
    path.write_bytes(encode_png(render(person, NEUTRAL.but(yaw_deg=85.0), 512).image))
    with pytest.raises(FaceError) as caught:
        swapper.swap(path, path)
    assert caught.value.reason in {"no-face", "turned"}


def test_an_existing_result_is_refused_before_any_work(photographs, tmp_path):
    out = tmp_path / "there.png"
    out.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists already"):
        swap(photographs / "source.png", photographs / "template.png", out, model=tmp_path / "not opened")
    assert out.read_bytes() == b"precious"
