"""Images while they are drawn."""

from dataclasses import dataclass

import torch

from swapcore.synth.batched.shading import Shaded
from swapcore.synth.layers import Part
from swapcore.synth.passes import COVERS, DENSE


@dataclass(frozen=True)
class Canvas:
    """Supersampled images, P pixels of all together; changed in place."""

    image: torch.Tensor
    """(3, P) linear RGB."""
    parts: torch.Tensor
    """(P,) values of Part."""
    depth: torch.Tensor
    """(P,) cm."""

    def put(self, pixels: torch.Tensor, parts: torch.Tensor, depth: torch.Tensor) -> None:
        """Set what pixels (N,) show, and its depth; a pixel of the number P is nowhere."""
        for kept, values in ((self.parts, parts), (self.depth, depth)):
            longer = torch.cat([kept, kept[:1]])
            longer[pixels] = values
            kept.copy_(longer[:-1])

    def blend(self, shaded: Shaded, depth: torch.Tensor) -> None:
        """Blend a layer over the images where it is not behind what they show, as passes.blend_layers does.

        Args:
            shaded: the layer's pixels.
            depth: (N,) of the layer there.
        """
        pixels, color = shaded.pixels, shaded.channels
        in_front = depth <= self.depth[pixels]
        alpha = color[10] * in_front
        light = color[0:3] * color[3:6] * alpha + color[6:9] * in_front
        self.image[:, pixels] = self.image[:, pixels] * (1 - alpha) + light
        covers = alpha > COVERS
        self.parts[pixels] = torch.where(covers, shaded.parts, self.parts[pixels])
        hides = covers & ((shaded.parts != int(Part.HAIR)) | (alpha > DENSE))
        self.depth[pixels] = torch.where(hides, depth, self.depth[pixels])
