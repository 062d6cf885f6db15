"""Stored mesh landmarks, and artifacts of earlier versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.data.faces import Face, at_size, decode_mesh, encode_mesh


@given(st.integers(0, 2**32 - 1), st.sampled_from([64, 256, 1024]))
def test_stored_landmarks_come_back_within_a_small_part_of_a_pixel(seed, size_px):
    mesh = np.random.default_rng(seed).uniform(-0.5, 1.5, (478, 3)) * size_px
    data = encode_mesh(mesh, np.eye(2, 3), size_px)
    assert len(data) == 478 * 3 * 2
    np.testing.assert_allclose(decode_mesh(data, size_px), mesh, atol=size_px / 2**14 + 1e-9)


def test_landmarks_are_those_of_the_crop_and_depth_is_scaled():
    affine = np.array([[0.0, -2.0, 100.0], [2.0, 0.0, 7.0]])
    mesh = np.zeros((478, 3))
    mesh[0] = (10, 20, -5)
    assert decode_mesh(encode_mesh(mesh, affine, 256), 256)[0] == pytest.approx([60, 27, -10], abs=0.02)


def test_a_resized_face_has_resized_landmarks():
    mesh = np.full((478, 3), 63.5)
    image = np.zeros((128, 128, 3), np.uint8)
    face = Face("k", "p", "train", "f.png", image, mesh[:5, :2], np.eye(2, 3), np.zeros(3, np.float32), mesh)
    resized = at_size(face, 64)
    assert resized.mesh is not None
    np.testing.assert_allclose(resized.mesh[:, :2], 31.5)
    np.testing.assert_allclose(resized.mesh[:, 2], 63.5 / 2)
