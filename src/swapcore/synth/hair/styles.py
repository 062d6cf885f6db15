"""The styles of hair and the numbers that make them."""

from dataclasses import dataclass

from swapcore.synth.hair.growth import Habit
from swapcore.synth.hair.ribbons import Look
from swapcore.synth.identity import HairStyle


@dataclass(frozen=True)
class Recipe:
    """The numbers of one style."""

    count: int
    """Ribbons at detail 1."""
    points: int
    """Points per ribbon."""
    length_cm: float
    height_cm: float
    """Height of the outermost layer above the skin."""
    habit: Habit
    look: Look
    clump: float
    """How far tips are drawn into locks, 0 to 1."""
    stray: float
    """Deviation of each ribbon from its neighbors' direction."""
    shell_cm: float
    """Height of the under-shell above the skin; 0 for none."""
    wave_cm: float = 0.0
    """Amplitude of waves."""
    wavelength_cm: float = 7.0
    strays: int = 70
    """Single hairs that leave the outline."""


_SHORT_LOOK = Look(0.22, 0.25, 0.92, 0.4, 7, 0.8, 0.45, 0.6)
_LONG_LOOK = Look(0.32, 0.3, 0.92, 0.2, 10, 1.0, 0.32, 0.8)

RECIPES: dict[HairStyle, Recipe] = {
    HairStyle.BALD: Recipe(
        2600,
        4,
        1.5,
        0.3,
        Habit(0.25, 0.2, 0.35, ramp_cm=0.5, cling=0.4),
        Look(0.15, 0.3, 0.75, 0.8, 5, 0.5, 0.6, 0.75),
        0.1,
        0.15,
        0.0,
        strays=15,
    ),
    HairStyle.RECEDING: Recipe(
        3000,
        6,
        3.2,
        0.45,
        Habit(0.2, 0.3, 0.3, cling=0.5),
        Look(0.17, 0.25, 0.85, 0.6, 5, 0.6, 0.5, 0.65),
        0.25,
        0.14,
        0.12,
    ),
    HairStyle.BUZZ: Recipe(
        7000,
        3,
        0.6,
        0.16,
        Habit(0.3, 0.4, 0.1, ramp_cm=0.5),
        Look(0.075, 0.35, 0.8, 0.8, 3, 0.35, 0.75, 0.7),
        0.0,
        0.4,
        0.0,
        strays=0,
    ),
    HairStyle.SHORT: Recipe(3400, 7, 4.6, 0.8, Habit(0.22, 0.35, 0.25, cling=0.55), _SHORT_LOOK, 0.4, 0.16, 0.22),
    HairStyle.SIDE_PART: Recipe(
        3000, 10, 7.6, 1.3, Habit(0.3, 0.4, 0.25, ramp_cm=2.5, cling=0.75), _SHORT_LOOK, 0.4, 0.10, 0.3
    ),
    HairStyle.FRINGE: Recipe(3200, 10, 6.5, 0.8, Habit(0.2, 0.4, 0.4, cling=0.5), _SHORT_LOOK, 0.4, 0.09, 0.3),
    HairStyle.BOB: Recipe(
        2100, 16, 25.0, 1.1, Habit(0.15, 0.3, 0.2, ramp_cm=4.0, cling=0.8), _LONG_LOOK, 0.4, 0.05, 0.3
    ),
    HairStyle.LONG_STRAIGHT: Recipe(
        1700, 20, 40.0, 1.1, Habit(0.15, 0.3, 0.2, ramp_cm=4.0, cling=0.8), _LONG_LOOK, 0.45, 0.05, 0.3
    ),
    HairStyle.LONG_WAVY: Recipe(
        1500, 34, 40.0, 1.6, Habit(0.2, 0.3, 0.2, ramp_cm=4.0, cling=0.7), _LONG_LOOK, 0.6, 0.06, 0.35, 0.7, 7.5
    ),
    HairStyle.CURLY: Recipe(
        2600,
        20,
        2.8,
        0.8,
        Habit(0.95, 0.8, 0.0),
        Look(0.18, 0.7, 0.95, 0.15, 4, 0.4, 0.3, 0.5),
        0.0,
        0.25,
        1.2,
        0.42,
        1.25,
        0,
    ),
    HairStyle.TIED: Recipe(
        2300,
        14,
        18.0,
        0.5,
        Habit(0.1, 0.3, 0.0, ramp_cm=0.5, cling=0.9),
        Look(0.26, 0.4, 0.92, 0.15, 9, 1.0, 0.4, 0.85),
        0.2,
        0.05,
        0.15,
    ),
}
