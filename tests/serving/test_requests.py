"""Requests and responses: order, formats, marks, and errors that name the field."""

import base64
import hashlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from swapcore.errors import UserError
from swapcore.ops.image import decode
from swapcore.provenance.manifest import read
from swapcore.provenance.payload import Payload, from_bits
from swapcore.provenance.watermark import read as read_watermark
from swapcore.serving.requests import (
    BATCH_SIZE,
    MAX_PAIRS,
    SwapRequest,
    read_choice,
    read_image,
    respond,
    to_base64,
)
from tests.drawn_photographs import draw_face


def make_image(size_px: int, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def test_responses_keep_the_order_of_the_requests_over_several_batches(swapper):
    pairs = [(make_image(64, i), make_image(64, 100 + i)) for i in range(BATCH_SIZE + 3)]
    requests = [SwapRequest(source=to_base64(s), template=to_base64(t), aligned=True) for s, t in pairs]
    responses = [decode(base64.b64decode(text)) for text in respond(swapper, requests)]
    assert len(responses) == len(pairs)
    expected = swapper.model.swap_crops(*(np.stack(side) for side in zip(*pairs, strict=True)))
    assert np.abs(np.stack(responses).astype(int) - expected).max() <= 1
    assert respond(swapper, []) == []


def test_any_format_is_read():
    for extension in (".jpg", ".png", ".webp", ".bmp", ".tiff"):
        data = cv2.imencode(extension, make_image(150)[..., ::-1])[1].tobytes()
        read = read_image(base64.b64encode(data).decode(), "source")
        assert np.abs(read.astype(int) - make_image(150)).mean() < 5


def test_aligned_crops_are_resized_to_the_models_size(swapper):
    request = SwapRequest(source=to_base64(make_image(150)), template=to_base64(make_image(200)), aligned=True)
    size_px = swapper.model.size_px
    assert decode(base64.b64decode(respond(swapper, [request])[0])).shape == (size_px, size_px, 3)


def test_images_and_crops_can_be_mixed_and_images_keep_their_size(swapper, two_faces):
    source = to_base64(draw_face(5)[0])
    crops = SwapRequest(source=to_base64(make_image(64)), template=to_base64(make_image(64, 1)), aligned=True)
    photographs = [SwapRequest(source=source, template=to_base64(two_faces), face=face) for face in ("all", "1")]
    first, aligned, second = (
        decode(base64.b64decode(text)) for text in respond(swapper, [photographs[0], crops, photographs[1]])
    )
    assert first.shape == second.shape == two_faces.shape
    assert np.array_equal(aligned, swapper.model.swap_crops(make_image(64)[None], make_image(64, 1)[None])[0])
    middle = two_faces.shape[1] // 2
    assert_alike(first[:, :middle], second[:, :middle])
    assert_alike(second[:, middle:], two_faces[:, middle:])
    assert np.abs(first[:, middle:].astype(int) - two_faces[:, middle:]).max() > MAX_MARK


MAX_MARK = 30
"""Upper bound of the watermark's change of a pixel; its root mean square is at most 2.4 gray levels."""


def assert_alike(first, second):
    """Check that two images differ by the watermark at most."""
    apart = np.abs(first.astype(int) - second)
    assert apart.max() <= MAX_MARK
    assert apart.mean() < 3


def test_a_response_is_marked_with_model_and_inputs(swapper):
    request = SwapRequest(source=to_base64(draw_face(5)[0]), template=to_base64(draw_face(6)[0]))
    data = base64.b64decode(respond(swapper, [request])[0])
    manifest = read(data, "image/png")
    assert manifest.state == "Valid"
    facts = manifest.provenance
    assert (facts.action, facts.model.digest) == ("swapped", swapper.reference.digest)
    sent = {"source": request.source, "template": request.template}
    assert {each.role: each.sha256 for each in facts.ingredients} == {
        role: hashlib.sha256(base64.b64decode(text)).hexdigest() for role, text in sent.items()
    }
    watermark = read_watermark(decode(data))
    assert from_bits(watermark.payload) == Payload("swapped", swapper.reference.digest[:6])


def test_an_aligned_crop_too_small_for_the_watermark_has_the_manifest(swapper):
    request = SwapRequest(source=to_base64(make_image(64)), template=to_base64(make_image(64)), aligned=True)
    assert read(base64.b64decode(respond(swapper, [request])[0]), "image/png").provenance.action == "swapped"


def bomb() -> bytes:
    """A small PNG with 20,000 x 20,000 px in its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG = base64.b64decode(to_base64(np.zeros((64, 64, 3), np.uint8)))
WRONG = {
    "empty": ("", "no bytes"),
    "not base64": ("not base64!", "not base64"),
    "not ASCII": ("é", "not base64"),
    "a data URL": ("data:image/png;base64,AAAA", "without a data: prefix"),
    "no image": (encoded(b"hello, world"), "none of"),
    "cut off": (encoded(PNG[: len(PNG) // 2]), "cut off"),
    "not square": (to_base64(np.zeros((64, 80, 3), np.uint8)), "80 x 64 px, but an aligned crop is square"),
    "a bomb": (encoded(bomb()), "20000 x 20000 px"),
}


@pytest.mark.parametrize("field", ["source", "template"])
@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG.keys())
def test_a_bad_image_is_refused_and_its_field_named(swapper, field, text, problem):
    good = SwapRequest(source=to_base64(make_image(64)), template=to_base64(make_image(64)), aligned=True)
    with pytest.raises(UserError) as caught:
        respond(swapper, [good, good.model_copy(update={field: text})])
    assert f"inputs[1].{field}" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("text", "choice"), [("one", "one"), ("largest", "largest"), ("all", "all"), ("12", 12)])
def test_a_face_is_chosen_by_word_or_number(text, choice):
    assert read_choice(text, "face") == choice


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "left", "9999", "ALL"])
def test_other_words_are_refused(text):
    with pytest.raises(UserError, match=r"inputs\[0\].face: .* is no choice of faces; use one, largest, all, or N"):
        read_choice(text, "inputs[0].face")


def test_too_many_pairs_are_refused_before_any_is_decoded(swapper):
    with pytest.raises(UserError, match=f"send at most {MAX_PAIRS}"):
        respond(swapper, [SwapRequest(source="", template="")] * (MAX_PAIRS + 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "a"},
        {"source": "a", "template": 1},
        {"source": "a", "template": "b", "x": 1},
        {"source": "a", "template": "b", "aligned": "perhaps"},
        {"source": "a", "template": "b", "face": 1},
    ],
)
def test_a_malformed_request_is_refused(wrong):
    with pytest.raises(ValidationError):
        SwapRequest.model_validate(wrong)
