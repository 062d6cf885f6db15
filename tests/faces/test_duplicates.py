"""Perceptual hash and near-duplicate detection."""

import cv2
import numpy as np
import pytest
from drawn_photographs import draw_face
from hypothesis import given
from hypothesis import strategies as st

from swapcore.faces.duplicates import find_near_duplicates, hamming_distance, perceptual_hash


def crop(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC)


def test_hash_format():
    digits = perceptual_hash(crop(0))
    assert len(digits) == 16
    assert int(digits, 16).bit_count() == 32  # half of the coefficients exceed the median


def test_brightness_size_and_compression_change_few_bits():
    image = crop(1)
    plain = perceptual_hash(image)
    brighter = np.clip(image * 0.8 + 30, 0, 255).astype(np.uint8)
    smaller = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    packed = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], cv2.IMREAD_COLOR)
    for other in (brighter, smaller, packed):
        assert hamming_distance(plain, perceptual_hash(other)) <= 2


def test_different_images_differ_in_about_half_of_the_bits():
    bits = [hamming_distance(perceptual_hash(crop(0)), perceptual_hash(crop(seed))) for seed in range(1, 20)]
    assert 24 < np.mean(bits) < 40


def test_different_faces_have_different_hashes():
    hashes = [perceptual_hash(cv2.resize(draw_face(person)[0], (256, 256))) for person in range(6)]
    assert len(set(hashes)) == 6


def test_hamming_distance_has_known_values():
    assert hamming_distance("0000000000000000", "8000000000000001") == 2
    assert hamming_distance("ffffffffffffffff", "0000000000000000") == 64


@pytest.mark.parametrize(
    ("bits", "expected"),
    [(-1, {}), (0, {1: 0}), (1, {1: 0, 2: 0}), (2, {1: 0, 2: 0, 3: 0}), (64, {1: 0, 2: 0, 3: 0, 4: 0})],
)
def test_near_duplicates_have_known_values(bits, expected):
    hashes = ["0" * 16, "0" * 16, "0" * 15 + "1", "0" * 15 + "3", "f" * 16]
    assert find_near_duplicates(hashes, bits) == expected


def test_similarity_is_not_transitive():
    """b is similar to a, and c to b but not to a: c is kept."""
    assert find_near_duplicates(["0" * 16, "0" * 15 + "3", "0" * 15 + "f"], 2) == {1: 0}


def test_empty_input_has_no_duplicates():
    assert find_near_duplicates([], 2) == {}


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.integers(-1, 20))
def test_kept_hashes_differ_by_more_than_max_bits(numbers, bits):
    hashes = [f"{number:016x}" for number in numbers]
    repeats = find_near_duplicates(hashes, bits)
    kept = [i for i in range(len(hashes)) if i not in repeats]
    assert all(hamming_distance(hashes[a], hashes[b]) > bits for a in kept for b in kept if a < b)
    assert all(hamming_distance(hashes[a], hashes[b]) <= bits for a, b in repeats.items())


def test_equal_hashes_with_low_cosine_are_kept():
    cosines = np.array([[1.0, 0.9, 0.99], [0.9, 1.0, 0.9], [0.99, 0.9, 1.0]])
    assert find_near_duplicates(["0" * 16] * 3, 0, cosines, 0.985) == {2: 0}
    assert find_near_duplicates(["0" * 16, "f" * 16, "0" * 16], 0, cosines, 0.985) == {2: 0}
    assert find_near_duplicates(["0" * 16, "0" * 16, "f" * 16], 0, cosines, 0.985) == {}
