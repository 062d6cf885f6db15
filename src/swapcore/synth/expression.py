"""From an image's attributes to the strengths of facial actions."""

from collections.abc import Callable

import numpy as np

from swapcore.synth.asset import Floats, load_asset
from swapcore.synth.attributes import Attributes

Add = Callable[[str, float], None]
"""Adds an amount to a facial action."""
_OPEN_JAW = 0.32
"""Strength of jawOpen at mouth_open 1: at full strength the jaw drops 3.4 cm."""

_REST_LIDS = 0.10
"""Strength of eyeBlink at rest: the mesh's own lids show the whole iris."""


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
    add("mouthLowerDown", 0.20 * opened)
    add("mouthUpperUp", 0.12 * opened)
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
        strengths[f"eyeBlink{side}"] = min(1.0, _REST_LIDS + (1 - _REST_LIDS) * closed * (1 - 0.5 * down))


def expressed(coarse: Floats, attributes: Attributes) -> Floats:
    """Coarse vertices (N, 3) in cm of a head at rest, with an image's expression."""
    units = load_asset().units
    moved: Floats = coarse.astype(np.float32)
    for name, amount in unit_strengths(attributes).items():
        moved = moved + np.float32(amount) * units[name]
    return moved
