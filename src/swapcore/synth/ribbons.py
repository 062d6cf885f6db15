"""Ribbons of hair: moved with the skin, lit, and drawn with antialiased opacity from front to back."""

import math

import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.camera import Camera, Pose, follows_head
from swapcore.synth.compiled import compiled, inlined
from swapcore.synth.curves import choose
from swapcore.synth.head import Head
from swapcore.synth.layers import Ribbons
from swapcore.synth.light import environment_at
from swapcore.synth.shading import Lamps
from swapcore.synth.shadow import lit_share

_ORDER_CM = 1.0
"""Within half of this, ribbons are drawn in an order of their own instead of by depth."""
_OUTER_CM = 2.4
"""A ribbon that gets all the light is drawn as if it were half of this nearer than one that gets none."""
FEW_TAPS = 6
"""Lookups in the shadow map for a control point."""
FAINT, DARK, SHOWN = 0.004, 0.02, 0.5
"""Less opacity is not drawn; nothing is drawn where less of what is behind shows; a ribbon is what a pixel shows below this."""
SHORTEST = 1e-3
"""Pieces of fewer pixels are not drawn."""
HIDDEN_CM = 0.15
"""Ribbons fade to nothing this far behind a surface."""


def move_with_skin(ribbons: Ribbons, head: Head, vertices: Floats, normals: Floats) -> Floats:
    """Points (S, K, 3) that follow the skin from its rest to an expression: shifted and turned with the root's vertex."""
    root = ribbons.root
    shift = vertices[root] - head.vertices[root]
    if not np.abs(shift).max(initial=0.0) > 1e-4:
        return ribbons.points
    return _turned(ribbons.points, head.vertices[root], head.normals[root], vertices[root], normals[root])


@compiled
def _turned(points: Floats, before: Floats, normal_before: Floats, after: Floats, normal_after: Floats) -> Floats:
    """Turn each ribbon about its root by the smallest rotation between the two normals, then shift it."""
    moved = np.empty_like(points)
    for s in range(points.shape[0]):
        ax, ay, az = normal_before[s, 0], normal_before[s, 1], normal_before[s, 2]
        bx, by, bz = normal_after[s, 0], normal_after[s, 1], normal_after[s, 2]
        vx, vy, vz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        cosine = max(-0.9, ax * bx + ay * by + az * bz)
        factor = 1 / (1 + cosine)
        for k in range(points.shape[1]):
            px, py, pz = (
                points[s, k, 0] - before[s, 0],
                points[s, k, 1] - before[s, 1],
                points[s, k, 2] - before[s, 2],
            )
            along = (vx * px + vy * py + vz * pz) * factor
            moved[s, k, 0] = after[s, 0] + cosine * px + vy * pz - vz * py + along * vx
            moved[s, k, 1] = after[s, 1] + cosine * py + vz * px - vx * pz + along * vy
            moved[s, k, 2] = after[s, 2] + cosine * pz + vx * py - vy * px + along * vz
    return moved


def place_ribbons(points: Floats, pose: Pose) -> Floats:
    """(S, K, 3) in front of the camera; what hangs below the chin turns less with the head."""
    return pose.place(points, follows_head(0.7 * points[..., 1] - 2.0))


def light_ribbons(ribbons: Ribbons, placed: Floats, lamps: Lamps, middle: Floats) -> Floats:
    """Linear RGB (S, K, 3) of the control points."""
    color = np.empty_like(placed)
    _light(placed, ribbons.color, ribbons.light, ribbons.gloss, middle, lamps, color)
    return color


@compiled
def _light(
    placed: Floats, albedo: Floats, share: Floats, gloss: float, middle: Floats, lamps: Lamps, color: Floats
) -> None:
    """Diffuse light by the angle to the strand, and two highlights shifted along it (Marschner et al., 2003)."""
    num = placed.shape[1]
    few = lamps.taps[:FEW_TAPS]
    for s in range(placed.shape[0]):
        for k in range(num):
            before, after = max(0, k - 1), min(num - 1, k + 1)
            light_point(
                placed[s, k], placed[s, before], placed[s, after], middle, s, albedo[s], share[s, k], gloss, lamps, few,
                color[s, k],
            )  # fmt: skip


@inlined
def light_point(
    place: Floats,
    before: Floats,
    after: Floats,
    middle: Floats,
    number: int,
    albedo: Floats,
    inner: float,
    gloss: float,
    lamps: Lamps,
    few: Floats,
    color: Floats,
) -> None:
    """Write the linear RGB of a control point; before and after are its neighbors along the ribbon of this number."""
    x, y, z = place[0], place[1], place[2]
    tx, ty, tz = after[0] - before[0], after[1] - before[1], after[2] - before[2]
    length = 1 / max(1e-6, math.sqrt(tx * tx + ty * ty + tz * tz))
    tx, ty, tz = tx * length, ty * length, tz * length
    ox, oy, oz = x - middle[0], y - middle[1], z - middle[2]
    length = 1 / max(1e-6, math.sqrt(ox * ox + oy * oy + oz * oz))
    ox, oy, oz = ox * length, oy * length, oz * length
    vx, vy, vz = lamps.eye_point[0] - x, lamps.eye_point[1] - y, lamps.eye_point[2] - z
    length = 1 / math.sqrt(vx * vx + vy * vy + vz * vz)
    hx, hy, hz = vx * length + lamps.key[0], vy * length + lamps.key[1], vz * length + lamps.key[2]
    length = 1 / max(1e-6, math.sqrt(hx * hx + hy * hy + hz * hz))
    hx, hy, hz = hx * length, hy * length, hz * length
    lit, past_hair = lit_share(
        x + 0.1 * ox, y + 0.1 * oy, z + 0.1 * oz, 0.3, lamps.axes, lamps.center, lamps.solid, lamps.hair,
        lamps.spread, few,
    )  # fmt: skip
    along = tx * lamps.key[0] + ty * lamps.key[1] + tz * lamps.key[2]
    sine = math.sqrt(max(0.0, 1 - along * along))
    faces = max(0.0, (ox * lamps.key[0] + oy * lamps.key[1] + oz * lamps.key[2] + 0.35) / 1.35)
    # Locks are no smooth surface: each reflects the light at a slightly different angle.
    half = tx * hx + ty * hy + tz * hz + 0.30 * (_hash(number, 17) - 0.5)
    first = max(0.0, 1 - min(1.0, half + 0.10) ** 2) ** 40
    second = max(0.0, 1 - max(-1.0, half - 0.12) ** 2) ** 14
    direct = faces * lit * (0.35 + 0.65 * past_hair)
    for n in range(3):
        tone = albedo[n]
        around = environment_at(lamps.environment, n, ox, oy, oz)
        value = tone * (lamps.color[n] * sine * direct * inner * 0.85 + around * inner * 0.75)
        shine = 0.075 * first + 0.022 * second + 0.60 * second * tone / (1 + 3 * tone)
        value += gloss * lamps.color[n] * direct * inner * math.sqrt(inner) * shine + 0.012 * gloss * around * inner
        color[n] = value


def draw_ribbons(
    drawn: list[tuple[Ribbons, Floats, Floats]],
    camera: Camera,
    depth: Floats,
    image: Floats,
    parts: Ints,
    parts_depth: Floats,
) -> None:
    """Blend ribbons over an image.

    Args:
        drawn: ribbons with placed points (S, K, 3) and colors (S, K, 3).
        camera: of the supersampled image.
        depth: (F, F) of the solid surfaces.
        image: (F, F, 3) linear RGB, changed.
        parts: (F, F), changed where ribbons cover at least half.
        parts_depth: (F, F), changed in the same pixels.
    """
    if not drawn:
        return
    ends, looks, kinds, biases = [], [], [], []
    for number, (ribbons, placed, color) in enumerate(drawn):
        end, look = _pieces(ribbons, camera.project(placed), color, camera.focal_px)
        ends.append(end)
        looks.append(look)
        biases.append(order_biases(number, ribbons)[look[:, 10].astype(int)])
        kinds.append(np.full(len(end), number, np.int32))
    end, look, kind = np.concatenate(ends), np.concatenate(looks), np.concatenate(kinds)
    order = np.argsort(end[:, 2] + end[:, 5] + np.concatenate(biases), kind="stable").astype(np.int32)
    part = np.array([int(ribbons.part) for ribbons, _, _ in drawn], np.int32)
    fibers = np.array([ribbons.fibers for ribbons, _, _ in drawn], np.float32)
    through = np.ones(depth.shape, np.float32)
    sums = np.zeros((*depth.shape, 3), np.float32)
    _draw(end, look, kind, order, part, fibers, depth, sums, through, parts, parts_depth)
    image *= through[..., None]
    image += sums


def order_biases(number: int, ribbons: Ribbons) -> Floats:
    """(S,) cm that each ribbon is drawn as if it were farther, of the ribbons of this number in an image.

    A bias of its own keeps the order of two ribbons that touch the same along both; outer ones come first.
    """
    own = _ORDER_CM * np.random.default_rng(number).random(len(ribbons.points))
    return np.asarray(own - _OUTER_CM * ribbons.light.mean(1))


def _pieces(ribbons: Ribbons, projected: Floats, color: Floats, focal_px: float) -> tuple[Floats, Floats]:
    """Straight pieces of ribbons as rows.

    Returns:
        (P, 10): both ends' x, y, depth, then the direction of the cut (x, y) at each end; (P, 12): both ends' half width in
        pixels, opacity and color, then the ribbon's number and the piece's place along it.
    """
    tangent = np.gradient(projected[..., :2], axis=1)
    tangent = tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-6)
    ends = np.concatenate([projected[:, :-1], projected[:, 1:], tangent[:, :-1], tangent[:, 1:]], -1)
    half = ribbons.width * np.float32(focal_px / 2) / projected[..., 2]
    both = np.stack([half, ribbons.opacity], -1)
    num, pieces = half.shape[0], half.shape[1] - 1
    number = np.broadcast_to(np.arange(num, dtype=np.float32)[:, None, None], (num, pieces, 1))
    at = np.broadcast_to(np.arange(pieces, dtype=np.float32)[None, :, None], (num, pieces, 1))
    looks = np.concatenate([both[:, :-1], both[:, 1:], color[:, :-1], color[:, 1:], number, at], -1)
    return ends.reshape(-1, 10).astype(np.float32), looks.reshape(-1, 12).astype(np.float32)


@compiled
def _hash(a: int, b: int) -> float:
    """A number in 0..1 that depends on two integers."""
    h = (a * 374761393 + b * 668265263) & 0x7FFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65535.0


@compiled
def _streak(ribbon: int, across: float, along: float) -> float:
    """Smooth random number in 0..1 over a ribbon: fine across, slow along."""
    i, k = math.floor(across), math.floor(along)
    fx, fy = across - i, along - k
    fx = fx * fx * (3 - 2 * fx)
    first = _hash(ribbon * 131 + i, k) * (1 - fx) + _hash(ribbon * 131 + i + 1, k) * fx
    second = _hash(ribbon * 131 + i, k + 1) * (1 - fx) + _hash(ribbon * 131 + i + 1, k + 1) * fx
    return first * (1 - fy) + second * fy


@compiled
def streak(streaks: float, ribbon: int, across: float, half: float, at: float, t: float) -> tuple[float, float]:
    """Factors of a ribbon's opacity and brightness by its fibers at a pixel.

    Args:
        streaks: fibers across the ribbon.
        ribbon: its number.
        across: pixels from its middle.
        half: its half width in pixels.
        at: number of the piece along it.
        t: place along the piece, 0..1.
    """
    visible = min(streaks, max(1.0, 1.8 * half))
    value = _streak(ribbon, (across / max(half, 0.5) + 1) * 0.5 * visible, at * 0.5 + t * 0.5)
    return min(1.0, 0.40 + 1.5 * value), 0.60 + 0.80 * value


@compiled
def reach_of(h0: float, h1: float) -> float:
    """Pixels around a piece in which it can be seen, of its half widths at both ends."""
    return max(h0, h1, 0.5) + 0.5


@compiled
def cover(
    px: float, py: float, dx: float, dy: float, inverse: float, length: float, h0: float, h1: float
) -> tuple[float, float, float, float]:
    """How a straight piece of a ribbon covers a pixel.

    Args:
        px: from the piece's first end to the pixel.
        py: the same, down.
        dx: from the first end to the second.
        dy: the same, down.
        inverse: 1 / length².
        length: of the piece in pixels.
        h0: half width at the first end.
        h1: half width at the second end.

    Returns:
        Place along the piece in 0..1, half width there, pixels from its middle, and the share covered; <= 0 is none.
    """
    t = min(1.0, max(0.0, (px * dx + py * dy) * inverse))
    across = (px * dy - py * dx) / length
    half = h0 + (h1 - h0) * t
    covered = choose(half > 0.5, min(1.0, half + 0.5 - abs(across)), min(1.0, 1.0 - abs(across)) * 2 * half)
    return t, half, across, covered


@compiled
def _draw(
    end: Floats,
    look: Floats,
    kind: Ints,
    order: Ints,
    part: Ints,
    fibers: Floats,
    depth: Floats,
    sums: Floats,
    through: Floats,
    parts: Ints,
    parts_depth: Floats,
) -> None:
    height, width = depth.shape
    for n in range(len(order)):
        p = order[n]
        x0, y0, z0, x1, y1, z1 = end[p, 0], end[p, 1], end[p, 2], end[p, 3], end[p, 4], end[p, 5]
        h0, a0, h1, a1 = look[p, 0], look[p, 1], look[p, 2], look[p, 3]
        if max(a0, a1) < FAINT:
            continue
        reach = reach_of(h0, h1)
        left, right = max(0, math.ceil(min(x0, x1) - reach)), min(width - 1, math.floor(max(x0, x1) + reach))
        top, bottom = max(0, math.ceil(min(y0, y1) - reach)), min(height - 1, math.floor(max(y0, y1) + reach))
        dx, dy = x1 - x0, y1 - y0
        square = dx * dx + dy * dy
        if square < SHORTEST**2:
            continue
        inverse, length = 1 / square, math.sqrt(square)
        streaks = fibers[kind[p]]
        ribbon = int(look[p, 10])
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                if through[y, x] < DARK:
                    continue
                px, py = x - x0, y - y0
                # Pieces meet on the line that halves their angle: no pixel is drawn twice.
                if px * end[p, 6] + py * end[p, 7] < 0 or (x - x1) * end[p, 8] + (y - y1) * end[p, 9] >= 0:
                    continue
                t, half, across, covered = cover(px, py, dx, dy, inverse, length, h0, h1)
                if covered <= 0:
                    continue
                z = z0 + (z1 - z0) * t
                behind = z - depth[y, x]
                if behind > HIDDEN_CM:
                    continue
                covered *= min(1.0, 1 - behind / HIDDEN_CM)
                alpha = (a0 + (a1 - a0) * t) * covered
                bright = 1.0
                if streaks > 0:
                    thinner, bright = streak(streaks, ribbon, across, half, look[p, 11], t)
                    alpha *= thinner
                if alpha < FAINT:
                    continue
                share = min(1.0, alpha) * through[y, x]
                for m in range(3):
                    sums[y, x, m] += share * bright * (look[p, 4 + m] + (look[p, 7 + m] - look[p, 4 + m]) * t)
                before = through[y, x]
                through[y, x] -= share
                if before > SHOWN and through[y, x] <= SHOWN:
                    parts[y, x] = part[kind[p]]
                    parts_depth[y, x] = z
