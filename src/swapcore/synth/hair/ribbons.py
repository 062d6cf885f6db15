"""Ribbons from curves of hair: width, opacity, color and light."""

from dataclasses import dataclass

import numpy as np

from swapcore.synth.hair.roots import Roots
from swapcore.synth.hair.scalp import Array, smoothstep
from swapcore.synth.layers import Part, Ribbons


@dataclass(frozen=True)
class RibbonStyle:
    """How the ribbons of one style are drawn."""

    width_cm: float
    tip_width: float
    """Share of the width that is left at the tip."""
    opacity: float
    fade: float
    """Share of the length over which the tip fades."""
    fibers: float
    gloss: float
    inner_light: float
    """Light that reaches the innermost layer."""
    root_light: float
    """Light at the root as a share of that at the tip."""


def dress(
    curves: Array, roots: Roots, layer: Array, color: Array, look: RibbonStyle, rng: np.random.Generator
) -> Ribbons:
    """Make ribbons.

    Args:
        curves: (S, K, 3).
        roots: their roots.
        layer: (S,) 0 innermost to 1 outermost.
        color: (S, 3) albedo.
        look: how they are drawn.
        rng: where the random numbers come from.
    """
    count, num, _ = curves.shape
    along = np.linspace(0, 1, num, dtype=np.float32)[None]
    step = np.linalg.norm(np.diff(curves, axis=1), axis=2)
    arc = np.concatenate([np.zeros((count, 1)), np.cumsum(step, 1)], 1).astype(np.float32)
    wide = (
        look.width_cm * rng.uniform(0.65, 1.35, (count, 1)) * (0.35 + 0.65 * smoothstep(0.3, 1.0, roots.cover))[:, None]
    )
    profile = (0.35 + 0.65 * smoothstep(0, 0.08, along)) * (1 - (1 - look.tip_width) * smoothstep(0.45, 1.0, along))
    fade = np.minimum(1.0, look.fade * rng.uniform(0.6, 1.5, (count, 1)))
    opacity = look.opacity * (1 - smoothstep(0.0, 1.0, (along - 1 + fade) / fade))
    opacity = opacity * _soft_hairline(roots.cover[:, None], arc)
    deep = look.inner_light + (1 - look.inner_light) * layer[:, None]
    light = deep * (look.root_light + (1 - look.root_light) * smoothstep(0.0, 2.0, arc))
    return Ribbons(
        points=curves.astype(np.float32),
        width=(wide * profile).astype(np.float32),
        opacity=opacity.clip(0, 1).astype(np.float32),
        color=color.astype(np.float32),
        light=light.clip(0, 1).astype(np.float32),
        root=roots.vertex,
        fibers=look.fibers,
        gloss=look.gloss,
        part=Part.HAIR,
    )


def _soft_hairline(cover: Array, arc: Array) -> Array:
    """Share of the opacity (S, K) that is left where hair is sparse (S, 1), least near the roots; arc (S, K) in cm."""
    thin = 1 - cover
    return np.asarray((1 - 0.7 * thin * (1 - smoothstep(0.0, 0.8, arc))) * (1 - 0.35 * thin))
