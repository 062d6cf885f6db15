"""The true swap: what the template's photograph would show had the source's face been there."""

from swapcore.synth.attributes import Attributes
from swapcore.synth.identity import FACE_PARAMETERS, Identity
from swapcore.synth.render import Picture, render


def true_swap(source: Identity, template: Identity) -> Identity:
    """The source's face (shape, features, brows, lips, iris, beard, marks) on the template's head.

    Hair, ears, neck, skin tone and head size stay the template's; brows and beard bring their own color.
    """
    return template.but(**{name: getattr(source, name) for name in FACE_PARAMETERS})


def render_true_swap(source: Identity, template: Identity, attributes: Attributes, size_px: int) -> Picture:
    """The template's photograph (its attributes) with the source's face, exact to the pixel."""
    return render(true_swap(source, template), attributes, size_px)
