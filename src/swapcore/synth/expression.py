"""From an image's attributes to the strengths of facial actions."""

import math
from collections.abc import Callable

import numpy as np

from swapcore.synth.asset import Floats, load_asset
from swapcore.synth.attributes import Attributes
from swapcore.synth.eyes import IRIS_ANGLE
from swapcore.synth.head import find_eyes
from swapcore.synth.lashes import lash_rows

Add = Callable[[str, float], None]
"""Adds an amount to a facial action."""
_OPEN_JAW = 0.56
"""Strength of jawOpen at mouth_open 1: at full strength the jaw drops 3.4 cm."""

_UPPER_LID, _LOWER_LID = 0.52, -0.94
"""Height of the lids' edges above the pupil at rest, in radii of the iris: the upper lid rests on it, the lower one touches it."""
_LID_VARIETY = 0.35
"""Share of a person's own deviation from these heights that is left: the mesh's parameters give staring eyes."""


def unit_strengths(attributes: Attributes) -> dict[str, float]:
    """Facial action -> strength; actions that are not named are at rest."""
    strengths: dict[str, float] = {}

    def add(name: str, amount: float) -> None:
        """Add to an action of both sides, or to one that has no sides."""
        for full in (f"{name}Left", f"{name}Right") if f"{name}Left" in load_asset().units else (name,):
            strengths[full] = strengths.get(full, 0.0) + amount

    _add_mouth(attributes, add)
    _add_brows_and_cheeks(attributes, add)
    _add_lids(attributes, strengths, add)
    return {name: amount for name, amount in strengths.items() if amount != 0}


def _add_mouth(attributes: Attributes, add: Add) -> None:
    smile, opened, pucker = attributes.smile, attributes.mouth_open, attributes.pucker
    parted = max(0.0, attributes.smile_open) * smile
    add("mouthSmile", 0.70 * smile)
    add("mouthDimple", 0.20 * smile)
    add("mouthStretch", 0.22 * smile * smile)
    add("mouthUpperUp", 0.70 * parted)
    add("mouthLowerDown", 0.32 * parted)
    add("jawOpen", _OPEN_JAW * opened + 0.05 * parted)
    add("mouthLowerDown", 0.44 * opened)
    add("mouthUpperUp", 0.26 * opened)
    add("mouthClose", 0.03)
    add("mouthFrown", 0.65 * attributes.frown)
    add("mouthShrugLower", 0.35 * attributes.frown)
    add("mouthPucker", 0.65 * pucker)
    add("mouthFunnel", 0.25 * pucker * opened)


def _add_brows_and_cheeks(attributes: Attributes, add: Add) -> None:
    raised, lowered = max(0.0, attributes.brow_raise), max(0.0, -attributes.brow_raise)
    add("browInnerUp", 0.8 * raised)
    add("browOuterUp", 0.8 * raised)
    add("browDown", 0.9 * lowered)
    add("eyeWide", 0.25 * raised)
    add("cheekSquint", 0.40 * attributes.smile + 0.6 * attributes.squint)
    add("eyeSquint", 0.18 * attributes.smile + 0.75 * attributes.squint)
    add("noseSneer", 0.35 * attributes.frown * attributes.squint)
    add("cheekPuff", 0.5 * attributes.cheek_puff)


def _add_lids(attributes: Attributes, strengths: dict[str, float], add: Add) -> None:
    """Lids follow the gaze up and down, and close; a wink closes the image's left eye less or more."""
    down = max(0.0, -attributes.gaze_y_deg) / 20
    add("eyeLookUp", 0.8 * max(0.0, attributes.gaze_y_deg) / 20)
    add("eyeLookDown", 0.8 * down)
    # The person's right eye is on the image's left.
    for side, share in (("Right", min(1.0, 1 + attributes.wink)), ("Left", min(1.0, 1 - attributes.wink))):
        closed = (attributes.blink * share) ** 1.7
        strengths[f"eyeBlink{side}"] = closed * (1 - 0.5 * down)


def expressed(coarse: Floats, attributes: Attributes) -> Floats:
    """Coarse vertices (N, 3) in cm of a head at rest, with an image's expression."""
    units = load_asset().units
    moved: Floats = coarse.astype(np.float32)
    strengths = unit_strengths(attributes)
    for name, rest in resting_lids(coarse).items():
        # What a lid has fallen at rest is not left for a blink.
        left = 1 - rest if name.startswith("eyeBlink") else 1.0
        strengths[name] = rest + left * strengths.get(name, 0.0)
    for name, amount in strengths.items():
        moved = moved + np.float32(amount) * units[name]
    return moved


def resting_lids(coarse: Floats) -> dict[str, float]:
    """Facial action -> strength that brings the lids of a head (N, 3) at rest to where lids rest on the iris."""
    eyes, units = find_eyes(coarse), load_asset().units
    strengths = {}
    for row, upper, eye in lash_rows():
        center, radius = eyes[eye]
        iris = radius * math.sin(IRIS_ANGLE)
        wanted, action = (_UPPER_LID, "eyeBlink") if upper else (_LOWER_LID, "eyeSquint")
        # The image's left eye is the person's right one.
        name = f"{action}{('Right', 'Left')[eye]}"
        order = row[np.argsort(coarse[row, 0])]
        edge, moves = (np.interp(center[0], coarse[order, 0], of[order, 1]) for of in (coarse, units[name]))
        deviation = (edge - center[1]) / iris - wanted
        strengths[name] = float(np.clip((_LID_VARIETY - 1) * deviation * iris / moves, -0.2, 0.5))
    return strengths
