"""From visible triangles to light: one loop over the pixels of the supersampled image."""

import math
from typing import NamedTuple

import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.compiled import compiled, inlined
from swapcore.synth.curves import bell, choose, smoothstep
from swapcore.synth.eyes import eye_albedo
from swapcore.synth.light import environment_at
from swapcore.synth.mouth import tongue_color, tooth_color
from swapcore.synth.noise import rotated_noise
from swapcore.synth.rasterize import barycentric
from swapcore.synth.shadow import lit_share
from swapcore.synth.surface import texture_place

ALBEDO, IRRADIANCE, GLOSS, SKIN, HAIRY = slice(0, 3), slice(3, 6), slice(6, 9), 9, 10
"""Channels of the buffer: color, light that arrives diffusely, light that is reflected, where skin scatters, painted hair."""
BUFFER_CHANNELS = 11


class Scene(NamedTuple):
    """Solid surfaces in front of the camera; V vertices, T triangles."""

    placed: Floats
    """(V, 3) cm, the camera's frame."""
    normal: Floats
    """(V, 3)."""
    local: Floats
    """(V, 3): place on the mean head (skin, teeth, tongue), direction in the eye's frame, or color (layers)."""
    extra: Floats
    """(V, 4): skin: occlusion, inside of the mouth, lash lines; eyes: side; teeth: upper; layers: detail."""
    triangles: Ints
    material: Ints
    """(T,) Material."""
    part: Ints
    """(T,) Part; the skin's is refined by pixel."""


class ShadingInputs(NamedTuple):
    """What shading needs of the person and the image."""

    texture: Floats
    turn: Floats
    """(3, 3) of the head."""
    wrinkles: Floats
    """(4,) how far expression deepens lines: forehead, crow's feet, glabella, folds of the mouth."""
    iris: Floats
    age: float
    darkness: float
    oiliness: float
    offset: float
    upper_edges: Floats
    lower_edges: Floats


class Lamps(NamedTuple):
    """Light, and what stops it."""

    key: Floats
    color: Floats
    environment: Floats
    axes: Floats
    center: Floats
    solid: Floats
    hair: Floats
    spread: float
    taps: Floats
    eye_point: Floats


@compiled
def sample_texture(texture: Floats, u: float, v: float, values: Floats) -> None:
    """Read every channel between the texels; u wraps around."""
    height, width = texture.shape[0], texture.shape[1]
    x, y = u * width - 0.5, min(height - 1.001, max(0.0, (1 - v) * height - 0.5))
    left, top = math.floor(x), int(y)
    fx, fy = x - left, y - top
    a, b = int(left) % width, (int(left) + 1) % width
    for n in range(texture.shape[2]):
        above = texture[top, a, n] * (1 - fx) + texture[top, b, n] * fx
        below = texture[top + 1, a, n] * (1 - fx) + texture[top + 1, b, n] * fx
        values[n] = above * (1 - fy) + below * fy


@compiled
def _lobe(alpha: float, nh: float, nv: float, nl: float) -> float:
    """GGX distribution times Smith's shadowing (Walter et al., 2007), times the cosine to the light."""
    square = alpha * alpha
    base = nh * nh * (square - 1) + 1
    k = alpha / 2
    return square / (math.pi * base * base) / (4 * (nv * (1 - k) + k) * (nl * (1 - k) + k)) * nl


@compiled
def _bounced(occlusion: float, albedo: float) -> float:
    """Occlusion with the light that bright surfaces send into each other (Jimenez et al., SIGGRAPH 2016 course)."""
    a, b, c = 2.0404 * albedo - 0.3324, -4.7951 * albedo + 0.6417, 2.7552 * albedo + 0.6903
    return max(occlusion, ((occlusion * a + b) * occlusion + c) * occlusion)


@compiled
def shade_solids(
    shown: Ints,
    corners: Floats,
    scene: Scene,
    look: ShadingInputs,
    lamps: Lamps,
    cavity: Floats,
    eye_light: Floats,
    block: Floats,
    buffer: Floats,
    parts: Ints,
) -> None:
    """Fill the buffer and the parts where a triangle is shown.

    Args:
        shown: (F, F) triangle, -1 for none.
        corners: (V, 3) projected vertices.
        scene: the surfaces.
        look: of the person.
        lamps: the light.
        cavity: (F, F) share of the light that reaches small hollows.
        eye_light: (F, F) share of the light that reaches an eye past its lids.
        block: of noise.
        buffer: (F, F, BUFFER_CHANNELS), written.
        parts: (F, F), written.
    """
    values = np.empty(look.texture.shape[2], np.float32)
    position, normal, local, extra = np.empty(3), np.empty(3), np.empty(3), np.empty(4)
    for y in range(shown.shape[0]):
        for x in range(shown.shape[1]):
            t = shown[y, x]
            if t < 0:
                continue
            i, j, k = scene.triangles[t, 0], scene.triangles[t, 1], scene.triangles[t, 2]
            a, b, c = barycentric(corners, i, j, k, x, y)
            for n in range(3):
                position[n] = a * scene.placed[i, n] + b * scene.placed[j, n] + c * scene.placed[k, n]
                normal[n] = a * scene.normal[i, n] + b * scene.normal[j, n] + c * scene.normal[k, n]
                local[n] = a * scene.local[i, n] + b * scene.local[j, n] + c * scene.local[k, n]
            for n in range(4):
                extra[n] = a * scene.extra[i, n] + b * scene.extra[j, n] + c * scene.extra[k, n]
            material = scene.material[t]
            frame = frame_of(position, normal, material, lamps)
            reached = reached_share(position, frame, lamps)
            parts[y, x] = scene.part[t]
            if material == 0:
                parts[y, x] = shade_skin(local, extra, frame, reached, cavity[y, x], look, lamps, values, buffer[y, x])
            elif material == 1:
                shade_eye(local, extra, frame, reached, eye_light[y, x], look, lamps, block, buffer[y, x])
            elif material == 2 or material == 3:
                shade_mouth(material, local, extra, frame, reached, cavity[y, x], look, lamps, block, buffer[y, x])
            else:
                shade_layer(material, local, extra, frame, reached, cavity[y, x], lamps, block, buffer[y, x])


@inlined
def frame_of(position: Floats, normal: Floats, material: int, lamps: Lamps) -> tuple[float, ...]:
    """Unit vectors of the normal and toward the camera, 6 numbers; the back of a layer is lit as its front."""
    vx = lamps.eye_point[0] - position[0]
    vy = lamps.eye_point[1] - position[1]
    vz = lamps.eye_point[2] - position[2]
    length = 1 / math.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx * length, vy * length, vz * length
    length = 1 / max(1e-9, math.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2))
    nx, ny, nz = normal[0] * length, normal[1] * length, normal[2] * length
    if material >= 4:
        side = choose(nx * vx + ny * vy + nz * vz < 0, -1.0, 1.0)
        nx, ny, nz = nx * side, ny * side, nz * side
    return nx, ny, nz, vx, vy, vz


@inlined
def reached_share(position: Floats, frame: tuple[float, ...], lamps: Lamps) -> float:
    """Share of the key light that reaches a surface past others and past hair."""
    nx, ny, nz, _, _, _ = frame
    lit, past_hair = lit_share(
        position[0] + 0.06 * nx, position[1] + 0.06 * ny, position[2] + 0.06 * nz,
        1 - max(0.0, nx * lamps.key[0] + ny * lamps.key[1] + nz * lamps.key[2]),
        lamps.axes, lamps.center, lamps.solid, lamps.hair, lamps.spread, lamps.taps,
    )  # fmt: skip
    return lit * past_hair


@compiled
def _skin_part(local: Floats, extra: Floats, values: Floats) -> int:
    """FACE, BROW, LIP, MOUTH, NECK, HAIR, BEARD or EAR, by place and by what is painted there."""
    jaw = -6.6 - 0.46 * (local[2] + 7.0)
    part = choose(local[1] < jaw - 0.4, 7, choose(local[2] < -9.5, 7, 1))
    part = choose(values[13] > 0.35, 9, part)
    part = choose(values[12] > 0.2, 2, part)
    part = choose(values[10] > 0.3, 8, part)
    part = choose(values[14] > 0.5, 10, part)
    part = choose(values[11] > 0.5, 5, part)
    return choose(extra[1] > 0.5, 6, part)


@compiled
def shade_skin(
    local: Floats,
    extra: Floats,
    frame: tuple[float, ...],
    reached: float,
    cavity: float,
    look: ShadingInputs,
    lamps: Lamps,
    values: Floats,
    out: Floats,
) -> int:
    """Write the buffer's channels of a pixel of skin, and return its Part."""
    nx, ny, nz, _, _, _ = frame
    u, v = texture_place(local[0], local[1], local[2])
    sample_texture(look.texture, u, v, values)
    # Slopes are in the mean head's frame: turned with the head, flattened onto the surface.
    fold = _expression_lines(local, look)
    scale = 1 - 0.35 * look.darkness
    sx = (values[4] + fold * values[7]) * scale
    sy = (values[5] + fold * values[8]) * scale
    sz = (values[6] + fold * values[9]) * scale
    gx = look.turn[0, 0] * sx + look.turn[0, 1] * sy + look.turn[0, 2] * sz
    gy = look.turn[1, 0] * sx + look.turn[1, 1] * sy + look.turn[1, 2] * sz
    gz = look.turn[2, 0] * sx + look.turn[2, 1] * sy + look.turn[2, 2] * sz
    along = gx * nx + gy * ny + gz * nz
    bx, by, bz = nx - _cut(gx - along * nx), ny - _cut(gy - along * ny), nz - _cut(gz - along * nz)
    length = 1 / math.sqrt(bx * bx + by * by + bz * bz)
    bx, by, bz = bx * length, by * length, bz * length
    occlusion = min(1.0, max(0.0, extra[0])) ** 1.1 * cavity
    inside = smoothstep(0.2, 0.8, extra[1])
    deep = 0.06 + 0.94 * smoothstep(-1.5, 2.9, local[2]) ** 2
    values[0] += (0.36 * deep - values[0]) * inside
    values[1] += (0.105 * deep - values[1]) * inside
    values[2] += (0.095 * deep - values[2]) * inside
    values[3] += (0.32 - values[3]) * inside
    occlusion *= 1 - inside * (1 - deep)
    key = bx * lamps.key[0] + by * lamps.key[1] + bz * lamps.key[2]
    direct = reached * math.sqrt(occlusion)
    for n in range(3):
        wrap = 0.24 if n == 0 else (0.11 if n == 1 else 0.07)
        diffuse = max(0.0, (key + wrap) / (1 + wrap)) ** 1.15
        around = environment_at(lamps.environment, n, bx, by, bz) * _bounced(occlusion, values[n])
        out[n] = values[n]
        out[3 + n] = lamps.color[n] * diffuse * direct + around
    hairy = max(values[10], values[12], values[13])
    _skin_gloss(frame, (bx, by, bz), key, direct, occlusion, values[3], hairy, look, lamps, out)
    out[9] = 1.0
    out[10] = hairy
    return _skin_part(local, extra, values)


@compiled
def _cut(slope: float) -> float:
    return min(0.6, max(-0.6, slope))


@compiled
def _expression_lines(local: Floats, look: ShadingInputs) -> float:
    """How far the image's expression deepens the lines at a place of the mean head."""
    ax, y = abs(local[0]), local[1]
    forehead, crow, glabella, mouth = look.wrinkles[0], look.wrinkles[1], look.wrinkles[2], look.wrinkles[3]
    depth: float = choose(y > 2.6, forehead, choose(y > -1.0, choose(ax > 2.5, crow, glabella), mouth))
    return depth


@compiled
def _skin_gloss(
    frame: tuple[float, ...],
    bumped: tuple[float, float, float],
    key: float,
    direct: float,
    occlusion: float,
    rough: float,
    hairy: float,
    look: ShadingInputs,
    lamps: Lamps,
    out: Floats,
) -> None:
    """Reflection of the key light in two lobes, and of the surroundings."""
    _, _, _, vx, vy, vz = frame
    bx, by, bz = bumped
    hx, hy, hz = lamps.key[0] + vx, lamps.key[1] + vy, lamps.key[2] + vz
    length = 1 / max(1e-6, math.sqrt(hx * hx + hy * hy + hz * hz))
    hx, hy, hz = hx * length, hy * length, hz * length
    nh = max(0.0, bx * hx + by * hy + bz * hz)
    nv = max(1e-3, bx * vx + by * vy + bz * vz)
    nl = max(0.0, key)
    fresnel = 0.028 + 0.972 * (1 - max(0.0, hx * vx + hy * vy + hz * vz)) ** 5
    wide = rough * rough
    lobes = 0.75 * _lobe(wide, nh, nv, nl) + 0.25 * _lobe(wide * 0.5, nh, nv, nl)
    strength = 1.2 * fresnel * lobes * direct * (0.50 + 0.5 * look.oiliness) * (1 - 0.8 * hairy)
    rx, ry, rz = 2 * nv * bx - vx, 2 * nv * by - vy, 2 * nv * bz - vz
    grazing = (0.024 + (1 - rough) * 0.25 * (1 - nv) ** 5) * occlusion * math.sqrt(occlusion) * (1 - hairy)
    for n in range(3):
        out[6 + n] = min(1.6, strength) * lamps.color[n]
        out[6 + n] += environment_at(lamps.environment, n, rx, ry, rz) * grazing


@compiled
def shade_eye(
    local: Floats,
    extra: Floats,
    frame: tuple[float, ...],
    reached: float,
    open_share: float,
    look: ShadingInputs,
    lamps: Lamps,
    block: Floats,
    out: Floats,
) -> None:
    """Write the buffer's channels of a pixel of an eyeball."""
    nx, ny, nz, vx, vy, vz = frame
    length = 1 / math.sqrt(local[0] ** 2 + local[1] ** 2 + local[2] ** 2)
    dx, dy, dz = local[0] * length, local[1] * length, local[2] * length
    red, green, blue, cornea = eye_albedo(dx, dy, dz, extra[0], look.iris, look.age, look.offset, block)
    facing = nx * lamps.key[0] + ny * lamps.key[1] + nz * lamps.key[2]
    hx, hy, hz = lamps.key[0] + vx, lamps.key[1] + vy, lamps.key[2] + vz
    length = 1 / max(1e-6, math.sqrt(hx * hx + hy * hy + hz * hz))
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) * length)
    spark = (shine**900 * (3.2 * cornea + 0.3) + 0.008 * shine**30) * max(0.3, reached) * open_share
    nv = max(0.0, nx * vx + ny * vy + nz * vz)
    rx, ry, rz = 2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz
    # A window of the room, mirrored in the cornea.
    side = choose(lamps.key[0] > 0, -0.45, 0.45)
    window = smoothstep(0.905, 0.945, (rx * side + ry * 0.45 + rz * 0.8) / 1.023) * cornea
    mirror = (0.018 + 0.20 * (1 - nv) ** 5) * open_share
    # Tears stand on the edge of the lower lid.
    tears = bell(open_share - 0.50, 0.12) * smoothstep(-0.05, -0.25, dy)
    for n in range(3):
        color = red if n == 0 else (green if n == 1 else blue)
        light = lamps.color[n] * max(0.0, (facing + 0.25) / 1.25) * max(0.25, reached) * 0.80
        light += environment_at(lamps.environment, n, nx, ny, nz) * 0.85
        around = environment_at(lamps.environment, n, rx, ry, rz)
        out[n] = color
        out[3 + n] = light * open_share
        out[6 + n] = spark * lamps.color[n] + around * (mirror + 0.06 * window * open_share)
        out[6 + n] += tears * (0.10 * lamps.color[n] * max(0.3, reached) + 0.12 * around)
    out[9] = 0.0


@compiled
def shade_mouth(
    material: int,
    local: Floats,
    extra: Floats,
    frame: tuple[float, ...],
    reached: float,
    cavity: float,
    look: ShadingInputs,
    lamps: Lamps,
    block: Floats,
    out: Floats,
) -> None:
    """Write the buffer's channels of a pixel of teeth or tongue."""
    nx, ny, nz, vx, vy, vz = frame
    gum = 1.0
    if material == 2:
        red, green, blue, slope, gum = tooth_color(
            local[0], local[1], local[2], extra[0], look.upper_edges, look.lower_edges, look.offset, block
        )
        # Across the arch, in the head's frame: relief of the single tooth.
        tx, ty, tz = look.turn[0, 0], look.turn[1, 0], look.turn[2, 0]
        nx, ny, nz = nx + slope * tx, ny + slope * ty, nz + slope * tz
        length = 1 / max(1e-6, math.sqrt(nx * nx + ny * ny + nz * nz))
        nx, ny, nz = nx * length, ny * length, nz * length
    else:
        red, green, blue = tongue_color(local[0], local[2], look.offset, block)
    # Little light reaches the tongue and the back teeth: an opening is darker than the lips around it.
    deep = smoothstep(-2.0, 1.8, local[2]) if material == 2 else smoothstep(-4.5, 1.6, local[2])
    least, bounced = (0.30, 0.8) if material == 2 else (0.12, 0.5)
    open_share = (0.15 + 0.85 * deep * deep) * math.sqrt(cavity)
    facing = nx * lamps.key[0] + ny * lamps.key[1] + nz * lamps.key[2]
    hx, hy, hz = lamps.key[0] + vx, lamps.key[1] + vy, lamps.key[2] + vz
    length = 1 / max(1e-6, math.sqrt(hx * hx + hy * hy + hz * hz))
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) * length)
    wet = 0.22 if material == 2 else 0.10
    for n in range(3):
        color = red if n == 0 else (green if n == 1 else blue)
        light = lamps.color[n] * max(0.0, (facing + 0.3) / 1.3) * max(least, reached) * 0.70
        light += environment_at(lamps.environment, n, nx, ny, nz) * bounced
        out[n] = color
        out[3 + n] = light * open_share
        out[6 + n] = wet * (1 + gum) * shine**50 * lamps.color[n] * open_share * max(0.2, reached)
    out[9] = 0.0


@compiled
def shade_layer(
    material: int,
    local: Floats,
    extra: Floats,
    frame: tuple[float, ...],
    reached: float,
    cavity: float,
    lamps: Lamps,
    block: Floats,
    out: Floats,
) -> None:
    """Cloth, plastic, metal, glass, and hair's under-shell; the last channel is the opacity."""
    nx, ny, nz, vx, vy, vz = frame
    bright, gloss, power, wrap = 1.0, 0.02, 8.0, 0.25
    if material == 5:
        weave = rotated_noise(block, 0, extra[0], extra[1], 0.0, 7.0, 0.0)
        wool = rotated_noise(block, 1, extra[0], extra[1], 0.0, 1.1, 5.0)
        bright = 1 + 0.10 * weave + 0.07 * wool
    elif material == 6:
        gloss, power, wrap = 0.35, 60.0, 0.05
    elif material == 7:
        gloss, power, wrap = 0.9, 40.0, 0.0
    elif material == 8:
        # A lens is clear: its own color only tints what is behind it.
        gloss, power, wrap, bright = 1.2, 300.0, 0.0, 0.12
    elif material == 4:
        gloss, power = 0.03, 12.0
        bright = 1 + 0.25 * rotated_noise(block, 2, extra[0], extra[1] * 0.15, 0.0, 9.0, 0.0)
    facing = nx * lamps.key[0] + ny * lamps.key[1] + nz * lamps.key[2]
    hx, hy, hz = lamps.key[0] + vx, lamps.key[1] + vy, lamps.key[2] + vz
    length = 1 / max(1e-6, math.sqrt(hx * hx + hy * hy + hz * hz))
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) * length) ** power
    nv = max(0.0, nx * vx + ny * vy + nz * vz)
    rx, ry, rz = 2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz
    for n in range(3):
        light = lamps.color[n] * max(0.0, (facing + wrap) / (1 + wrap)) * reached
        out[n] = max(0.003, local[n] * bright)
        out[3 + n] = light * math.sqrt(cavity) + environment_at(lamps.environment, n, nx, ny, nz) * cavity
        mirrored = environment_at(lamps.environment, n, rx, ry, rz) * (0.04 + 0.3 * (1 - nv) ** 5) * min(1.0, 3 * gloss)
        out[6 + n] = (gloss * shine * lamps.color[n] * reached + mirrored * cavity) * (
            1.0 if material == 8 else extra[2]
        )
    out[9] = 0.0
    out[10] = extra[2]
