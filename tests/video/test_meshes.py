"""Smoothing of face meshes in time."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.faces.align import align
from swapcore.faces.detect import Box
from swapcore.faces.extract import AlignedFace
from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_IRIS, NUM_LANDMARKS, OUTER_LIPS, RIGHT_EYE
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


@pytest.mark.parametrize("part", [FACE_OVAL, LEFT_IRIS, RIGHT_EYE, OUTER_LIPS])
def test_every_part_trembles_less(part):
    given = faces(40, 0.3)
    before, after = np.stack([face.mesh[:, :2] for face in given]), smoothed(given)
    assert motion_jitter(after[5:, list(part)]) < 0.6 * motion_jitter(before[5:, list(part)])


def test_depth_trembles_less():
    """It gives the pose, by which the source's proportions are turned."""
    rng = np.random.default_rng(2)
    given = faces(40, 0.0)
    noisy = [replace(face, mesh=face.mesh + [0, 0, 1] * rng.normal(0, 0.3, (NUM_LANDMARKS, 1))) for face in given]
    smoother = MeshSmoother()
    before = np.stack([face.mesh for face in noisy])[5:, :, 2:]
    after = np.stack([smoother.smooth(*each).mesh for each in enumerate(noisy)])[5:, :, 2:]
    assert motion_jitter(after) < 0.6 * motion_jitter(before)


@pytest.mark.parametrize("part", [LEFT_IRIS, RIGHT_EYE, OUTER_LIPS])
def test_a_part_that_moves_fast_stays_where_it_was_found(part):
    """A blink, a glance or a word; the rest of the face is smoothed meanwhile."""
    given = faces(20, 0.1)
    for face in given[12:15]:
        face.mesh[list(part), :2] += [0.0, 8.0]
    before, after = np.stack([face.mesh[:, :2] for face in given]), smoothed(given)
    assert np.linalg.norm((after - before)[12:15, list(part)], axis=-1).max() < 2.0
    other = [152, 10, 234, 454]
    assert motion_jitter(after[5:, other]) < 0.7 * motion_jitter(before[5:, other])


def test_steady_motion_is_followed_without_lag():
    given = faces(20, 0.0)
    np.testing.assert_allclose(smoothed(given), np.stack([face.mesh[:, :2] for face in given]), atol=1e-9)


def test_another_shot_starts_again():
    given = faces(20, 0.0, shift_px=12.0)
    np.testing.assert_allclose(smoothed(given), np.stack([face.mesh[:, :2] for face in given]), atol=1e-9)


def test_a_step_in_depth_alone_is_no_other_shot():
    given = faces(20, 0.3)
    stepped = [
        replace(face, mesh=face.mesh + np.array([0, 0, 12.0 * (frame >= 10)])) for frame, face in enumerate(given)
    ]
    np.testing.assert_allclose(smoothed(stepped), smoothed(given), atol=1e-9)


@pytest.mark.parametrize("gap", [2, 5])
def test_after_a_gap_smoothing_starts_again(gap):
    first, second = faces(2, 0.5)
    smoother = MeshSmoother()
    smoother.smooth(0, first)
    assert smoother.smooth(gap, replace(second, mesh=None)).mesh is None
    np.testing.assert_allclose(smoother.smooth(gap + 1, second).mesh, second.mesh, atol=1e-9)
