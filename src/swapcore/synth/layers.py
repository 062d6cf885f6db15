"""Geometry that hair and things people wear hand to the renderer.

All lengths are cm in the frame of a head at rest: the origin in the middle between the two eyeballs, y up, z out of the
face, x to the image's right of a person who faces the camera. Colors are linear RGB albedo. Everything is made once per
person, on the head at rest; the renderer moves ribbons with the skin vertex that they grow from, and layers with the head
or with the body.

`hair`, `brows`, `beard` and `lashes` return Ribbons; `glasses`, `headwear` and `clothes` return Layers; `hair` returns
both, because an under-shell below the ribbons keeps the scalp covered. What is denser than single ribbons can show (the
scalp under short hair, stubble, the base of a brow) is a cover function of canonical coordinates, which skin.py paints
into the person's texture.
"""

from dataclasses import dataclass
from enum import IntEnum

from swapcore.synth.asset import Floats, Ints


class Part(IntEnum):
    """What a pixel shows."""

    BACKGROUND = 0
    FACE = 1
    BROW = 2
    LASH = 3
    EYE = 4
    LIP = 5
    MOUTH = 6
    NECK = 7
    HAIR = 8
    BEARD = 9
    EAR = 10
    CLOTHES = 11
    GLASSES = 12
    HEADWEAR = 13


INNER_FACE = (Part.FACE, Part.BROW, Part.LASH, Part.EYE, Part.LIP, Part.MOUTH, Part.BEARD)
"""What a swap replaces."""


class Material(IntEnum):
    """How a surface answers to light."""

    SKIN = 0
    EYE = 1
    TEETH = 2
    TONGUE = 3
    HAIR = 4
    CLOTH = 5
    PLASTIC = 6
    METAL = 7
    GLASS = 8


@dataclass(frozen=True)
class Ribbons:
    """S camera-facing bands of K control points from root to tip: locks of hair, brow hairs, lashes."""

    points: Floats
    """(S, K, 3) cm."""
    width: Floats
    """(S, K) full width in cm."""
    opacity: Floats
    """(S, K) in 0..1."""
    color: Floats
    """(S, 3)."""
    light: Floats
    """(S, K) share of the light that arrives past other hair."""
    root: Ints
    """(S,) index of the skin vertex that the ribbon moves with."""
    fibers: float
    """Fine fibers across a ribbon, which streak its opacity and color; 0 is a plain band."""
    gloss: float
    """Strength of the highlight along the hair, 0..1."""
    part: Part


@dataclass(frozen=True)
class Layer:
    """A surface of triangles, counterclockwise seen from outside."""

    vertices: Floats
    """(V, 3) cm."""
    triangles: Ints
    """(T, 3)."""
    normals: Floats | None
    """(V, 3); None takes them from the triangles."""
    color: Floats
    """(V, 3)."""
    opacity: Floats
    """(V,): 1 is solid."""
    detail: Floats
    """(V, 2) surface coordinates in cm for the material's own pattern."""
    material: Material
    attach: str
    """"head" turns with the head, "body" bends with the neck as the skin does."""
    part: Part
    two_sided: bool
