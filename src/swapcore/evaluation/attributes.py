"""Whether the swapped picture holds the template's pose, expression and gaze, measured anew in the output and in what it should be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from swapcore.faces.expression import Expression, measure_expression
from swapcore.faces.extract import find_in_crop
from swapcore.faces.quality import measure_quality, pitch_deg
from swapcore.ops.geometry import Points, apply, invert
from swapcore.ops.image import Image


@dataclass(frozen=True)
class Look:
    """What a detector finds in a picture."""

    points: Points
    """(N, 2) key points in pixels of the picture, always the same N in the same order; the eyes' middles come first."""
    yaw_deg: float
    """Positive = turned to the image's right."""
    pitch_deg: float
    """Positive = looks down."""
    roll_deg: float
    """Positive = clockwise as seen."""
    expression: Expression


Locate = Callable[[Image], Look | None]
"""A picture to what was found in it; None where no face is."""


class Pose(NamedTuple):
    """The exact pose of a head that was rendered, degrees, signs as in Look."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


class AttributeScore(NamedTuple):
    """How far the swapped face is from what it should be; the fields are those of ScoreRow."""

    landmark_error: float
    """Mean distance of the key points, percent of the eye distance."""
    yaw_error_deg: float
    pitch_error_deg: float
    roll_error_deg: float
    mouth_open_error: float
    mouth_width_error: float
    brow_error: float
    """These three in percent of the eye distance."""
    gaze_error: float
    """Percent of the width of an eye."""


class PoseScore(NamedTuple):
    """How far the measured pose is from the exact one; the fields are those of ScoreRow."""

    yaw_exact_deg: float
    pitch_exact_deg: float
    roll_exact_deg: float


def score_attributes(swapped: Look, template: Look, wanted: Look) -> AttributeScore:
    """Compare what one detector found in both pictures, so that its own error is the same on both sides.

    Args:
        swapped: found in the output.
        template: found in the template, whose place, turn and tilt the output must have.
        wanted: found in the true swap where it can be rendered, else in the template: for what is the template's doing but looks
            different on another face.
    """
    eye_distance = float(np.linalg.norm(template.points[1] - template.points[0]))
    distance = float(np.linalg.norm(swapped.points - template.points, axis=1).mean())
    ours, theirs = swapped.expression, wanted.expression
    return AttributeScore(
        landmark_error=100 * distance / eye_distance,
        yaw_error_deg=_turn(swapped.yaw_deg, template.yaw_deg),
        pitch_error_deg=_turn(swapped.pitch_deg, wanted.pitch_deg),
        roll_error_deg=_turn(swapped.roll_deg, template.roll_deg),
        mouth_open_error=abs(ours.mouth_open - theirs.mouth_open),
        mouth_width_error=abs(ours.mouth_width - theirs.mouth_width),
        brow_error=abs(ours.brow_height - theirs.brow_height),
        gaze_error=float(np.hypot(ours.gaze_x - theirs.gaze_x, ours.gaze_y - theirs.gaze_y)),
    )


def score_pose(swapped: Look, exact: Pose) -> PoseScore:
    """Compare the measured pose with the parameters by which the template was rendered."""
    return PoseScore(
        _turn(swapped.yaw_deg, exact.yaw_deg),
        _turn(swapped.pitch_deg, exact.pitch_deg),
        _turn(swapped.roll_deg, exact.roll_deg),
    )


def _turn(first_deg: float, second_deg: float) -> float:
    """Angle between two directions, 0 to 180 degrees."""
    return abs((first_deg - second_deg + 180) % 360 - 180)


def locate_face(image: Image) -> Look | None:
    """Look for the face in a picture (S, S, 3) as crop does in a photograph: None if there is none."""
    found = find_in_crop(image)
    if found is None:
        return None
    face, quality = found.face, measure_quality(found.face)
    pitch = pitch_deg(apply(invert(face.affine), face.points[:3]), quality.yaw_deg)
    points = apply(found.to_image, face.points)
    return Look(points, quality.yaw_deg, pitch, quality.roll_deg, measure_expression(face))
