"""Outside, attributes, truth, realism, slices and speed: small cases by hand."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.evaluation.attributes import FaceMeasures, HeadPose, score_attributes, score_pose
from swapcore.evaluation.pixel_scores import (
    MAX_PSNR_DB,
    background_region,
    face_region,
    inside_l1,
    outside_l1,
    score_truth,
)
from swapcore.evaluation.realism import describe, level_distance, score_realism
from swapcore.evaluation.slices import measured_expression, rendered_expression, slices_of, tone_word, typology_angle
from swapcore.evaluation.speed import measure_speed
from swapcore.faces.expression import Expression
from swapcore.synth.attributes import NEUTRAL


def test_outside_and_inside_use_their_region_only(world):
    template = world.faces[0]
    background, face = background_region(template) > 0, face_region(template) > 0
    assert not (background & face).any()
    shifted = template.image.astype(int)
    shifted[background] = np.where(shifted[background] < 128, shifted[background] + 20, shifted[background] - 20)
    assert outside_l1(shifted.astype(np.uint8), template) == pytest.approx(20)
    assert inside_l1(shifted.astype(np.uint8), template) == 0


def test_outside_is_none_if_the_face_fills_the_crop(world):
    template = world.faces[0]
    close = replace(template, points=(template.points - 24) * 8 + 24)
    assert outside_l1(template.image, close) is None


def test_attributes_have_known_values():
    template = FaceMeasures(np.array([[10.0, 20], [30, 20], [20, 30]]), 5, 1, 179, Expression(20, 90, 30, 5, -10))
    true = replace(template, pitch_deg=4, expression=Expression(24, 80, 33, 5, -10))
    swapped = FaceMeasures(template.points + np.array([3, 4]), -2, 1, -178, Expression(22, 95, 31, 8, -6))
    score = score_attributes(swapped, template, true)
    assert score.landmark_error == pytest.approx(25)  # 5 px of 20
    assert score.yaw_error_deg == 7
    assert score.roll_error_deg == pytest.approx(3)  # across 180 degrees
    assert score.pitch_error_deg == 3
    assert (score.mouth_open_error, score.mouth_width_error, score.brow_error) == (2, 15, 2)
    assert score.gaze_error == 5  # 3 across, 4 down
    assert score_pose(swapped, HeadPose(-12, 5, 178)) == (10, 4, 4)


def test_expression_words():
    rest = NEUTRAL.but(smile=0.1)
    assert rendered_expression(rest) == "at rest"
    assert rendered_expression(rest.but(smile=0.6)) == "smiling"
    assert rendered_expression(rest.but(smile=0.6, mouth_open=0.4)) == "mouth open"
    assert rendered_expression(rest.but(mouth_open=0.4, blink=0.9)) == "eyes closed"
    middle = Expression(20, 90, 30, 0, 0)
    assert measured_expression(middle, middle) == "at rest"
    assert measured_expression(middle._replace(mouth_width=110), middle) == "smiling"
    assert measured_expression(middle._replace(mouth_open=30, mouth_width=110), middle) == "mouth open"


def test_truth_scores_of_equal_and_brighter_images(world):
    template = world.faces[0]
    equal = score_truth(template.image, template.image, template)
    assert (equal.truth_psnr, equal.truth_psnr_face, equal.truth_l1, equal.truth_l1_face) == (
        MAX_PSNR_DB,
        MAX_PSNR_DB,
        0,
        0,
    )
    assert (equal.truth_ssim, equal.truth_ssim_face) == pytest.approx((1, 1))
    brighter = np.clip(template.image.astype(int) + 1, 0, 255).astype(np.uint8)
    assert score_truth(brighter, template.image, template).truth_psnr_face == pytest.approx(48.13, abs=0.01)


def test_description_is_mean_and_deviation_by_channel():
    maps = [np.array([[[[0.0, 2.0]], [[5.0, 5.0]]]])]
    assert describe(maps).tolist() == [[1, 5, 1, 0]]


def test_level_distance_is_the_mean_over_levels():
    first, second = [np.zeros((1, 1, 2, 2)), np.zeros((1, 3, 1, 1))], [np.ones((1, 1, 2, 2)), np.full((1, 3, 1, 1), 3)]
    assert level_distance(first, second) == pytest.approx([2])


def test_realism_separates_real_from_generated():
    rng = np.random.default_rng(0)
    photographs, more, made = rng.normal(size=(40, 6)), rng.normal(size=(40, 6)), rng.normal(2, 1, size=(40, 6))
    real = score_realism(more, photographs, num_samples=200, seed=0)
    fake = score_realism(made, photographs, num_samples=200, seed=0)
    assert real.interval.low < 0.3
    assert fake.interval.low > real.interval.high
    assert (fake.num_images, fake.num_photographs) == (40, 40)


def test_realism_does_not_depend_on_the_features_units():
    rng = np.random.default_rng(0)
    first, second, units = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), np.array([1.0, 1e3, 1e-3])
    plain = score_realism(first, second, num_samples=100, seed=0)
    assert score_realism(first * units, second * units, num_samples=100, seed=0).kid == pytest.approx(plain.kid)


@pytest.mark.parametrize(
    ("color", "word"), [((250, 220, 200), "light"), ((190, 140, 110), "intermediate"), ((90, 60, 45), "dark")]
)
def test_apparent_skin_tones(world, color, word):
    face = replace(world.faces[0], image=np.full((48, 48, 3), color, np.uint8))
    assert tone_word(face) == word


def test_typology_angle_has_known_values(world):
    # sRGB (200, 150, 120): L* = 65.85, b* = 22.64 -> atan(15.85 / 22.64) = 35.0 degrees.
    face = replace(world.faces[0], image=np.full((48, 48, 3), (200, 150, 120), np.uint8))
    assert typology_angle(face) == pytest.approx(35.0, abs=1.0)


def test_slices_name_pose_light_and_tone(world):
    source, template = replace(world.rows[0], brightness=0.7), replace(world.rows[2], brightness=0.3, yaw_deg=-15.0)
    words = slices_of(source, template, "light", "dark", "smiling")
    assert words["template expression"] == "smiling"
    assert words["template pose"] == "turned left"
    assert words["template light"] == "dark"
    assert words["change of light"] == "different"
    assert words["change of skin tone"] == "different"


def test_speed_is_measured_at_both_batch_sizes(world):
    sizes = []

    def swap(sources, templates):
        sizes.append(len(templates))
        return np.stack([template.image for template in templates])

    metrics = measure_speed(swap, world.faces[0], batch_size=5)
    assert set(sizes) == {1, 5}
    assert metrics["speed/ms_batch1"] > 0
    assert metrics["speed/images_per_second"] > 0
