"""Hair of the head: ribbons of strands over an under-shell."""

from swapcore.synth.hair.build import Grown, grow_hair, scalp_cover
from swapcore.synth.hair.styles import HairStyle

__all__ = ["Grown", "HairStyle", "grow_hair", "scalp_cover"]
