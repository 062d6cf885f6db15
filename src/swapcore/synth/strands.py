"""Strands of hair as curves of points; what shading needs of a point is worked out only where one is seen."""

from dataclasses import dataclass

import torch

from swapcore.synth.curves import Tensor, unit
from swapcore.synth.mesh import Part, Vertices


@dataclass(frozen=True)
class Strands:
    """S strands of n points each, in the head's frame; point p is point p % n of strand p // n."""

    path: Tensor
    """(S, n, 3) cm."""
    light: Tensor
    """(S, K) share of the surroundings' light, at K places evenly along the strand."""
    normal: Tensor
    """(S, 3) of the skin at the root."""
    root: Tensor
    """(S, 3) cm on the neutral head."""
    tint: Tensor
    """(S,) deviation of the color."""
    part: Part

    @property
    def num_points(self) -> int:
        """S times n."""
        return self.path.shape[0] * self.path.shape[1]

    def at(self, point: Tensor) -> Vertices:
        """The points with these numbers (P,)."""
        count = self.path.shape[1]
        strand, place = torch.div(point, count, rounding_mode="floor"), point % count
        ahead, behind = self.path[strand, (place + 1).clamp(max=count - 1)], self.path[strand, (place - 1).clamp(min=0)]
        control = place.to(torch.float32) * ((self.light.shape[1] - 1) / (count - 1))
        left = control.floor().clamp(max=self.light.shape[1] - 2).long()
        light = torch.lerp(self.light[strand, left], self.light[strand, left + 1], control - left)
        return Vertices(
            position=self.path[strand, place],
            normal=self.normal[strand],
            rest=self.root[strand],
            tangent=unit(ahead - behind),
            occlusion=light,
            tint=self.tint[strand],
            part=torch.full_like(point, int(self.part)),
        )


def sample_curves(controls: Tensor, num_samples: int) -> Tensor:
    """Points (S, num_samples, 3) evenly along the broken lines through control points (S, K, 3)."""
    num_controls = controls.shape[1]
    at = torch.linspace(0, num_controls - 1, num_samples, device=controls.device)
    left = at.floor().clamp(max=num_controls - 2).long()
    return torch.lerp(controls[:, left], controls[:, left + 1], (at - left)[None, :, None])
