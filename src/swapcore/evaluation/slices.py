"""Slices of the pairs by pose, expression, light and skin tone."""

import cv2
import numpy as np

from swapcore.data.faces import Face, FaceRow
from swapcore.evaluation.pixel_scores import face_region
from swapcore.faces.expression import Expression
from swapcore.synth.attributes import Attributes

FRONTAL_DEG = 8.0
DARK, BRIGHT = 0.35, 0.6
"""Mean luma of the template's face, 0 to 1."""
LIGHT_MIN_CHANGE = 0.08
"""Minimum difference of mean luma between source and template that counts as different light."""
ITA_LIGHT_DEG, ITA_DARK_DEG = 41.0, 10.0
"""Individual typology angle: above 41 light or very light, 10 to 41 intermediate or tan, below brown or dark."""
SMILE, OPEN, CLOSED = 0.35, 0.15, 0.6
"""Visibility thresholds of the renderer's smile, mouth_open and blink, each 0 to 1."""
OPEN_GAP = 4.0
"""Lip gap in percent of the eye distance, added to the threshold because the median mouth is closed."""
WIDE_MOUTH, OPEN_MOUTH = 1.1, 1.2
"""Thresholds of measured mouth width and lip thickness as multiples of the median test template's."""
MIN_PAIRS = 8
"""Smaller slices are shown but never reported as the worst."""


def typology_angle(face: Face) -> float:
    """Return the individual typology angle in degrees of the face's mean color: atan((L* - 50) / b*).

    Chardon, Cretois, Hourseau, "Skin color typology and suntanning pathways", 1991. In a photograph it depends on the light
    too, so it is an apparent tone.
    """
    weights = face_region(face).astype(np.float64)
    color = (face.image * weights[..., None]).sum((0, 1)) / weights.sum() / 255
    lightness, _, blue_yellow = cv2.cvtColor(color.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50, max(float(blue_yellow), 1e-6))))


def tone_word(face: Face) -> str:
    """Return the apparent skin tone: light, intermediate or dark."""
    angle = typology_angle(face)
    if angle > ITA_LIGHT_DEG:
        return "light"
    return "intermediate" if angle > ITA_DARK_DEG else "dark"


def rendered_expression(attributes: Attributes) -> str:
    """Return the expression in a word, from the render parameters."""
    if attributes.blink >= CLOSED:
        return "eyes closed"
    if attributes.mouth_open >= OPEN:
        return "mouth open"
    return "smiling" if attributes.smile >= SMILE else "at rest"


def measured_expression(expression: Expression, median: Expression) -> str:
    """Return the expression in a word, from measures; median: over all test templates."""
    if expression.mouth_open > OPEN_MOUTH * median.mouth_open + OPEN_GAP:
        return "mouth open"
    return "smiling" if expression.mouth_width > WIDE_MOUTH * median.mouth_width else "at rest"


def slices_of(
    source: FaceRow, template: FaceRow, source_tone: str, template_tone: str, expression: str | None
) -> dict[str, str]:
    """Return slice -> word for a pair.

    Args:
        source: row of the source's face.
        template: row of the template's face.
        source_tone: apparent skin tone of the source.
        template_tone: apparent skin tone of the template.
        expression: the template's expression in a word, or None if unknown.
    """
    turned = template.yaw_deg if abs(template.yaw_deg) >= FRONTAL_DEG else 0.0
    light = abs(template.brightness - source.brightness)
    brightness = template.brightness
    return {
        **({"template expression": expression} if expression else {}),
        "template pose": "frontal" if turned == 0 else ("turned left" if turned < 0 else "turned right"),
        "template light": "dark" if brightness < DARK else ("bright" if brightness > BRIGHT else "medium"),
        "change of light": "different" if light > LIGHT_MIN_CHANGE else "alike",
        "source skin tone": source_tone,
        "template skin tone": template_tone,
        "change of skin tone": "alike" if source_tone == template_tone else "different",
    }
