"""Who a person is: the shape and color of everything that stays when the photograph changes."""

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
    """0 is about eighteen, 1 about eighty: lines, spots, bags, gray is apart."""
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
    lid_hood: Signed
    """How far the skin below the brow hangs over the upper lid."""
    eye_depth: Signed
    lid_crease: Signed
    brow_height: Signed
    brow_thickness: Signed
    brow_tilt: Signed
    brow_arch: Signed
    brow_gap: Signed
    brow_length: Signed
    brow_ridge: Signed
    brow_darkness: Share
    nose_length: Signed
    nose_width: Signed
    nose_forward: Signed
    nose_bridge: Signed
    nose_hump: Signed
    nose_tip: Signed
    nose_upturn: Signed
    """1 shows the nostrils, -1 hangs."""
    midface: Signed
    """How far cheeks and upper jaw stand forward."""
    mouth_width: Signed
    mouth_height: Signed
    mouth_curve: Signed
    """At rest: -1 corners down, 1 up."""
    lip_protrusion: Signed
    upper_lip: Signed
    lower_lip: Signed
    cupid_bow: Signed
    nasolabial_fold: Signed
    chin_cleft: Share
    relief_seed: Seed
    """Small random relief, bumps of a few millimetres that no named parameter describes."""
    # Color of the face
    iris_tone: Share
    """0 dark brown, through hazel and green, 1 pale blue."""
    lip_redness: Share
    lip_makeup: Share
    eye_shade: Share
    """Dark skin round the eyes."""
    flush: Share
    freckles: Share
    moles: Share
    marks_seed: Seed
    """Where moles, freckles and blotches lie."""
    beard: Share
    """0 shaven, 0.3 stubble, 1 full."""
    face_hair_darkness: Share
    """Of brows and beard; near the head's hair, yet the face's own."""
    face_hair_redness: Share
    face_hair_gray: Share
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
    hair_gray: Share
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
    "cheek_fullness": -0.1,
    "lid_hood": 0.25,
    "lip_protrusion": -0.2,
    "nose_upturn": -0.2,
    "eye_height": -0.25,
    "upper_lip": -0.3,
    "lower_lip": -0.3,
    "nose_width": 0.2,
    "nose_length": 0.15,
    "neck_width": 0.6,
}
"""How far the mean of a shape parameter lies from the average for a man; as far the other way for a woman."""
_STYLE_ODDS = {False: (0.2, 0.22, 0.45, 0.0, 0.13), True: (0.45, 0.2, 0.1, 0.13, 0.12)}


def draw_identity(rng: np.random.Generator, place: tuple[float, float, float] | None = None) -> Identity:
    """Draw a person: every feature of the face wide and flat within its bounds.

    Args:
        rng: of this person alone.
        place: where in [0, 1)³ of sex, age and skin tone the person stands (see people.place_of); None draws it evenly.
    """
    sex, age, skin_tone = place or (float(rng.random()) for _ in range(3))
    masculine = sex < 0.5
    masculinity = float(rng.uniform(0.6, 1.0) if masculine else rng.uniform(0.0, 0.4))
    values: dict[str, float] = {"masculinity": masculinity, "age": age, "skin_tone": skin_tone}
    for name, bounds in Identity.bounds().items():
        if bounds.low == -1.0:
            shift = _SEX_SHIFT.get(name, 0.0) * (1.0 if masculine else -1.0)
            values[name] = float(rng.uniform(max(-1.0, -1.0 + shift), min(1.0, 1.0 + shift)))
        elif name.endswith("_seed"):
            values[name] = int(rng.integers(0, 2**31))
    values |= _draw_colors(rng, skin_tone=skin_tone, age=age, masculine=masculine)
    style = int(rng.choice(HAIR_STYLES, p=_STYLE_ODDS[masculine]))
    return Identity(**{**values, "hair_style": style})  # type: ignore[arg-type]


def _draw_colors(rng: np.random.Generator, *, skin_tone: float, age: float, masculine: bool) -> dict[str, float]:
    """Hair, iris, lips and beard: dark skin goes with dark hair and eyes, age with gray hair."""
    fair = max(0.0, 1.0 - 1.8 * skin_tone)
    beard = float(rng.choice([0.0, 0.0, rng.uniform(0.15, 0.45), rng.uniform(0.5, 1.0)])) if masculine else 0.0
    darkness, redness = float(1.0 - fair * rng.random() ** 0.8), float(rng.random() ** 2)
    gray = float(np.clip(1.6 * age - 0.75 + rng.normal() * 0.2, 0.0, 1.0))
    return {
        "hair_darkness": darkness,
        "hair_redness": redness,
        "hair_gray": gray,
        "face_hair_darkness": float(np.clip(darkness + rng.normal() * 0.15, 0.0, 1.0)),
        "face_hair_redness": float(np.clip(redness + rng.normal() * 0.15, 0.0, 1.0)),
        "face_hair_gray": 0.6 * gray,
        "hair_thickness": float(rng.random()),
        "brow_darkness": float(rng.uniform(0.3, 1.0)),
        "iris_tone": float(rng.random() * (1.0 if skin_tone < 0.5 else 0.3)),
        "lip_redness": float(rng.random()),
        "lip_makeup": float(0.0 if masculine else max(0.0, rng.uniform(-0.6, 1.0))),
        "eye_shade": float(rng.random()),
        "flush": float(rng.random()),
        "freckles": float(max(0.0, rng.uniform(-1.5, 1.0)) * fair),
        "moles": float(max(0.0, rng.uniform(-0.7, 1.0))),
        "chin_cleft": float(max(0.0, rng.uniform(-1.2, 1.0))),
        "beard": beard,
    }
