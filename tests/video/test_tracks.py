"""Tracking and smoothing of landmarks."""

import numpy as np
import pytest

from swapcore.faces.detect import Box
from swapcore.video import tracks
from swapcore.video.steadiness import compare
from swapcore.video.tracks import Detection, crop_at, motion_jitter, spans, steady_points, to_tracks

FACE = np.array([[-20.0, 0], [20, 0], [0, 20], [-15, 40], [15, 40]])


def detection(frame: int, x: float, noise: float = 0.0) -> Detection:
    shake = np.random.default_rng(frame).normal(0, noise, FACE.shape) if noise else 0.0
    return Detection(frame, Box(x - 40, 0, x + 40, 80, 1.0), FACE + np.array([x, 50.0]) + shake)


def test_uniform_motion_is_unchanged():
    track = [detection(frame, 100 + 3 * frame) for frame in range(20)]
    steady = steady_points(track)
    for found in track:
        assert np.abs(steady[found.frame] - found.points).max() < 1e-6


def test_jitter_is_reduced():
    noisy = [detection(frame, 100 + 3 * frame, noise=1.0) for frame in range(60)]
    steady = steady_points(noisy)
    before = motion_jitter(np.stack([found.points for found in noisy]))
    after = motion_jitter(np.stack([steady[frame] for frame in range(60)]))
    assert after < 0.2 * before


def test_the_mesh_moves_with_the_smoothed_eyes_and_nose(monkeypatch):
    image = np.zeros((120, 200, 3), np.uint8)
    found = detection(0, 100, noise=1.0)
    mesh = np.column_stack([np.vstack([found.points[:3], found.points[:3].mean(0)]), np.arange(4.0)])
    monkeypatch.setattr(tracks, "is_installed", lambda: True)
    monkeypatch.setattr(tracks, "landmarks_in_box", lambda image, box: mesh if box == found.box else None)
    smoothed = FACE + np.array([100.5, 50.0])
    moved = crop_at(image, smoothed, 64, found).mesh
    np.testing.assert_allclose(moved[:3, :2], smoothed[:3], atol=1e-9)
    np.testing.assert_allclose(moved[3, :2], smoothed[:3].mean(0), atol=1e-9)
    np.testing.assert_allclose(moved[:, 2], mesh[:, 2])
    assert crop_at(image, smoothed, 64, found._replace(box=Box(0, 0, 9, 9, 1.0))).mesh is None
    assert crop_at(image, smoothed, 64).mesh is None


def test_gaps_are_filled():
    steady = steady_points([detection(frame, 100 + 3 * frame) for frame in (0, 1, 2, 5, 6, 7)])
    assert sorted(steady) == list(range(8))
    assert steady[3].mean(0)[0] == pytest.approx(109.0)


def test_a_cut_or_a_long_gap_begins_a_new_track_and_short_tracks_are_dropped():
    still = [detection(frame, 100) for frame in range(5)]
    moved = [detection(frame, 400) for frame in range(5, 10)]
    later = [detection(frame, 400) for frame in range(30, 34)]
    short = [detection(50, 100)]
    tracks = to_tracks([*still, *moved, *later, *short])
    assert [[found.frame for found in track] for track in tracks] == [[*range(5)], [*range(5, 10)], [*range(30, 34)]]


def test_jitter_by_hand():
    assert motion_jitter(np.array([[[0.0, 0]], [[1, 0]], [[2, 0]]])) == 0
    assert motion_jitter(np.array([[[0.0, 0]], [[1, 0]], [[0, 0]]])) == pytest.approx(2.0)


def test_spans_are_runs():
    assert list(spans([7, 1, 2, 3, 8, 12])) == [(1, 3), (7, 8), (12, 12)]


def test_steadiness_uses_only_runs_with_both_faces():
    still = dict.fromkeys(range(20), FACE + 100)
    moving = {frame: FACE + np.array([3.0 * frame, 0]) for frame in range(20)}
    shaking = {frame: FACE + (frame % 2) for frame in [*range(6), 9, 10, 11, 12, 15]}  # 1 px back and forth
    found = compare(shaking, still)
    assert found is not None
    assert (found.num_frames, found.template_px) == (10, 0)
    assert found.swapped_px == pytest.approx(2 * np.sqrt(2))
    assert compare(moving, shaking).ratio == pytest.approx(0)
    assert compare(moving, {0: FACE, 1: FACE, 5: FACE}) is None
