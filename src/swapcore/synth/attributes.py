"""How a person was photographed: pose, expression, light, camera, clothes and surroundings."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from swapcore.synth.parameters import Bounds, Parameters, Seed, Share, Signed


@dataclass(frozen=True)
class Attributes(Parameters):
    """One image's circumstances; nothing here depends on the person."""

    # Pose of the head, degrees
    yaw_deg: Annotated[float, Bounds(-180.0, 180.0)]
    """Positive: the face turns to the right of the image."""
    pitch_deg: Annotated[float, Bounds(-45.0, 45.0)]
    """Positive: the face looks down."""
    roll_deg: Annotated[float, Bounds(-90.0, 90.0)]
    # Expression
    smile: Share
    smile_open: Share
    """How far a smile parts the lips."""
    mouth_open: Share
    frown: Share
    pucker: Share
    cheek_puff: Share
    brow_raise: Signed
    squint: Share
    blink: Share
    wink: Signed
    """-1 keeps the image's left eye open in a blink, 1 the right one."""
    gaze_x_deg: Annotated[float, Bounds(-30.0, 30.0)]
    """Relative to the head; positive: to the right of the image."""
    gaze_y_deg: Annotated[float, Bounds(-20.0, 20.0)]
    # Light
    light_azimuth_deg: Annotated[float, Bounds(-90.0, 90.0)]
    light_elevation_deg: Annotated[float, Bounds(-20.0, 80.0)]
    light_intensity: Annotated[float, Bounds(0.2, 2.0)]
    light_warmth: Signed
    light_softness: Share
    ambient: Annotated[float, Bounds(0.05, 1.0)]
    # Camera
    distance_cm: Annotated[float, Bounds(40.0, 400.0)]
    span_cm: Annotated[float, Bounds(20.0, 80.0)]
    """Height of the image at the head's distance."""
    shift_x_cm: Annotated[float, Bounds(-10.0, 10.0)]
    shift_y_cm: Annotated[float, Bounds(-10.0, 10.0)]
    exposure_ev: Annotated[float, Bounds(-1.5, 1.5)]
    blur: Annotated[float, Bounds(0.0, 4.0)]
    """Standard deviation in 256ths of the image's height."""
    background_blur: Share
    noise: Annotated[float, Bounds(0.0, 0.1)]
    """Standard deviation, 1 = white."""
    # Surroundings
    background_seed: Seed
    noise_seed: Seed
    jpeg: Share
    """Compression: 0 none, 1 strong."""
    motion: Share
    """Blur by movement, in 256ths of the image's height times 4."""
    # Clothes
    clothes_hue: Share
    clothes_saturation: Share
    clothes_darkness: Share
    collar: Annotated[int, Bounds(0, 3)]
    """0 crew neck, 1 shirt, 2 v-neck, 3 turtleneck."""
    glasses: Annotated[int, Bounds(0, 5)]
    """0 none, else the frame."""
    glasses_seed: Seed
    headwear: Annotated[int, Bounds(0, 2)]
    """0 none, 1 cap, 2 beanie."""
    # Hair as worn that day
    hair_part: Signed
    hair_volume: Signed
    hair_lay_seed: Seed


NEUTRAL = Attributes(
    yaw_deg=0.0,
    pitch_deg=0.0,
    roll_deg=0.0,
    smile=0.0,
    smile_open=0.5,
    mouth_open=0.0,
    frown=0.0,
    pucker=0.0,
    cheek_puff=0.0,
    brow_raise=0.0,
    squint=0.0,
    blink=0.0,
    wink=0.0,
    gaze_x_deg=0.0,
    gaze_y_deg=0.0,
    light_azimuth_deg=20.0,
    light_elevation_deg=16.0,
    light_intensity=1.1,
    light_warmth=0.0,
    light_softness=0.6,
    ambient=0.38,
    distance_cm=150.0,
    span_cm=31.0,
    shift_x_cm=0.0,
    shift_y_cm=0.0,
    exposure_ev=0.0,
    blur=0.3,
    background_blur=0.6,
    noise=0.008,
    background_seed=3,
    noise_seed=4,
    jpeg=0.0,
    motion=0.0,
    clothes_hue=0.6,
    clothes_saturation=0.3,
    clothes_darkness=0.5,
    collar=0,
    glasses=0,
    glasses_seed=6,
    headwear=0,
    hair_part=0.3,
    hair_volume=0.0,
    hair_lay_seed=5,
)
"""The neutral view: frontal, at rest, lit from the upper right."""

_SPREAD: dict[str, tuple[float, float]] = {
    "yaw_deg": (-32.0, 32.0),
    "pitch_deg": (-14.0, 14.0),
    "roll_deg": (-12.0, 12.0),
    "smile": (-0.6, 1.0),
    "smile_open": (0.0, 1.0),
    "mouth_open": (-0.9, 0.55),
    "frown": (-1.5, 0.5),
    "pucker": (-3.5, 0.6),
    "cheek_puff": (-5.0, 0.6),
    "squint": (-1.2, 0.5),
    "wink": (-0.15, 0.15),
    "brow_raise": (-0.3, 0.8),
    "gaze_x_deg": (-18.0, 18.0),
    "gaze_y_deg": (-9.0, 9.0),
    "light_azimuth_deg": (-65.0, 65.0),
    "light_elevation_deg": (5.0, 55.0),
    "light_intensity": (0.8, 1.4),
    "light_warmth": (-1.0, 1.0),
    "light_softness": (0.1, 0.9),
    "ambient": (0.24, 0.56),
    "distance_cm": (60.0, 240.0),
    "span_cm": (28.0, 35.0),
    "shift_x_cm": (-1.6, 1.6),
    "shift_y_cm": (-1.0, 1.0),
    "exposure_ev": (-0.35, 0.35),
    "blur": (0.15, 0.6),
    "background_blur": (0.2, 1.0),
    "noise": (0.003, 0.015),
    "jpeg": (-1.5, 0.6),
    "motion": (-3.0, 0.6),
    "clothes_hue": (0.0, 1.0),
    "clothes_saturation": (-0.5, 0.8),
    "clothes_darkness": (0.0, 1.0),
    "hair_part": (-1.0, 1.0),
    "hair_volume": (-1.0, 1.0),
}
"""Full range of each parameter; below zero a share stays at 0, so that a face at rest is common."""
_POSE = ("yaw_deg", "pitch_deg", "roll_deg")
_ODDS = {"collar": 0.7, "glasses": 0.10, "headwear": 0.03}
"""How frequently one of the kinds above 0 is worn."""


def draw_attributes(rng: np.random.Generator, attribute_range: float) -> Attributes:
    """Draw the circumstances of one image; attribute_range in (0, 1] shrinks every range toward the neutral view."""
    values: dict[str, float] = {}
    for name, bounds in Attributes.bounds().items():
        if name.endswith("_seed"):
            values[name] = int(rng.integers(0, 2**31))
        elif name == "blink":
            eyes_closed = rng.random() < 0.08 * attribute_range
            values[name] = float(rng.uniform(0.7, 1.0) if eyes_closed else max(0.0, rng.uniform(-0.3, 0.35)))
        elif name in _ODDS:
            worn = rng.random() < _ODDS[name] * attribute_range
            values[name] = int(rng.integers(1, int(bounds.high) + 1)) if worn else 0
        else:
            low, high = _SPREAD[name]
            rest = getattr(NEUTRAL, name)
            drawn = rest + attribute_range * (float(rng.uniform(low, high)) - rest)
            values[name] = float(np.clip(drawn, bounds.low, bounds.high))
    return Attributes(**values | _within_reach(values))  # type: ignore[arg-type]


def _within_reach(values: dict[str, float]) -> dict[str, float]:
    """The pose of the head, moved from the box of the three ranges into the ellipsoid in it.

    A head that turns all the way neither nods nor tilts far: people face a camera, and a detector misses corners of the box.
    """
    shares = np.array([values[name] / _SPREAD[name][1] for name in _POSE])
    inside = shares * np.abs(shares).max() / max(float(np.linalg.norm(shares)), 1e-9)
    return {name: float(share * _SPREAD[name][1]) for name, share in zip(_POSE, inside, strict=True)}
