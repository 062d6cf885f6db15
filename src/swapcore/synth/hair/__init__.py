"""Hair of the head: ribbons of strands over an under-shell."""

from swapcore.synth.hair.build import GrownHair, grow_hair, scalp_cover
from swapcore.synth.hair.lay import lay_hair

__all__ = ["GrownHair", "grow_hair", "lay_hair", "scalp_cover"]
