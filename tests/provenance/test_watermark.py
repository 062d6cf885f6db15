"""The watermark after common edits, its visibility, false alarms, and its code."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.ops.image import Image
from swapcore.provenance.watermark import MIN_SIDE_PX, THRESHOLD, embed, read
from swapcore.provenance.watermark_code import NUM_CHIPS, PAYLOAD_BITS, from_chips, to_chips

PAYLOAD = 0x9ABCDEF
Edit = Callable[[Image], Image]


def scene(height: int = 384, width: int = 480, seed: int = 0) -> Image:
    """An image with the spectrum of photographs: power falls with the square of the frequency."""
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    spectrum = np.fft.rfft2(generator.standard_normal((height, width))) / np.maximum(frequency, 1)
    plane = np.fft.irfft2(spectrum, (height, width))
    gray = 128 + 45 * plane / plane.std()
    return np.clip(gray[..., None] + np.array([12, 0, -12]), 0, 255).astype(np.uint8)


def jpeg(quality: int) -> Edit:
    return lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def resized(factor: float) -> Edit:
    return lambda image: cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def rotated(degrees: float) -> Edit:
    def turn(image: Image) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)

    return turn


EDITS: dict[str, Edit] = {
    "nothing": lambda image: image,
    "JPEG 90": jpeg(90),
    "JPEG 50": jpeg(50),
    "half size": resized(0.5),
    "larger": resized(1.37),
    "10 % cut off": lambda image: image[12:358, 30:462],
    "half cut off": lambda image: image[:, 200:],
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=0.8, beta=40),
    "mirrored": lambda image: image[:, ::-1],
    "rotated by 1 degree": rotated(1),
    "rotated, cut, JPEG 75": lambda image: jpeg(75)(rotated(-2.4)(image)[20:-30, 30:-10]),
    "mirrored and rotated": lambda image: rotated(1.7)(np.ascontiguousarray(image[:, ::-1])),
    "in a wider frame": lambda image: cv2.copyMakeBorder(image, 60, 100, 90, 70, cv2.BORDER_CONSTANT, value=(250,) * 3),
}


@pytest.fixture(scope="module")
def marked() -> Image:
    return embed(scene(), PAYLOAD)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_it_is_read_after(edit: Edit, marked: Image) -> None:
    reading = read(np.ascontiguousarray(edit(marked)))
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert reading.confidence > THRESHOLD


@pytest.mark.parametrize("size", [(384, 480), (700, 300), (MIN_SIDE_PX, 200)])
def test_the_change_is_small(size: tuple[int, int]) -> None:
    image = scene(*size, seed=1)
    marked = embed(image, PAYLOAD)
    change = marked.astype(float) - image
    assert 10 * np.log10(255**2 / np.mean(change**2)) > 40.4
    assert np.abs(change).max() <= 20
    assert read(marked) is not None


def test_the_mark_is_deterministic(marked: Image) -> None:
    assert np.array_equal(embed(scene(), PAYLOAD), marked)


def test_no_false_alarms() -> None:
    assert [read(scene(256, 256, seed)) for seed in range(4)] == [None] * 4
    assert read(np.full((300, 300, 3), 255, np.uint8)) is None
    assert read(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)) is None


def test_tiny_images_are_unchanged() -> None:
    image = scene(MIN_SIDE_PX - 1, 400)
    assert embed(image, PAYLOAD) is image
    assert read(image) is None
    assert read(np.zeros((1, 1, 3), np.uint8)) is None


def test_the_lattice_is_frozen() -> None:
    """Another order of waves would make old marks unreadable."""
    from swapcore.provenance import watermark

    assert len(watermark._VECTORS) == 594
    assert watermark._VECTORS[:4].tolist() == [[-14, 3], [-6, 6], [3, 16], [5, 3]]


@pytest.mark.faces
@pytest.mark.skipif(not os.environ.get("SWAPCORE_FACES"), reason="SWAPCORE_FACES is not set")
def test_photographs_keep_the_mark_and_give_no_false_alarm() -> None:
    paths = sorted(Path(os.environ["SWAPCORE_FACES"]).rglob("*.jpg"))[::28]
    assert paths
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        assert read(image) is None
        reading = read(jpeg(50)(embed(image, PAYLOAD)))
        assert reading is not None
        assert reading.payload == PAYLOAD


def test_the_code_corrects_a_fifth_of_flipped_chips() -> None:
    generator = np.random.default_rng(0)
    for payload in (0, 1, PAYLOAD, (1 << PAYLOAD_BITS) - 1):
        chips = to_chips(payload)
        assert chips.shape == (NUM_CHIPS,)
        assert set(chips) <= {-1.0, 1.0}
        noisy = chips.copy()
        noisy[generator.permutation(NUM_CHIPS)[: NUM_CHIPS // 5]] *= -1
        assert from_chips(noisy * 0.01) == payload


def test_noise_is_not_decoded() -> None:
    generator = np.random.default_rng(0)
    assert [from_chips(generator.standard_normal(NUM_CHIPS)) for _ in range(200)].count(None) == 200


@pytest.mark.parametrize("payload", [-1, 1 << PAYLOAD_BITS])
def test_a_payload_of_too_many_bits_is_refused(payload: int) -> None:
    with pytest.raises(ValueError, match="28 bits"):
        to_chips(payload)


def test_the_mark_follows_local_activity() -> None:
    """A smooth half, as of a wall, gets 0.4 gray levels at most; the busy half carries the mark."""
    image = scene(512, 512)
    image[:, :256] = 200 + np.random.default_rng(0).normal(0, 0.6, (512, 256, 1)).round().astype(np.uint8)
    marked = embed(image, 12345)
    change = marked.astype(float) - image
    assert change[40:-40, 40:200].std() < 0.45
    assert change[40:-40, 300:-40].std() > 1.2
    found = read(marked)
    assert found is not None
    assert found.payload == 12345
