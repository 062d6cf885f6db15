"""Who a person is: the shape and colour of everything that stays when the photograph changes."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from swapcore.synth.parameters import Bounds, Parameters, Seed, Share, Signed

HAIR_STYLES = 5
"""Short, fringe, long, bald, full (see hair.py)."""
SHORT, FRINGE, LONG, BALD, FULL = range(HAIR_STYLES)
HairStyle = Annotated[int, Bounds(0, HAIR_STYLES - 1)]


@dataclass(frozen=True)
class Identity(Parameters):
    """One person; FACE_PARAMETERS are what a swap takes from its source, the others stay with the template."""

    # Bone and soft tissue of the face
    masculinity: Share
    age: Share
    """0 is about eighteen, 1 about eighty: lines, spots, bags, grey is apart."""
    jaw_width: Signed
    chin_width: Signed
    chin_forward: Signed
    face_length: Signed
    cheekbones: Signed
    cheek_fullness: Signed
    eye_spacing: Signed
    eye_width: Signed
    eye_height: Signed
    eye_tilt: Signed
    eye_depth: Signed
    lid_crease: Signed
    brow_height: Signed
    brow_thickness: Signed
    brow_tilt: Signed
    brow_arch: Signed
    brow_gap: Signed
    brow_ridge: Signed
    brow_darkness: Share
    nose_length: Signed
    nose_width: Signed
    nose_forward: Signed
    nose_bridge: Signed
    nose_hump: Signed
    nose_tip: Signed
    mouth_width: Signed
    mouth_height: Signed
    upper_lip: Signed
    lower_lip: Signed
    cupid_bow: Signed
    nasolabial_fold: Signed
    relief_seed: Seed
    """Small random relief, bumps of a few millimetres that no named parameter describes."""
    # Colour of the face
    iris_tone: Share
    """0 dark brown, through hazel and green, 1 pale blue."""
    lip_redness: Share
    lip_makeup: Share
    flush: Share
    freckles: Share
    marks_seed: Seed
    """Where moles, freckles and blotches lie."""
    beard: Share
    """0 shaven, 0.3 stubble, 1 full."""
    # Head, hair and skin: they stay with the template in a swap
    skin_tone: Share
    """0 palest, 1 darkest."""
    skin_undertone: Signed
    """-1 rosy, 1 olive."""
    head_width: Signed
    forehead_height: Signed
    ear_size: Signed
    neck_width: Signed
    hair_style: HairStyle
    hairline: Signed
    hair_thickness: Share
    hair_darkness: Share
    hair_redness: Share
    hair_grey: Share
    hair_seed: Seed


FACE_PARAMETERS: tuple[str, ...] = tuple(list(Identity.bounds())[: list(Identity.bounds()).index("skin_tone")])
"""What makes the face: a swap takes these from its source."""
SHAPE_PARAMETERS: tuple[str, ...] = tuple(
    name for name, bounds in Identity.bounds().items() if name in FACE_PARAMETERS and bounds.low == -1.0
)
"""The signed deviations of the face's geometry."""

_SEX_SHIFT = {
    "jaw_width": 0.35,
    "chin_width": 0.3,
    "chin_forward": 0.2,
    "brow_ridge": 0.45,
    "brow_thickness": 0.4,
    "brow_height": -0.35,
    "brow_arch": -0.3,
    "eye_height": -0.25,
    "upper_lip": -0.3,
    "lower_lip": -0.3,
    "nose_width": 0.2,
    "nose_length": 0.15,
    "neck_width": 0.6,
}
"""How far the mean of a shape parameter lies from the average for a man; as far the other way for a woman."""
_STYLE_ODDS = {False: (0.2, 0.22, 0.45, 0.0, 0.13), True: (0.45, 0.2, 0.1, 0.13, 0.12)}


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw a person: skin tone, age and sex evenly, every feature of the face wide and flat within its bounds."""
    masculine = bool(rng.random() < 0.5)
    masculinity = float(rng.uniform(0.6, 1.0) if masculine else rng.uniform(0.0, 0.4))
    age, skin_tone = float(rng.random()), float(rng.random())
    values: dict[str, float] = {"masculinity": masculinity, "age": age, "skin_tone": skin_tone}
    for name, bounds in Identity.bounds().items():
        if bounds.low == -1.0:
            shift = _SEX_SHIFT.get(name, 0.0) * (1.0 if masculine else -1.0)
            values[name] = float(rng.uniform(max(-1.0, -1.0 + shift), min(1.0, 1.0 + shift)))
        elif name.endswith("_seed"):
            values[name] = int(rng.integers(0, 2**31))
    values |= _draw_colours(rng, skin_tone=skin_tone, age=age, masculine=masculine)
    style = int(rng.choice(HAIR_STYLES, p=_STYLE_ODDS[masculine]))
    return Identity(**{**values, "hair_style": style})  # type: ignore[arg-type]


def _draw_colours(rng: np.random.Generator, *, skin_tone: float, age: float, masculine: bool) -> dict[str, float]:
    """Hair, iris, lips and beard: dark skin goes with dark hair and eyes, age with grey hair."""
    fair = max(0.0, 1.0 - 1.8 * skin_tone)
    beard = float(rng.choice([0.0, 0.0, rng.uniform(0.15, 0.45), rng.uniform(0.5, 1.0)])) if masculine else 0.0
    return {
        "hair_darkness": float(1.0 - fair * rng.random() ** 0.8),
        "hair_redness": float(rng.random() ** 2),
        "hair_grey": float(np.clip(1.6 * age - 0.75 + rng.normal() * 0.2, 0.0, 1.0)),
        "hair_thickness": float(rng.random()),
        "brow_darkness": float(rng.uniform(0.3, 1.0)),
        "iris_tone": float(rng.random() * (1.0 if skin_tone < 0.5 else 0.3)),
        "lip_redness": float(rng.random()),
        "lip_makeup": float(0.0 if masculine else max(0.0, rng.uniform(-0.6, 1.0))),
        "flush": float(rng.random()),
        "freckles": float(max(0.0, rng.uniform(-1.5, 1.0)) * fair),
        "beard": beard,
    }
