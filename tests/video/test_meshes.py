"""Smoothing of face meshes in time."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.faces.align import align
from swapcore.faces.detect import Box
from swapcore.faces.extract import AlignedFace
from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_IRIS, NUM_LANDMARKS, OUTER_LIPS
from swapcore.ops.geometry import apply
from swapcore.video.meshes import MeshSmoother
from swapcore.video.tracks import motion_jitter

EYES_AND_NOSE = np.array([[80.0, 80.0], [120.0, 80.0], [100.0, 104.0]])


def faces(num: int, noise_px: float, shift_px: float = 0.0) -> list[AlignedFace]:
    """A face whose mesh grows wider by 0.2 px a frame, with noise, from a given frame on elsewhere in the crop."""
    rng = np.random.default_rng(0)
    shape = np.random.default_rng(1).uniform(60, 140, (NUM_LANDMARKS, 3))
    affine = align(EYES_AND_NOSE, 64)
    box = Box(60, 60, 140, 140, 1.0)
    found = []
    for frame in range(num):
        mesh = shape.copy()
        mesh[:, :2] += np.linspace(-0.2, 0.2, NUM_LANDMARKS)[:, None] * frame + rng.normal(
            0, noise_px, (NUM_LANDMARKS, 2)
        )
        mesh[:, 0] += shift_px * (frame >= num // 2)
        crop = np.zeros((64, 64, 3), np.uint8)
        found.append(AlignedFace(crop, affine, box, EYES_AND_NOSE, apply(affine, EYES_AND_NOSE), mesh))
    return found


def smoothed(given: list[AlignedFace]) -> np.ndarray:
    smoother = MeshSmoother()
    return np.stack([smoother.smooth(frame, face).mesh[:, :2] for frame, face in enumerate(given)])


def test_the_outline_trembles_less_and_lips_and_irises_are_kept():
    given = faces(40, 0.5)
    before, after = np.stack([face.mesh[:, :2] for face in given]), smoothed(given)
    oval, fast = list(FACE_OVAL), [*LEFT_IRIS, *OUTER_LIPS]
    assert motion_jitter(after[5:, oval]) < 0.6 * motion_jitter(before[5:, oval])
    np.testing.assert_allclose(after[:, fast], before[:, fast], atol=1e-9)


def test_steady_motion_is_followed_without_lag():
    given = faces(20, 0.0)
    np.testing.assert_allclose(smoothed(given), np.stack([face.mesh[:, :2] for face in given]), atol=1e-9)


def test_another_shot_starts_again():
    given = faces(20, 0.0, shift_px=12.0)
    np.testing.assert_allclose(smoothed(given), np.stack([face.mesh[:, :2] for face in given]), atol=1e-9)


@pytest.mark.parametrize("gap", [2, 5])
def test_after_a_gap_smoothing_starts_again(gap):
    first, second = faces(2, 0.5)
    smoother = MeshSmoother()
    smoother.smooth(0, first)
    assert smoother.smooth(gap, replace(second, mesh=None)).mesh is None
    np.testing.assert_allclose(smoother.smooth(gap + 1, second).mesh, second.mesh, atol=1e-9)
