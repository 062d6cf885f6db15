"""A person's skin, baked once into textures: color, roughness and relief."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.compiled import compiled
from swapcore.synth.curves import bell, bell2, smoothstep
from swapcore.synth.identity import Identity
from swapcore.synth.noise import noise_block, rotated_noise
from swapcore.synth.surface import TexelMap, texel_map

CHANNELS = 15
"""Of a texture: albedo (3), roughness, slope at rest (3), slope of expression (3), SCALP, LIPS, BROW, BEARD, EARS."""
SCALP, LIPS, BROW, BEARD, EARS = range(10, 15)
_TONES = np.array(
    [
        (0.560, 0.381, 0.309), (0.496, 0.324, 0.251), (0.423, 0.267, 0.197),
        (0.345, 0.207, 0.138), (0.246, 0.138, 0.086), (0.156, 0.083, 0.052),
    ]
)  # fmt: skip
"""Linear RGB of skin without marks, from the palest to the darkest."""

_RUDDY = np.array([1.03, 0.965, 0.915])
"""Brings the hue of rendered skin to that of photographs."""


class SkinLook(NamedTuple):
    """What the loop over texels needs of an identity."""

    red: float
    green: float
    blue: float
    sex: float
    age: float
    wrinkles: float
    lip: float
    lip_makeup: float
    eye_makeup: float
    eye_shade: float
    flush: float
    freckles: float
    moles: float
    blotches: float
    oiliness: float
    shaven: float
    lash_dark: float
    offset: float
    texel_cm: float
    darkness: float


@dataclass(frozen=True)
class Cover:
    """Hair that is painted on the skin."""

    amount: Floats
    """(H, W) in 0..1."""
    color: Floats
    """(3,)."""
    channel: int
    """SCALP, BROW or BEARD."""
    speckle: float
    """0 an even tone, 1 single dots."""
    strength: float = 1.0
    """Share of the color where the amount is 1."""


def base_tone(skin_tone: float, undertone: float) -> Floats:
    """(3,) linear RGB of skin without marks."""
    place = skin_tone * (len(_TONES) - 1)
    low = min(int(place), len(_TONES) - 2)
    tone = _TONES[low] + (_TONES[low + 1] - _TONES[low]) * (place - low)
    shift = (0.02, -0.06, -0.02) if undertone < 0 else (-0.03, 0.02, -0.10)
    return np.asarray(tone * _RUDDY * (1 + abs(undertone) * np.array(shift)), dtype=np.float32)


def bake_skin(identity: Identity, tone_of: Identity, covers: list[Cover], height: int) -> Floats:
    """Bake the textures of a face.

    Args:
        identity: color and marks of the face.
        tone_of: whose skin tone it takes; in a swap the template, else the same.
        covers: painted hair, of the map's size.
        height: of the texture in texels; it is twice as wide.

    Returns:
        (height, 2 * height, CHANNELS) float32.
    """
    texels = texel_map(height)
    texture = np.zeros((height, 2 * height, CHANNELS), np.float32)
    relief = np.zeros((height, 2 * height, 2), np.float32)
    look = _look(identity, tone_of, height)
    marks = _draw_moles(identity)
    _paint(texels.place, texels.groups, look, marks, noise_block(), texture, relief)
    for cover in covers:
        look_of_hair = (cover.channel, cover.speckle, cover.strength)
        _paint_cover(texels.place, cover.amount, cover.color, look_of_hair, noise_block(), texture)
    _add_slopes(relief, texels.east, texels.south, texture)
    return texture


def _look(identity: Identity, tone_of: Identity, height: int) -> SkinLook:
    red, green, blue = (float(value) for value in base_tone(tone_of.skin_tone, tone_of.skin_undertone))
    male = max(0.0, identity.masculinity - 0.5) * 2
    return SkinLook(
        red=red, green=green, blue=blue, sex=identity.masculinity, age=identity.age, wrinkles=identity.wrinkles,
        lip=identity.lip_redness, lip_makeup=identity.lip_makeup, eye_makeup=identity.eye_makeup,
        eye_shade=identity.eye_shade, flush=identity.flush, freckles=identity.freckles, moles=identity.moles,
        blotches=identity.blotches, oiliness=identity.oiliness, shaven=male * identity.face_hair_darkness,
        lash_dark=identity.lash_length, offset=float(identity.marks_seed % 9973) * 0.371, texel_cm=22.0 / height,
        darkness=tone_of.skin_tone,
    )  # fmt: skip


def _draw_moles(identity: Identity) -> Floats:
    """(M, 3) x, y in cm and radius of moles on the front."""
    rng = np.random.default_rng([identity.marks_seed, 2])
    marks = np.stack([rng.uniform(-5.5, 5.5, 9), rng.uniform(-10, 6, 9), rng.uniform(0.05, 0.14, 9)], 1)
    return marks[rng.random(9) < 0.15 + 0.5 * identity.moles].astype(np.float32)


@compiled
def _paint(
    place: Floats, groups: Floats, look: SkinLook, moles: Floats, block: Floats, texture: Floats, relief: Floats
) -> None:
    for row in range(place.shape[0]):
        for column in range(place.shape[1]):
            x, y, z = place[row, column, 0], place[row, column, 1], place[row, column, 2]
            lips, lids, ears = groups[row, column, 0], groups[row, column, 1], groups[row, column, 2]
            upper_line, lower_line = groups[row, column, 4], groups[row, column, 5]
            coarse = rotated_noise(block, 0, x, y, z, 0.5, look.offset)
            middle = rotated_noise(block, 1, x, y, z, 1.6, look.offset)
            middle2 = rotated_noise(block, 2, x, y, z, 1.7, look.offset)
            fine = rotated_noise(block, 3, x, y, z, 5.0, look.offset)
            blood = _blood(x, y, z, lids, ears, look) + (0.13 * coarse + 0.13 * middle) * (0.5 + look.blotches)
            blood += 0.08 * fine
            melanin = _melanin(x, y, z, lids, look, moles, block) + 0.06 * middle2 + 0.035 * fine
            blood = min(2.0, max(-0.3, blood))
            red = look.red * math.exp(-0.06 * blood - 0.45 * melanin)
            green = look.green * math.exp(-0.42 * blood - 0.62 * melanin)
            blue = look.blue * math.exp(-0.36 * blood - 0.80 * melanin)
            height, moving = _wrinkles(x, y, z, middle, look)
            crease = min(1.0, max(0.0, -height / 0.035)) * 0.30
            crease += _lower_face_shade(x, y, z, coarse)
            red, green, blue = red * (1 - 0.6 * crease), green * (1 - 0.9 * crease), blue * (1 - crease)
            border = _lip_border(x, lips + 0.08 * fine)
            folds = 0.0
            if border > 0:
                folds = rotated_noise(block, 0, x * 6, y * 0.8, z * 0.5, 1.2, look.offset)
                lip_red, lip_green, lip_blue = _lip_color(x, y, look)
                tint = 1 + 0.09 * folds + 0.05 * middle
                red += (lip_red * tint - red) * border
                green += (lip_green * tint - green) * border
                blue += (lip_blue * tint - blue) * border
            # Edges of the lids
            line = upper_line * (0.76 + 0.15 * look.lash_dark + 0.25 * look.eye_makeup) + lower_line * (
                0.30 + 0.10 * look.lash_dark + 0.40 * look.eye_makeup
            )
            line = min(0.93, line)
            shadow = lids * smoothstep(-0.6, 0.6, y) * look.eye_makeup * 0.25
            red *= (1 - 0.87 * line) * (1 - 0.45 * shadow)
            green *= (1 - 0.88 * line) * (1 - 0.60 * shadow)
            blue *= (1 - 0.90 * line) * (1 - 0.55 * shadow)
            # Toward the pole below the neck a texel is stretched.
            fade = min(1.0, 0.05 / look.texel_cm) * smoothstep(-15.0, -12.0, y)
            pores = rotated_noise(block, 1, x, y, z, 8.0, look.offset) + 0.8 * fine
            # Single pores show in large images only.
            if look.texel_cm < 0.05:
                single = rotated_noise(block, 2, x, y, z, 15.0, look.offset) * smoothstep(0.05, 0.025, look.texel_cm)
                pores += 0.7 * single
            speck = 1 + (0.042 * pores + 0.03 * middle) * (1 - border) * fade
            red, green, blue = red * speck, green * speck, blue * speck
            rough_skin = 0.0030 * (1 + look.age) * (1 + 0.8 * bell2(x, 2.5, y + 2.5, 2.5))
            height += (1 - border) * rough_skin * pores * fade * (1 - 0.5 * look.darkness)
            if border > 0:
                height += border * (0.0060 * folds * fade + _lip_relief(x, y))
            texture[row, column, 0] = max(0.004, red)
            texture[row, column, 1] = max(0.003, green)
            texture[row, column, 2] = max(0.002, blue)
            oily = bell(x, 2.2) * smoothstep(-6, -3, y) * (0.5 + look.oiliness)
            rough = 0.56 + 0.05 * middle + 0.06 * pores * fade - 0.07 * oily + 0.05 * look.age
            rough -= border * (0.11 + 0.05 * look.lip_makeup)
            texture[row, column, 3] = min(0.8, max(0.25, rough))
            texture[row, column, 11] = border
            texture[row, column, 14] = ears
            relief[row, column, 0] = height
            relief[row, column, 1] = moving


@compiled
def _blood(x: float, y: float, z: float, lids: float, ears: float, look: SkinLook) -> float:
    """Redness: cheeks, nose, chin, ears and lids; the forehead has less."""
    ax, front = abs(x), smoothstep(-7, -2, z)
    elsewhere = 0.45 * ears + 0.22 * lids - 0.02 * bell2(ax, 4, y - 5, 2)
    if front <= 0:
        return elsewhere
    cheek = bell2(ax - 3.9, 2.0, y + 3.0, 1.7) * front
    nose = bell2(x, 1.2, y + 3.6, 1.0) * bell(z - 3.5, 2.5)
    chin = bell2(x, 1.5, y + 9.3, 1.0)
    amount = (0.16 + 0.40 * look.flush) * (cheek + 1.5 * nose + 0.4 * chin)
    amount += 0.12 * bell2(ax - 1.5, 0.7, y + 3.5, 0.8) * front
    return amount + elsewhere


@compiled
def _melanin(x: float, y: float, z: float, lids: float, look: SkinLook, moles: Floats, block: Floats) -> float:
    """Pigment: around the eyes, freckles, moles, spots of age, and below the chin."""
    ax, front = abs(x), smoothstep(-7, -2, z)
    around_eye = bell2(ax - 3.2, 1.6, y + 1.5, 0.75) * front
    inner = bell2(ax - 1.6, 0.6, y + 0.2, 1.0) * front
    amount = (0.22 + 0.50 * look.eye_shade + 0.25 * look.age) * (0.46 - 0.20 * look.darkness) * around_eye
    amount += (0.05 + 0.18 * look.eye_shade) * lids + 0.05 * inner + 0.10 * smoothstep(-10, -13, y)
    if look.freckles > 0:
        dots = rotated_noise(block, 1, x, y, z, 7.0, look.offset + 3)
        dense = 0.45 * rotated_noise(block, 2, x, y, z, 0.9, look.offset + 4) + 0.35 * look.freckles
        amount += 0.42 * look.freckles * smoothstep(0.6, 1.6, dots + dense) * bell(y + 1.5, 3.0) * front
    if look.age > 0.45:
        spots = rotated_noise(block, 2, x, y, z, 1.7, look.offset + 5)
        amount += 0.5 * (look.age - 0.4) * smoothstep(0.65, 1.5, spots)
    for m in range(len(moles)):
        distance = math.sqrt((x - moles[m, 0]) ** 2 + (y - moles[m, 1]) ** 2)
        amount += 1.3 * smoothstep(1.25 * moles[m, 2], 0.6 * moles[m, 2], distance) * front
    # A shaven beard darkens jaw, chin and upper lip.
    jaw = smoothstep(-4.6, -6.0, y) * smoothstep(-13.0, -11.0, y) * smoothstep(-9.0, -6.0, z)
    return amount + 0.24 * look.shaven * jaw


@compiled
def _lip_border(x: float, lips: float) -> float:
    """Share of the vermilion at a place where the mesh's mask of the lips has a value: its skin's side is nearly all lip."""
    return smoothstep(0.03, 0.70, lips) * (1 - 0.30 * smoothstep(1.5, 2.5, abs(x)))


@compiled
def _lip_color(x: float, y: float, look: SkinLook) -> tuple[float, float, float]:
    """Red of blood where skin is fair, brown where it is dark; the upper lip and the line between them are darker."""
    strength = (0.66 + 0.42 * look.lip) * (1 - 0.18 * look.sex) * (1 - 0.08 * look.age)
    fair = 1 - look.darkness
    red = look.red * math.exp((-0.06 - 0.16 * fair) * strength)
    green = look.green * math.exp((-0.38 - 0.52 * fair) * strength)
    blue = look.blue * math.exp((-0.14 - 0.44 * fair) * strength)
    paint = 0.30 * look.lip_makeup
    red += (0.26 - red) * paint
    green += (0.028 - green) * paint
    blue += (0.05 - blue) * paint
    shade = (0.20 + 0.10 * look.darkness) * smoothstep(-6.78, -6.55, y)
    # No wider: parted lips would look open.
    line = bell(y + 6.70 - 0.02 * x * x, 0.06)
    red *= (1 - shade) * (1 - 0.20 * line)
    green *= (1 - shade) * (1 - 0.30 * line)
    blue *= (1 - shade) * (1 - 0.28 * line)
    return red, green, blue


@compiled
def _lip_relief(x: float, y: float) -> float:
    """Height in cm of the lips above the skin: a rim, the pillow in the middle of the upper lip, and the two of the lower."""
    ax = abs(x)
    return 0.022 + 0.030 * bell2(x, 0.55, y + 6.32, 0.22) + 0.050 * bell2(ax - 0.62, 0.75, y + 7.25, 0.30)


@compiled
def _lower_face_shade(x: float, y: float, z: float, waver: float) -> float:
    """Shade in 0..1 of small hollows at every age: corners of the mouth, below them and the lower lip, the fold of the nose."""
    if z < -2.0 or y > -3.0 or y < -10.4:
        return 0.0
    ax, front = abs(x), smoothstep(-2.0, 0.5, z)
    corner = 0.30 * bell2(ax - 2.45, 0.26, y + 6.70, 0.17) + 0.09 * bell2(ax - 2.75 - 0.05 * waver, 0.30, y + 7.4, 0.55)
    fold = 0.09 * _nose_fold(ax, y, waver, 0.26)
    below_lip = 0.10 * bell2(x, 1.15, y + 8.22, 0.26)
    return (corner + fold + below_lip) * front


@compiled
def _nose_fold(ax: float, y: float, waver: float, width: float) -> float:
    """Depth in 0..1 of the fold from the wing of the nose past the corner of the mouth."""
    if y > -3.1 or y < -6.9:
        return 0.0
    along = min(1.0, max(0.0, (-3.3 - y) / 3.6))
    line = bell(ax - 1.95 - 1.25 * along - 0.055 * waver, width)
    return line * smoothstep(-3.1, -3.9, y) * smoothstep(-6.9, -5.6, y)


@compiled
def _wrinkles(x: float, y: float, z: float, waver: float, look: SkinLook) -> tuple[float, float]:
    """Height in cm of lines at rest, and of lines that expression deepens."""
    ax = abs(x)
    front = smoothstep(-5.0, -2.0, z)
    if front <= 0:
        return 0.0, 0.0
    # Most lines are far from most places: what would be zero is not computed.
    forehead, crow, bag, glabella = 0.0, 0.0, 0.0, 0.0
    if y > 2.2 and ax < 4.6:
        for line in (3.2, 4.05, 4.9):
            forehead += bell(y - line - 0.22 * math.cos(0.75 * x) - 0.10 * waver, 0.085)
        forehead *= smoothstep(4.6, 2.5, ax)
    out = ax - 4.9
    if 0 < out < 1.7:
        for slope in (-0.55, -0.15, 0.3):
            crow += bell(y + 0.1 - out * slope - 0.06 * waver, 0.06)
        crow *= smoothstep(0.0, 0.3, out) * smoothstep(1.7, 0.8, out)
    if abs(ax - 3.2) < 1.7 and -2.6 < y < -0.6:
        bag = bell(y + 1.55 + 0.10 * ((ax - 3.2) / 1.5) ** 2 + 0.05 * waver, 0.07) * smoothstep(1.7, 1.0, abs(ax - 3.2))
    if ax < 1.2 and -1.5 < y < 4.7:
        glabella = bell(ax - 0.55 - 0.05 * waver, 0.07) * bell(y - 1.6, 0.7)
    fold = _nose_fold(ax, y, waver, 0.11)
    deep = max(0.0, look.age - 0.22) * (0.45 + 0.85 * look.wrinkles)
    rest = -0.042 * deep * forehead - 0.036 * deep * crow - 0.030 * deep * bag - 0.032 * deep * glabella
    rest -= (0.040 * deep + 0.006) * fold
    lively = 0.35 + look.age
    moving = -0.030 * lively * forehead - 0.026 * lively * crow - 0.026 * lively * glabella - 0.030 * lively * fold
    return rest * front, moving * front


@compiled
def _paint_cover(
    place: Floats, amount: Floats, color: Floats, look: tuple[int, float, float], block: Floats, texture: Floats
) -> None:
    channel, speckle, strength = look
    for row in range(place.shape[0]):
        for column in range(place.shape[1]):
            share = amount[row, column]
            if share <= 0.003:
                continue
            x, y, z = place[row, column, 0], place[row, column, 1], place[row, column, 2]
            if speckle > 0:
                dots = rotated_noise(block, 3, x, y, z, 9.0, 0.0)
                share *= 1 - speckle + speckle * min(1.6, max(0.1, 0.7 + 0.9 * dots))
            share = min(0.96, share * strength)
            for n in range(3):
                texture[row, column, n] += (color[n] - texture[row, column, n]) * share
            texture[row, column, channel] = amount[row, column]


@compiled
def _add_slopes(relief: Floats, east: Floats, south: Floats, texture: Floats) -> None:
    """Gradient of the heights on the surface, in the mean head's frame, from the texels' own steps."""
    rows, columns = relief.shape[0], relief.shape[1]
    for row in range(rows):
        up, down = max(0, row - 1), min(rows - 1, row + 1)
        for column in range(columns):
            left, right = (column - 1) % columns, (column + 1) % columns
            ex, ey, ez = east[row, column, 0], east[row, column, 1], east[row, column, 2]
            sx, sy, sz = south[row, column, 0], south[row, column, 1], south[row, column, 2]
            ee, es, ss = ex * ex + ey * ey + ez * ez, ex * sx + ey * sy + ez * sz, sx * sx + sy * sy + sz * sz
            determinant = ee * ss - es * es
            if determinant < 1e-10:
                continue
            for kind in range(2):
                du = (relief[row, right, kind] - relief[row, left, kind]) / 2
                dv = (relief[down, column, kind] - relief[up, column, kind]) / 2
                a, b = (ss * du - es * dv) / determinant, (ee * dv - es * du) / determinant
                first = 4 + 3 * kind
                texture[row, column, first] = a * ex + b * sx
                texture[row, column, first + 1] = a * ey + b * sy
                texture[row, column, first + 2] = a * ez + b * sz


def texture_map(height: int) -> TexelMap:
    """The map that covers must be evaluated on."""
    return texel_map(height)
