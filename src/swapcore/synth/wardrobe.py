"""Everything on a person that is not skin: hair, brows, beard, lashes, clothes, glasses, headwear."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes
from swapcore.synth.beard import beard_cover, grow_beard
from swapcore.synth.brows import brow_cover, grow_brows
from swapcore.synth.clothes import wear_clothes
from swapcore.synth.colors import hair_color
from swapcore.synth.glasses import wear_glasses
from swapcore.synth.hair import grow_hair, lay_hair, scalp_cover
from swapcore.synth.head import Head
from swapcore.synth.headwear import wear_headwear
from swapcore.synth.identity import HairStyle, Identity
from swapcore.synth.lashes import grow_lashes
from swapcore.synth.layers import Layer, Ribbons
from swapcore.synth.skin import BEARD, BROW, SCALP, Cover
from swapcore.synth.surface import texel_map


@dataclass(frozen=True)
class GrownParts:
    """What grows on a person, once for all images."""

    hair: tuple[Ribbons, ...]
    """Of the head: it is laid differently in every image."""
    fixed: tuple[Ribbons, ...]
    """Brows, beard and lashes."""
    layers: tuple[Layer, ...]


def grow(identity: Identity, head: Head, detail: float) -> GrownParts:
    """Hair, brows, beard and lashes."""
    hair = grow_hair(identity, head, detail)
    fixed = (
        *grow_brows(identity, head, detail),
        *grow_beard(identity, head, detail),
        *grow_lashes(identity, head, detail),
    )
    return GrownParts(tuple(hair.ribbons), fixed, tuple(hair.layers))


def lay(grown: GrownParts, attributes: Attributes, head: Head) -> tuple[Ribbons, ...]:
    """Every ribbon as it is worn in an image."""
    return (*lay_hair(grown.hair, attributes, head), *grown.fixed)


def covers(identity: Identity, height: int) -> list[Cover]:
    """Painted hair of the scalp, the beard and the brows, on a texture of a height."""
    place = texel_map(height).place
    hair = hair_color(identity.hair_darkness, identity.hair_redness, identity.hair_gray)
    face = hair_color(identity.face_hair_darkness, identity.face_hair_redness, identity.face_hair_gray)
    x, y, z = place[..., 0], place[..., 1], place[..., 2]
    front = z > -9.0
    scalp = _evaluate(scalp_cover, identity, place, y > -10.0, 4)
    beard = _evaluate(beard_cover, identity, place, front & (y < -1.5) & (y > -14), 2)
    brows = _evaluate(brow_cover, identity, place, (z > -6) & (y > -1) & (y < 4.5) & (np.abs(x) < 7), 1)
    return [
        Cover(scalp, hair * np.float32(0.55), SCALP, 0.12),
        Cover(beard, face * np.float32(0.6), BEARD, 0.35),
        Cover(brows, face * np.float32(0.9), BROW, 0.45, 0.84),
    ]


def _evaluate(
    cover: Callable[[Identity, Floats], Floats],
    identity: Identity,
    place: Floats,
    where: npt.NDArray[np.bool_],
    step: int,
) -> Floats:
    """A cover at the texels where it can be more than zero; a smooth one at every few texels, and between them by interpolation."""
    few, asked = place[step // 2 :: step, step // 2 :: step], where[step // 2 :: step, step // 2 :: step]
    amount = np.zeros(few.shape[:2], np.float32)
    amount[asked] = cover(identity, np.ascontiguousarray(few[asked]))
    if step == 1:
        return amount
    return np.asarray(cv2.resize(amount, place.shape[1::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def clothes_color(attributes: Attributes) -> Floats:
    """(3,) linear RGB: from nearly white to nearly black; strong colors are darker than pale ones."""
    saturation = 0.75 * attributes.clothes_saturation
    value = (0.86 - 0.2 * saturation) * (1 - 0.85 * attributes.clothes_darkness)
    encoded = colorsys.hsv_to_rgb(attributes.clothes_hue, saturation, value)
    return np.asarray(np.array(encoded) ** 2.2, dtype=np.float32)


def wear(attributes: Attributes, head: Head, hair_style: int) -> tuple[Layer, ...]:
    """Clothes, glasses and headwear of one image; no headwear over a headscarf."""
    worn = [*wear_clothes(attributes.collar, head, clothes_color(attributes), attributes.background_seed)]
    if attributes.glasses:
        worn += wear_glasses(attributes.glasses, head, attributes.glasses_seed)
    if attributes.headwear and hair_style != HairStyle.HEADSCARF:
        worn += wear_headwear(attributes.headwear, head, attributes.glasses_seed)
    return tuple(worn)
