"""Errors of pose, expression and gaze, measured in output and reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from swapcore.faces.expression import Expression, measure_expression
from swapcore.faces.extract import find_in_crop
from swapcore.faces.quality import estimate_pose
from swapcore.ops.geometry import Points, apply
from swapcore.ops.image import Image


@dataclass(frozen=True)
class FaceMeasures:
    """Measures of a detected face."""

    points: Points
    """(N, 2) landmarks in pixels of the image, in a fixed order; the eye centers come first."""
    yaw_deg: float
    """Positive = turned to the image's right."""
    pitch_deg: float
    """Positive = bent down."""
    roll_deg: float
    """Positive = clockwise in the image."""
    expression: Expression


MeasureFace = Callable[[Image], FaceMeasures | None]
"""Image -> measures of its face; None without a face."""


class HeadPose(NamedTuple):
    """Exact pose of a rendered head in degrees, signs as in FaceMeasures."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


class AttributeScore(NamedTuple):
    """Errors of a swapped face; the fields are those of ScoreRow."""

    landmark_error: float
    """Mean distance of the landmarks, percent of the eye distance."""
    yaw_error_deg: float
    pitch_error_deg: float
    roll_error_deg: float
    mouth_open_error: float
    mouth_width_error: float
    brow_error: float
    """Mouth and brow errors in percent of the eye distance."""
    gaze_error: float
    """Percent of the eye width."""
    eye_open_error: float
    """Percent of the eye distance."""


class PoseScore(NamedTuple):
    """Errors of the measured pose against the exact one; the fields are those of ScoreRow."""

    yaw_exact_deg: float
    pitch_exact_deg: float
    roll_exact_deg: float


def score_attributes(swapped: FaceMeasures, template: FaceMeasures, expected: FaceMeasures) -> AttributeScore:
    """Compare measures of one detector in both images, so that its systematic errors cancel.

    Args:
        swapped: measured in the output.
        template: measured in the template, which gives position, yaw and roll.
        expected: measured in the true swap if it can be rendered, else in the template; gives pitch and expression, whose
            measures depend on the face.
    """
    eye_distance = float(np.linalg.norm(template.points[1] - template.points[0]))
    distance = float(np.linalg.norm(swapped.points - template.points, axis=1).mean())
    ours, theirs = swapped.expression, expected.expression
    return AttributeScore(
        landmark_error=100 * distance / eye_distance,
        yaw_error_deg=_angle(swapped.yaw_deg, template.yaw_deg),
        pitch_error_deg=_angle(swapped.pitch_deg, expected.pitch_deg),
        roll_error_deg=_angle(swapped.roll_deg, template.roll_deg),
        mouth_open_error=abs(ours.mouth_open - theirs.mouth_open),
        mouth_width_error=abs(ours.mouth_width - theirs.mouth_width),
        brow_error=abs(ours.brow_height - theirs.brow_height),
        gaze_error=float(np.hypot(ours.gaze_x - theirs.gaze_x, ours.gaze_y - theirs.gaze_y)),
        eye_open_error=abs(ours.eye_open - theirs.eye_open),
    )


def score_pose(swapped: FaceMeasures, exact: HeadPose) -> PoseScore:
    """Compare the measured pose with the template's render parameters."""
    return PoseScore(
        _angle(swapped.yaw_deg, exact.yaw_deg),
        _angle(swapped.pitch_deg, exact.pitch_deg),
        _angle(swapped.roll_deg, exact.roll_deg),
    )


def _angle(first_deg: float, second_deg: float) -> float:
    """Return the angle between two directions, 0 to 180 degrees."""
    return abs((first_deg - second_deg + 180) % 360 - 180)


def measure_face(image: Image) -> FaceMeasures | None:
    """Detect and measure the face in an image (S, S, 3) as crop does in a photograph; None without a face."""
    found = find_in_crop(image)
    if found is None:
        return None
    face, pose = found.face, estimate_pose(found.face)
    points = apply(found.to_image, face.points)
    return FaceMeasures(points, *pose, measure_expression(face))
