"""Pasting: place, resolution, detail and color."""

import cv2
import numpy as np
import pytest

from swapcore.faces.align import align, template_points
from swapcore.inference import paste
from swapcore.inference.paste import covered, face_window, keep_color, paste_back
from swapcore.ops.color import skin_color, to_lab
from swapcore.ops.geometry import apply, invert, warp

SIZE_PX = 112


def photograph(height: int = 500, width: int = 640) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.integers(60, 200, (10, 12, 3), dtype=np.uint8), (width, height))
    return np.clip(coarse + rng.normal(0, 6, (height, width, 1)), 0, 255).astype(np.uint8)


def face_at(eye_distance_px: float, turn_deg: float = 12.0) -> np.ndarray:
    """The affine to the crop of a face in the center of the image."""
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (template_points(SIZE_PX) - SIZE_PX / 2) * eye_distance_px / (0.2459 * SIZE_PX)
    return align((points @ turn.T + (320, 250))[:3], SIZE_PX)


@pytest.mark.parametrize("eye_distance_px", [14.0, 90.0])
def test_unchanged_pixels_stay_identical(eye_distance_px):
    image, affine = photograph(), face_at(eye_distance_px)
    crop = warp(image, affine, SIZE_PX)
    assert np.array_equal(paste_back(image, crop, crop, template_points(SIZE_PX), affine), image)


@pytest.mark.parametrize("eye_distance_px", [14.0, 30.0, 90.0])
def test_a_change_is_pasted_at_its_place_and_inside_the_face(eye_distance_px):
    image, affine = photograph(), face_at(eye_distance_px)
    points = template_points(SIZE_PX)
    crop = warp(image, affine, SIZE_PX)
    swapped = crop.copy()
    spot = tuple(int(value) for value in points[2].round())
    cv2.circle(swapped, spot, 5, (255, 0, 0), -1)
    pasted = paste_back(image, crop, swapped, points, affine)
    change = np.abs(pasted.astype(int) - image).sum(-1)
    rows, columns = np.nonzero(change > 40)
    expected = apply(invert(affine), np.array([spot], dtype=np.float64))[0]
    assert np.abs(np.array([columns.mean(), rows.mean()]) - expected).max() < 0.05 * eye_distance_px
    frame = paste_back(image, crop, np.full_like(crop, 255), points, affine)
    eyes = apply(invert(affine), points[:2]).mean(0)
    far = np.hypot(*(np.mgrid[:500, :640][::-1] - eyes[:, None, None])) > 2.9 * eye_distance_px
    assert np.array_equal(frame[far], image[far])


def test_fine_detail_is_kept_where_little_changes_and_removed_where_a_feature_is_replaced():
    image, affine, points = photograph(), face_at(90.0), template_points(SIZE_PX)
    crop = warp(image, affine, SIZE_PX)

    def detail_left(shift: int) -> float:
        swapped = np.clip(crop.astype(int) + shift, 0, 255).astype(np.uint8)
        pasted = paste_back(image, crop, swapped, points, affine)
        middle = (slice(230, 290), slice(290, 350))
        fine = [cv2.Laplacian(each[middle].astype(np.float32), cv2.CV_32F).std() for each in (pasted, image)]
        return float(fine[0] / fine[1])

    assert detail_left(4) > 0.95
    assert detail_left(40) < 0.3


def test_two_step_enlarging_gives_nearly_the_same_image(monkeypatch):
    image, affine, points = photograph(701, 641), face_at(150.0), template_points(SIZE_PX)
    crop = warp(image, affine, SIZE_PX)
    swapped = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, crop.shape, dtype=np.uint8), (0, 0), 1.0)
    quick = paste_back(image, crop, swapped, points, affine)
    monkeypatch.setattr(paste, "_TWO_STEP_SCALE", 1e9)
    exact = paste_back(image, crop, swapped, points, affine)
    difference = np.abs(quick.astype(int) - exact)
    assert 0 < difference.max() <= 6
    assert difference.mean() < 0.4


def test_a_face_at_the_images_edge_is_pasted_where_visible():
    image, points = photograph(), template_points(SIZE_PX)
    affine = face_at(90.0)
    affine = affine @ np.array([[1, 0, 290.0], [0, 1, 0], [0, 0, 1]])
    crop = warp(image, affine, SIZE_PX)
    pasted = paste_back(image, crop, 255 - crop, points, affine)
    assert pasted.shape == image.shape
    assert (pasted[:, :40] != image[:, :40]).any()
    region = covered(affine, face_window(points, SIZE_PX), image.shape)
    assert region.left == 0
    away = affine @ np.array([[1, 0, 5000.0], [0, 1, 0], [0, 0, 1]])
    assert np.array_equal(paste_back(image, crop, 255 - crop, points, away), image)


def test_the_window_is_one_in_the_face_and_zero_at_the_border():
    window = face_window(template_points(SIZE_PX), SIZE_PX)
    inner = template_points(SIZE_PX).round().astype(int)
    assert (window[inner[:, 1], inner[:, 0]] == 1).all()
    assert max(window[0].max(), window[-1].max(), window[:, 0].max(), window[:, -1].max()) == 0
    assert np.abs(np.diff(window, axis=0)).max() < 0.25


def test_the_skin_color_is_matched():
    points = template_points(SIZE_PX)
    crop = np.full((SIZE_PX, SIZE_PX, 3), (190, 150, 130), np.uint8)
    swapped = crop.copy()
    swapped[20:100, 20:92] = (150, 120, 140)
    kept = keep_color(swapped, crop, points)
    assert np.abs(skin_color(to_lab(kept), points) - skin_color(to_lab(crop), points)).max() < 1.0
    assert np.array_equal(kept[:8, :8], crop[:8, :8])
