"""The styles of hair and the numbers that make them."""

from dataclasses import dataclass, replace

from swapcore.synth.hair.growth import Habit
from swapcore.synth.hair.ribbons import RibbonStyle
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
    look: RibbonStyle
    clump: float
    """How far tips are drawn into locks, 0 to 1."""
    stray: float
    """Deviation of each ribbon from its neighbors' direction."""
    shell_cm: float
    """Height of the under-shell above the skin; 0 for none."""
    wave_cm: float = 0.0
    """Amplitude of waves."""
    wavelength_cm: float = 7.5
    strays: int = 170
    """Single hairs that leave the outline."""


_SHORT_LOOK = RibbonStyle(0.16, 0.2, 0.90, 0.55, 7, 0.9, 0.32, 0.45)
_LONG_LOOK = RibbonStyle(0.25, 0.25, 0.90, 0.3, 12, 1.0, 0.24, 0.6)

RECIPES: dict[HairStyle, Recipe] = {
    HairStyle.BALD: Recipe(
        count=2600, points=4, length_cm=1.5, height_cm=0.25, clump=0.1, stray=0.15, shell_cm=0.0, strays=15,
        habit=Habit(0.25, 0.2, 0.35, ramp_cm=0.5, cling=0.4), look=RibbonStyle(0.15, 0.3, 0.75, 0.8, 5, 0.5, 0.6, 0.75),
    ),
    HairStyle.RECEDING: Recipe(
        count=3000, points=6, length_cm=3.2, height_cm=0.35, clump=0.25, stray=0.14, shell_cm=0.10, strays=50,
        habit=Habit(0.2, 0.3, 0.3, cling=0.5), look=RibbonStyle(0.17, 0.25, 0.85, 0.6, 5, 0.6, 0.5, 0.65),
    ),
    HairStyle.BUZZ: Recipe(
        count=8000, points=3, length_cm=0.55, height_cm=0.14, clump=0.0, stray=0.25, shell_cm=0.0, strays=0,
        habit=Habit(0.3, 0.4, 0.1, ramp_cm=0.5), look=RibbonStyle(0.085, 0.3, 0.5, 0.9, 0, 0.3, 0.8, 0.85),
    ),
    HairStyle.SHORT: Recipe(
        count=4300, points=7, length_cm=4.6, height_cm=0.5, clump=0.4, stray=0.15, shell_cm=0.14,
        habit=Habit(0.2, 0.35, 0.25, cling=0.6), look=_SHORT_LOOK,
    ),
    HairStyle.SIDE_PART: Recipe(
        count=3800, points=10, length_cm=7.6, height_cm=0.75, clump=0.4, stray=0.10, shell_cm=0.18,
        habit=Habit(0.25, 0.4, 0.25, ramp_cm=2.5, cling=0.8), look=_SHORT_LOOK,
    ),
    HairStyle.FRINGE: Recipe(
        count=4000, points=10, length_cm=6.5, height_cm=0.5, clump=0.55, stray=0.09, shell_cm=0.18,
        habit=Habit(0.18, 0.4, 0.4, cling=0.6), look=replace(_SHORT_LOOK, tip_width=0.12, fade=0.75),
    ),
    HairStyle.BOB: Recipe(
        count=2100, points=16, length_cm=25.0, height_cm=0.65, clump=0.4, stray=0.05, shell_cm=0.18,
        habit=Habit(0.12, 0.3, 0.2, ramp_cm=4.0, cling=0.85), look=_LONG_LOOK,
    ),
    HairStyle.LONG_STRAIGHT: Recipe(
        count=1700, points=20, length_cm=40.0, height_cm=0.6, clump=0.45, stray=0.05, shell_cm=0.18,
        habit=Habit(0.12, 0.3, 0.2, ramp_cm=4.0, cling=0.85), look=_LONG_LOOK,
    ),
    HairStyle.LONG_WAVY: Recipe(
        count=1500, points=34, length_cm=40.0, height_cm=0.9, clump=0.6, stray=0.06, shell_cm=0.2,
        habit=Habit(0.15, 0.3, 0.2, ramp_cm=4.0, cling=0.8), look=_LONG_LOOK, wave_cm=0.6,
    ),
    HairStyle.CURLY: Recipe(
        count=2600, points=20, length_cm=3.3, height_cm=0.8, clump=0.0, stray=0.25, shell_cm=0.6, strays=0,
        habit=Habit(0.95, 0.8, 0.0), look=RibbonStyle(0.18, 0.7, 0.95, 0.15, 4, 0.4, 0.3, 0.5), wave_cm=0.42, wavelength_cm=1.25,
    ),
    HairStyle.TIED: Recipe(
        count=2300, points=14, length_cm=18.0, height_cm=0.4, clump=0.2, stray=0.05, shell_cm=0.12,
        habit=Habit(0.1, 0.3, 0.0, ramp_cm=0.5, cling=0.9), look=RibbonStyle(0.26, 0.4, 0.92, 0.15, 9, 1.0, 0.4, 0.85),
    ),
}  # fmt: skip
