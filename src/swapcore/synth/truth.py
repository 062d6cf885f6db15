"""The true swap: what the template's image would show had the source's face been there."""

from swapcore.synth.attributes import Attributes
from swapcore.synth.identity import Identity
from swapcore.synth.render import Picture, render
from swapcore.synth.subject import true_swap

__all__ = ["render_true_swap", "true_swap"]


def render_true_swap(source: Identity, template: Identity, attributes: Attributes, size_px: int) -> Picture:
    """The template's image (its attributes) with the source's face, exact to the pixel."""
    return render(true_swap(source, template), attributes, size_px)
