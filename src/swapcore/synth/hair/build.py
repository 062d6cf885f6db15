"""Hair of one person: from the parameters to ribbons and an under-shell."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from swapcore.synth.colors import hair_color, strand_colors
from swapcore.synth.hair import combs
from swapcore.synth.hair.growth import Comb, clump, crosses_face, cut_at_throat, cut_below, grow, resample
from swapcore.synth.hair.ribbons import RibbonStyle, dress
from swapcore.synth.hair.roots import Obstacle, Roots, scatter_roots
from swapcore.synth.hair.scalp import (
    SKULL_CENTER,
    Array,
    bald_distance,
    hairline_distance,
    smoothstep,
    unit,
    wander,
)
from swapcore.synth.hair.scarf import wear_scarf
from swapcore.synth.hair.styles import RECIPES, Recipe
from swapcore.synth.hair.tie import grow_knot, tie_place
from swapcore.synth.head import Head, load_topology
from swapcore.synth.identity import HairStyle, Identity
from swapcore.synth.layers import Layer, Material, Part, Ribbons

_LIGHTEST = 0.8
"""Albedo that no lock exceeds."""
_COARSE = 0.25
"""Below this detail ribbons have fewer points, and single hairs are too thin to be seen."""
_LONG = (HairStyle.BOB, HairStyle.LONG_STRAIGHT, HairStyle.LONG_WAVY)


@dataclass(frozen=True)
class GrownHair:
    """Hair of one person."""

    ribbons: tuple[Ribbons, ...]
    layers: tuple[Layer, ...]


def root_distance(identity: Identity, where: Array) -> Array:
    """Distance (N,) in cm of canonical points (N, 3) from this person's hairline, positive where hair grows."""
    style = HairStyle(identity.hair_style)
    if style is HairStyle.BALD:
        return bald_distance(where, identity.hairline)
    receding = style is HairStyle.RECEDING
    temples = max(identity.hair_temples, 0.8) if receding else identity.hair_temples
    return hairline_distance(where, identity.hairline + (1.3 if receding else 0.0), temples)


@functools.cache
def _possible() -> Array:
    """Indices of the skin's vertices that some hairline includes."""
    canonical = load_topology().canonical["skin"]
    return np.nonzero((hairline_distance(canonical, -1.0, 0.0) > -1.5) & (canonical[:, 1] > -9.5))[0]


def vertex_distance(identity: Identity, head: Head) -> Array:
    """root_distance of the skin's vertices (V,); -5 far outside of every hairline."""
    distance = np.full(len(head.vertices), -5.0, np.float32)
    possible = _possible()
    distance[possible] = root_distance(identity, head.canonical[possible])
    return distance


def growth_cover(identity: Identity, where: Array, soft: float = 1.2) -> Array:
    """Density of roots (N,), 0 to 1, at canonical points (N, 3); the hairline is soft cm wide and a little ragged."""
    return cover_at(identity, where, root_distance(identity, where), soft)


def cover_at(identity: Identity, where: Array, distance: Array, soft: float = 1.2) -> Array:
    """growth_cover where root_distance (N,) is already known."""
    cover = np.zeros(len(where), np.float32)
    possible = (distance > -0.8) & (where[:, 1] > -9.0)
    inside = where[possible]
    ragged = 0.20 * wander(inside, 1.6, identity.hair_seed)[:, 0]
    ragged += 0.12 * wander(inside, 0.5, identity.hair_seed)[:, 1]
    cover[possible] = smoothstep(-0.2, soft, distance[possible] + ragged)
    if identity.hair_style == HairStyle.RECEDING:
        cover *= 1 - 0.45 * identity.age * smoothstep(9.0, 10.2, where[:, 1])
    return cover


def scalp_cover(identity: Identity, where: Array) -> Array:
    """Share of hair's color that the painted scalp takes (N,), 0 to 1, at canonical points (N, 3)."""
    style = HairStyle(identity.hair_style)
    cover = growth_cover(identity, where, 1.7)
    amount = {HairStyle.BALD: 0.45, HairStyle.SHAVED: 0.42, HairStyle.HEADSCARF: 0.0, HairStyle.BUZZ: 0.75}.get(
        style, 0.8
    )
    amount = min(1.0, amount * (0.75 + 0.4 * identity.hair_thickness))
    return np.asarray(cover * amount, dtype=np.float32)


def grow_hair(identity: Identity, head: Head, detail: float) -> GrownHair:
    """Grow a person's hair.

    Args:
        identity: parameters of the person.
        head: the head at rest.
        detail: number of ribbons, 1 for images of 256 pixels.
    """
    style = HairStyle(identity.hair_style)
    if style is HairStyle.SHAVED:
        return GrownHair((), ())
    if style is HairStyle.HEADSCARF:
        return GrownHair((), wear_scarf(identity, head))
    recipe = RECIPES[style]
    if detail < _COARSE:
        recipe = replace(recipe, points=max(3, 2 * recipe.points // 3), strays=0)
    distance = vertex_distance(identity, head)
    cover = cover_at(identity, head.canonical, distance) * (1 - head.groups["ears"])
    count = int(recipe.count * detail**0.7)
    if style in (*_LONG, HairStyle.SIDE_PART):
        cover = cover * parting_density(identity, style, head.canonical)
    lift = recipe.shell_cm * shell_share(recipe, distance)
    ribbons = _main(identity, head, style, recipe, cover, lift, count)
    layers = (under_shell(identity, head, lift, cover),) if recipe.shell_cm else ()
    if style is HairStyle.TIED:
        knot, core = grow_knot(identity, head, detail)
        ribbons, layers = (*ribbons, *knot), (*layers, *core)
    return GrownHair(ribbons, layers)


def _main(
    identity: Identity, head: Head, style: HairStyle, recipe: Recipe, cover: Array, lift: Array, count: int
) -> tuple[Ribbons, ...]:
    rng = np.random.default_rng([identity.hair_seed, 1])
    roots = scatter_roots(head, cover, count, rng)
    roots = replace(roots, cover=growth_cover(identity, roots.canonical))
    raised = recipe.shell_cm * shell_share(recipe, root_distance(identity, roots.canonical))
    roots = replace(roots, position=roots.position + roots.normal * raised[:, None])
    layer = layers_of(roots, rng)
    curves = _grown(identity, Obstacle(head, lift), style, recipe, roots, layer, rng)
    vary = 0.4 if style is HairStyle.BUZZ else 1.0
    color = strand_colors(identity.hair_darkness, identity.hair_redness, identity.hair_gray, count, rng, vary)
    # Neighbors are lighter or darker together, as hair that saw more or less sun; hair without pigment is not.
    tones = wander(roots.canonical, 1.6, identity.hair_seed + 4)[:, :2]
    vary *= 1 - 0.7 * identity.hair_gray
    color = np.minimum(color * np.exp(0.28 * vary * (tones[:, :1] + 0.6 * tones[:, 1:])), _LIGHTEST)
    if style in _LONG:
        keep = ~crosses_face(curves)
        curves, layer, color, roots = curves[keep], layer[keep], color[keep], roots.take(keep)
    wider = float(np.clip((recipe.count / count) ** 0.5, 0.6, 2.0))
    look = replace(recipe.look, width_cm=recipe.look.width_cm * wider)
    return dress(curves, roots, layer, color, look, rng), *_strays(curves, roots, color, recipe, rng)


def _grown(
    identity: Identity,
    obstacle: Obstacle,
    style: HairStyle,
    recipe: Recipe,
    roots: Roots,
    layer: Array,
    rng: np.random.Generator,
) -> Array:
    """Curves (S, K, 3) of the style."""
    edge = smoothstep(0.0, 2.2, root_distance(identity, roots.canonical))
    volume = 0.75 + 0.5 * identity.hair_thickness
    # Hair is flat in some places and loose in others; a random height for each ribbon separates the locks.
    uneven = (
        1
        + 0.40 * wander(roots.canonical, 5.0, identity.hair_seed + 2)[:, 0]
        + 0.15 * rng.normal(size=len(roots)).clip(-2, 2)
    )
    height = recipe.height_cm * volume * (0.05 + 0.95 * layer) * (0.2 + 0.8 * edge) * np.maximum(uneven, 0.3)
    comb = strayed(comb_of(identity, style, roots), roots, recipe.stray, identity.hair_seed, rng)
    length = length_of(identity, style, recipe, roots, rng)
    steps = max(recipe.points, int(np.ceil(recipe.length_cm / 1.2)) + 1)
    curves = grow(roots, length, height, comb, recipe.habit, obstacle, steps)
    share = np.ones(len(roots), np.float32)
    if style in _LONG:
        share = np.minimum(cut_below(curves, end_of(identity, style, roots, rng)), cut_at_throat(curves))
    if style in _LONG or steps != recipe.points:
        curves = resample(curves, share, recipe.points)
    if recipe.wave_cm:
        curves = waved(curves, roots, recipe, rng, identity.hair_seed)
    if recipe.clump:
        along = np.linspace(0, 1, recipe.points, dtype=np.float32)
        curves = clump(curves, roots, 11, recipe.clump * smoothstep(0.1, 1.0, along), rng)
    return curves


def _strays(curves: Array, roots: Roots, color: Array, recipe: Recipe, rng: np.random.Generator) -> tuple[Ribbons, ...]:
    """Single thin hairs that leave the outline."""
    if not recipe.strays:
        return ()
    chosen = np.sort(rng.choice(len(curves), min(recipe.strays, len(curves)), replace=False))
    path, num = curves[chosen], curves.shape[1]
    along = np.linspace(0, 1, num, dtype=np.float32)[None, :, None]
    outward = unit(path - SKULL_CENTER)
    bend = rng.normal(size=(len(chosen), 1, 3)).astype(np.float32) * along**1.5 * 0.7
    sway = np.sin(along * rng.uniform(2, 7, (len(chosen), 1, 1)) + rng.uniform(0, 6.28, (len(chosen), 1, 1))) * 0.12
    away = outward * (0.10 + np.abs(rng.normal(size=(len(chosen), 1, 1))) * 0.50) * smoothstep(0.0, 0.5, along)
    inward = np.minimum((bend * outward).sum(-1, keepdims=True), 0) * outward
    moved = path + bend - inward + away + sway * along
    thin = RibbonStyle(0.022, 0.4, 0.55, 0.5, 0, 0.7, 0.9, 0.9)
    keep = ~crosses_face(moved)
    chosen, moved = chosen[keep], moved[keep]
    return (dress(moved, roots.take(chosen), np.ones(len(chosen), np.float32), color[chosen], thin, rng),)


def parting_density(identity: Identity, style: HairStyle, where: Array) -> Array:
    """Density of ribbons (N,) at canonical points (N, 3): more where hair leaves the parting to both sides."""
    side = 3.6 * combs.side_of(identity) if style is HairStyle.SIDE_PART else combs.part_x(identity)
    near = np.exp(-(((where[:, 0] - side) / 1.0) ** 2)) * smoothstep(3.0, 6.0, where[:, 1])
    return np.asarray(0.45 + 0.55 * near, dtype=np.float32)


def layers_of(roots: Roots, rng: np.random.Generator) -> Array:
    """Layer (N,) of each root, 0 innermost to 1: hair that grows higher covers what grows below it."""
    rank = smoothstep(-6.0, 10.0, roots.canonical[:, 1])
    return np.asarray(0.55 * rng.random(len(roots)) + 0.45 * rank, dtype=np.float32)


def comb_of(identity: Identity, style: HairStyle, roots: Roots) -> Comb:
    """The style's direction of combing."""
    if style in (HairStyle.LONG_STRAIGHT, HairStyle.LONG_WAVY, HairStyle.BOB):
        return combs.parted(identity, roots, 0.55, root_distance(identity, roots.canonical))
    if style is HairStyle.SIDE_PART:
        return combs.swept(identity, roots)
    if style is HairStyle.FRINGE:
        sides = (
            combs.parted(identity, roots, 0.3, root_distance(identity, roots.canonical))
            if identity.hair_length > 0
            else combs.whorl(identity, roots)
        )
        return combs.fringe(identity, roots, sides)
    if style is HairStyle.TIED:
        return combs.tied(identity, roots)
    if style is HairStyle.CURLY:
        return combs.outward(identity, roots)
    return combs.whorl(identity, roots)


def strayed(comb: Comb, roots: Roots, amount: float, seed: int, rng: np.random.Generator) -> Comb:
    """A comb whose every ribbon goes its own way a little, neighbors alike."""
    own = rng.normal(size=(len(roots), 3)).astype(np.float32) * amount
    own = own + 1.3 * amount * wander(roots.canonical, 2.2, seed + 7)

    def comb_stray(where: Array, share: float) -> Array:
        return unit(comb(where, share) + own)

    return comb_stray


def length_of(identity: Identity, style: HairStyle, recipe: Recipe, roots: Roots, rng: np.random.Generator) -> Array:
    """Length (N,) of each ribbon in cm."""
    y, z = roots.canonical[:, 1], roots.canonical[:, 2]
    vary = 1 + 0.13 * rng.normal(size=len(roots)).clip(-2, 2)
    length = recipe.length_cm * vary
    if style in (HairStyle.SHORT, HairStyle.SIDE_PART, HairStyle.FRINGE, HairStyle.RECEDING):
        longer = 1 + (0.57 if identity.hair_length < 0 else 0.35) * identity.hair_length
        top = smoothstep(0.5, 6.5, y)
        length = longer * (vary * (1.1 + 1.1 * smoothstep(-4, 1.5, y)) * (1 - top) + length * top)
    if style is HairStyle.FRINGE:
        end = 1.9 - 0.5 * identity.hair_length
        reach = np.hypot(y - end, np.maximum(0, 1.5 - z))
        # No two locks end at the same height: a straight edge looks like a wig.
        locks = wander(roots.canonical, 1.3, identity.hair_seed + 6)[:, 0]
        reach = reach * (0.98 + 0.15 * locks + 0.13 * rng.normal(size=len(roots)).clip(-2, 1.5))
        share = combs.in_fringe(roots.canonical)
        length = length * (1 - share) + reach * share
    if style is HairStyle.CURLY:
        length = np.maximum(length * (1 + 0.45 * identity.hair_length), 1.2) * (0.45 + 0.55 * smoothstep(-5, 5, y))
    if style is HairStyle.TIED:
        length = np.linalg.norm(roots.canonical - tie_place(identity), axis=1) * 1.12 + 0.5
    return np.asarray(length, dtype=np.float32)


def end_of(identity: Identity, style: HairStyle, roots: Roots, rng: np.random.Generator) -> Array:
    """Height (N,) at which long hair ends."""
    middle, spread = (-10.0, 2.5) if style is HairStyle.BOB else (-21.0, 4.0)
    jitter = rng.normal(size=len(roots)).clip(-2, 2) * (0.35 if style is HairStyle.BOB else 1.2)
    return np.asarray(middle - spread * identity.hair_length + jitter, dtype=np.float32)


def waved(curves: Array, roots: Roots, recipe: Recipe, rng: np.random.Generator, seed: int) -> Array:
    """Curves with waves: neighbors swing together, tips more than roots."""
    count, num, _ = curves.shape
    tangent = unit(np.gradient(curves, axis=1))
    outward = unit(curves - np.array([0.0, 1.5, -8.0], np.float32) * np.array([1, 0, 1], np.float32))
    side = unit(np.cross(tangent, outward))
    out = unit(np.cross(side, tangent))
    arc = np.concatenate([np.zeros((count, 1)), np.cumsum(np.linalg.norm(np.diff(curves, axis=1), axis=2), 1)], 1)
    phase = 2.2 * wander(roots.canonical, 5.0, seed + 3)[:, :1] + 0.5 * rng.normal(size=(count, 1))
    if recipe.wavelength_cm < 3:
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
    pace = 2 * np.pi / recipe.wavelength_cm * (1 + 0.15 * rng.normal(size=(count, 1)).clip(-2, 2))
    grow_in = smoothstep(0.05, 0.6 if recipe.wavelength_cm > 3 else 0.2, np.linspace(0, 1, num))[None]
    swing = recipe.wave_cm * grow_in * (1 + 0.25 * rng.normal(size=(count, 1)).clip(-1.5, 1.5))
    angle = phase + pace * arc
    moved = curves + side * (swing * np.sin(angle))[..., None] + out * (swing * 0.7 * np.cos(angle))[..., None]
    return np.asarray(moved, dtype=np.float32)


def shell_share(recipe: Recipe, distance: Array) -> Array:
    """Height of the under-shell (N,) at distances from the hairline (N,), 0 at the hairline to 1 inside."""
    return smoothstep(0.0, max(2.5, 2.6 * recipe.shell_cm), distance)


def under_shell(identity: Identity, head: Head, lift: Array, cover: Array) -> Layer:
    """A dark layer at height lift (V,) above the scalp, so that no skin shines through the hair."""
    covered = cover > 0.02
    faces = head.triangles[
        covered[head.triangles[:, 0]] & covered[head.triangles[:, 1]] & covered[head.triangles[:, 2]]
    ]
    used, index = np.unique(faces, return_inverse=True)
    triangles = index.reshape(faces.shape)
    vertices = head.vertices[used] + head.normals[used] * lift[used, None]
    edge = lift[used] / lift.max()
    opacity = smoothstep(0.25, 0.95, cover[used]) * smoothstep(0.02, 0.3, edge)
    color = hair_color(identity.hair_darkness, identity.hair_redness, identity.hair_gray) * 0.55
    return Layer(
        vertices=vertices.astype(np.float32),
        triangles=triangles.astype(np.int32),
        normals=head.normals[used],
        color=np.broadcast_to(color, vertices.shape).astype(np.float32),
        opacity=opacity.astype(np.float32),
        detail=np.zeros((len(used), 2), np.float32),
        material=Material.HAIR,
        attach="head",
        part=Part.HAIR,
        two_sided=True,
    )
