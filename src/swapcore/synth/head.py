"""The head as one grid of points: profile curves, features in relief, expression, and the light that reaches its hollows."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.interpolate import CubicSpline, PchipInterpolator

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor, bell, bell2, smoothstep
from swapcore.synth.features import (
    EYEBALL_RADIUS,
    Eye,
    Mouth,
    Nose,
    eye_of,
    lid_edges,
    lip_heights,
    mouth_line,
    mouth_of,
    nose_of,
)
from swapcore.synth.identity import Identity
from swapcore.synth.mesh import grid_normals, smooth_grid

Curve = npt.NDArray[np.float64]
_NUM_ROWS, _NUM_COLUMNS = 250, 215
"""Of the grid at full detail; rows and columns crowd where the features are."""
_LINE_Y = -6.95
"""Where the grid is densest: its rows there become the line between the lips."""

_PROFILE = np.array(
    [
        # y, half width, front z, z of the widest place, back z
        (11.6, 0.01, -8, -8.5, -9),
        (11.3, 2.6, -5.2, -8.8, -12),
        (10.3, 4.7, -2.9, -9, -14.8),
        (8.3, 6.3, -1.1, -9, -17),
        (6, 7.1, -0.05, -9, -18.3),
        (3.8, 7.4, 0.4, -9, -18.7),
        (1.8, 7.35, 0.45, -9, -18.6),
        (0, 7.2, 0.15, -9, -18.2),
        (-2, 7.1, 0.2, -8.8, -17.3),
        (-4, 6.85, 0.4, -8.5, -16),
        (-6, 6.4, 0.6, -8.2, -14.8),
        (-7.8, 5.8, 0.6, -7.8, -14),
        (-9.2, 5.1, 0.4, -7.2, -13),
        (-10.4, 4.2, 0.25, -6.4, -11.5),
        (-11.3, 3.1, -0.3, -5.5, -9.5),
        (-11.8, 1.9, -1.3, -4.9, -7.5),
        (-11.95, 0.01, -4.4, -4.5, -4.6),
    ]
)
_ARC: Curve = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(_PROFILE[:, :3], axis=0) ** 2).sum(1)))])
ARC_LENGTH = float(_ARC[-1])


def _spread(density: Curve, positions: Curve, count: int) -> Curve:
    """count positions, closer together where the density is higher."""
    total = np.cumsum(density)
    return np.interp(np.linspace(0, 1, count), (total - total[0]) / (total[-1] - total[0]), positions)


def _step(start: float, end: float, x: Curve) -> Curve:
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def detail_of(pixels_per_cm: float) -> float:
    """How fine a grid a picture needs: 1 is full detail."""
    return min(1.0, 0.35 + pixels_per_cm / 36.0)


@lru_cache(maxsize=64)
def head_grid(num_rows: int, num_columns: int) -> tuple[Curve, Curve]:
    """Arc lengths of the rows and angles of the columns: dense over the face, densest between the lips."""
    arc = np.linspace(0, ARC_LENGTH, 4000)
    y = PchipInterpolator(_ARC, _PROFILE[:, 0])(arc)
    density = 1 + 3.2 * _step(4.5, 3, y) * _step(-12, -10.5, y) + 3 * np.exp(-(((y + 6.9) / 0.9) ** 2))
    density += 1.5 * np.exp(-(y**2)) + 14 * np.exp(-(((y - _LINE_Y) / 0.14) ** 2))
    angle = np.linspace(-np.pi, np.pi, 4001)
    density_across = 1 + 7 * _step(1.15, 0.8, np.abs(angle)) + 2 * np.exp(-((angle / 0.35) ** 2))
    return _spread(density, arc, num_rows), _spread(density_across, angle, num_columns)


def _knots(identity: Identity) -> Curve:
    """The profile's knots for one person."""
    knots, y, face = _PROFILE.copy(), _PROFILE[:, 0], identity
    square = 0.55 * face.jaw_width + 0.6 * (face.masculinity - 0.5)
    width = 1 + 0.07 * face.head_width + 0.20 * square * np.exp(-(((y + 8.6) / 3.0) ** 2))
    width += 0.24 * face.chin_width * np.exp(-(((y + 11.2) / 1.6) ** 2))
    width += 0.10 * face.cheekbones * np.exp(-(((y + 2.2) / 2.6) ** 2))
    width += 0.11 * face.cheek_fullness * np.exp(-(((y + 5.5) / 2.5) ** 2))
    knots[:, 1] *= width
    knots[:, 2] += 0.85 * face.chin_forward * np.exp(-(((y + 10.6) / 1.3) ** 2))
    knots[:, 2] += (0.3 * face.brow_ridge + 0.3 * face.masculinity) * np.exp(-(((y - 1.9) / 1.1) ** 2))
    knots[:, 2] += 0.45 * face.forehead_height * np.exp(-(((y - 7.5) / 2.0) ** 2))
    return knots


@dataclass(frozen=True)
class Bare:
    """The head without features: grids (R, C)."""

    x: Tensor
    y: Tensor
    z: Tensor
    front_z: Tensor
    """z of the profile in each row."""
    front: Tensor
    """1 on the face's side, 0 behind."""


def bare_head(identity: Identity, arc: Curve, angle: Curve, device: torch.device) -> Bare:
    """Super-ellipses along the profile: rows at arc lengths (cm from the crown), columns at angles (0 = front)."""
    knots = _knots(identity)
    curve = CubicSpline(_ARC, knots)(arc)
    curve[:, 1] = np.maximum(PchipInterpolator(_ARC, knots[:, 1])(arc), 0.005)
    y, width, front, side, back = (torch.as_tensor(curve[:, i : i + 1], dtype=torch.float32) for i in range(5))
    sine = torch.as_tensor(np.sin(angle)[None], dtype=torch.float32)
    cosine = torch.as_tensor(np.cos(angle)[None], dtype=torch.float32)
    x = width * sine.sign() * sine.abs() ** (2 / 2.25)
    ahead = side + (front - side) * cosine.abs() ** (2 / 2.25)
    behind = side - (side - back) * cosine.abs() ** (2 / 2.1)
    z = torch.where(cosine > 0, ahead, behind)
    grids = (x, y, z, front, smoothstep(0.05, 0.45, cosine))
    return Bare(*(g.expand(x.shape).contiguous().to(device) for g in grids))


def jaw_drop(y: Tensor, z: Tensor, front_z: Tensor) -> Tensor:
    """How much the underside of the jaw rises towards the neck, cm."""
    return 0.42 * smoothstep(-5.5, -11.5, y) * (front_z - 2.2 - z).clamp(0.0, 9.0)


def stretch(identity: Identity, y: Tensor) -> Tensor:
    """Vertical proportions: the face below the eyes and the forehead above the brows get longer or shorter."""
    below, above = 1 + 0.12 * identity.face_length, 1 + 0.11 * identity.forehead_height
    return torch.where(y < -2, -2 + (y + 2) * below, torch.where(y > 3, 3 + (y - 3) * above, y))


def _rounded(t: Tensor) -> Tensor:
    """0 before 0, 1 after 1, and a long round shoulder between: the underside of a nose turns away from the light slowly."""
    return torch.sin(0.5 * torch.pi * t.clamp(0.0, 1.0)) ** 1.2


def _nose_relief(nose: Nose, identity: Identity, x: Tensor, y: Tensor) -> Tensor:
    """Bridge, tip and wings of the nose, with shallow nostrils."""
    ax = x.abs()
    s = ((nose.top_y - y) / (nose.top_y - nose.tip_y)).clamp(0.0, 1.0)
    height = nose.root_height + (nose.tip_height - nose.root_height) * s**1.15
    height = height + 0.42 * identity.nose_hump * bell(s - 0.4, 0.22)
    arched = y - 0.20 * bell(ax - 0.65, 0.38) + 0.10 * bell(ax, 0.3)
    height = height * _rounded((arched - nose.base_y + 0.12) / (nose.tip_y - nose.base_y + 0.55))
    height = height * (1 - smoothstep(nose.top_y - 0.2, nose.top_y + 1.7, y))
    width = 0.78 + 0.10 * identity.nose_width + (0.26 + 0.14 * identity.nose_tip + 0.12 * identity.nose_width) * s**2
    broad = 0.46 + 0.08 * s**3
    z = height * ((1 - broad) * bell(ax, width) + broad * bell(ax, 0.95 + 0.45 * nose.half_width * s))
    z = z + (0.52 + 0.30 * identity.nose_tip) * bell2(x, 0.85, y - nose.tip_y - 0.02, 0.66)
    wing_x, wing_y = nose.half_width * 0.86, nose.tip_y - 0.14
    lower = _rounded((y - nose.base_y + 0.15) / (nose.tip_y - nose.base_y + 0.10))
    z = z + 0.85 * bell2(ax - wing_x, 0.44, y - wing_y, 0.52) * lower
    z = z - 0.22 * bell2(ax - wing_x * 0.95, 0.38, y - wing_y - 0.72, 0.34)
    z = z - 0.16 * bell2(ax - nose.half_width - 0.42, 0.30, y - wing_y, 0.6)
    return z - 0.34 * bell2(ax - 0.60 * nose.half_width / 1.42, 0.30, y - nose.base_y - 0.20, 0.20)


def _mouth_relief(mouth: Mouth, nose: Nose, x: Tensor, y: Tensor) -> Tensor:
    """Muzzle, lips, the groove between them, the corners and the philtrum."""
    ax, line = x.abs(), mouth_line(mouth, x)
    upper, lower = lip_heights(mouth, x)
    s, d = ax / mouth.half_width, y - line
    round_off = (1 - s**2).clamp(0.0, 1.0).sqrt()
    z = (0.55 + 0.48 * mouth.protrusion) * bell2(s, 0.95, y - mouth.y, 1.5)
    z = z + 0.34 * (0.5 + 0.5 * mouth.upper / 0.6) * round_off * bell(d - 0.42 * upper, 0.62 * upper + 0.06)
    z = z + 0.50 * (0.5 + 0.5 * mouth.lower / 0.84) * round_off * bell(d + 0.45 * lower, 0.55 * lower + 0.06)
    z = z - 0.40 * bell(d, 0.11) * (1 - smoothstep(0.9, 1.12, s))
    z = z - 0.22 * bell2(ax - mouth.half_width - 0.1, 0.38, d, 0.45)
    philtrum_y = (mouth.y + mouth.upper + nose.base_y) / 2 + 0.1
    z = z - 0.12 * bell2(x, 0.28, y - philtrum_y, 0.5)
    return z - 0.40 * bell2(x, 1.9, y - (mouth.y - mouth.lower - 0.62), 0.48)


def _skull_relief(eye: Eye, identity: Identity, x: Tensor, y: Tensor) -> Tensor:
    """Sockets, brow ridge, cheekbones, cheeks, chin."""
    ax = x.abs()
    z = -(1.15 + 0.35 * identity.eye_depth) * bell2(ax - eye.center_x, 1.75, y - 0.05, 1.15)
    z = z - 0.42 * bell2(ax - 1.5, 0.7, y - 0.2, 1.0)
    z = z + (0.20 * identity.lid_hood + 0.12 * identity.age) * bell2(ax - eye.center_x - 0.5, 1.3, y - 1.05, 0.42)
    ridge = 0.27 + 0.25 * identity.brow_ridge + 0.16 * identity.masculinity
    z = z + ridge * bell2(ax - 3.2, 2.0, y - 2.1 - 0.4 * identity.brow_height, 0.78)
    z = z + (0.50 + 0.48 * identity.cheekbones) * bell2(ax - 4.5, 1.6, y + 2.6, 1.3)
    z = z + (0.10 + 0.62 * identity.cheek_fullness) * bell2(ax - 3.9, 1.6, y + 5.6, 2.0)
    z = z + 0.58 * identity.midface * bell2(x, 4.2, y + 3.4, 2.4)
    chin = 0.42 + 0.32 * identity.chin_forward
    z = z + chin * bell2(x, 1.55 + 0.6 * identity.chin_width, y + 10.2, 1.0)
    return z - 0.30 * identity.chin_cleft * bell2(x, 0.32, y + 10.3, 0.75)


def _sagging(eye: Eye, age: float, x: Tensor, y: Tensor) -> Tensor:
    """What years do to the shape: hollow cheeks, jowls, bags below the eyes."""
    ax = x.abs()
    z = -0.34 * age * bell2(ax - 4.6, 1.4, y + 5.2, 1.6) + 0.40 * age**2 * bell2(ax - 3.4, 0.85, y + 9.0, 0.95)
    return z + 0.17 * age**2 * bell2(ax - eye.center_x, 1.15, y + 1.05, 0.36)


def _random_relief(seed: int, x: Tensor, y: Tensor) -> Tensor:
    """Eighteen soft bumps and dents, mostly symmetric, with a little asymmetry, none higher than 5 mm."""
    rng, ax = np.random.default_rng(seed), x.abs()
    side = x.sign() * smoothstep(0.0, 1.0, ax)
    z = torch.zeros_like(x)
    for _ in range(18):
        center_x, center_y, width = rng.uniform(0, 5.5), rng.uniform(-10.5, 4.5), rng.uniform(0.8, 1.8)
        both, skew = 0.22 * _bounded(rng), 0.05 * _bounded(rng)
        z = z + (both + skew * side) * bell2(ax - center_x, width, y - center_y, width)
    return z


def _bounded(rng: np.random.Generator) -> float:
    """A normal number, but never beyond two deviations."""
    return float(np.clip(rng.normal(), -2.0, 2.0))


def _fold_relief(nose: Nose, identity: Identity, x: Tensor, y: Tensor) -> Tensor:
    """The crease from the nose's wing past the mouth's corner, deeper with age."""
    ax = x.abs()
    crease = nose.half_width + 0.35 + (nose.tip_y - y) * 0.42
    reach = smoothstep(nose.base_y - 2.6, nose.base_y - 0.4, y) * (1 - smoothstep(nose.tip_y, nose.tip_y + 1.0, y))
    depth = 0.10 + 0.08 * identity.nasolabial_fold + 0.12 * identity.age
    return -depth * bell(ax - crease, 0.34) * reach


def _cover_eyeballs(eye: Eye, attributes: Attributes, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Lay the skin over the eyeballs as lids with rims and creases: a smooth maximum of the two surfaces."""
    blink, squint = attributes.blink, attributes.smile
    along, upper, _ = lid_edges(eye, x, blink, squint)
    inside = EYEBALL_RADIUS**2 - (x.abs() - eye.center_x) ** 2 - y**2
    lid = torch.where(inside > -0.6, eye.ball_z + (inside.clamp(min=0.0) + 0.02).sqrt() + 0.13, -50.0)
    lid = lid + 0.07 * bell(y - upper, 0.16) * (along.abs() < 1)
    lid = lid - 0.11 * bell(y - upper - eye.crease, 0.11) * smoothstep(1.1, 0.9, along.abs())
    softness = 0.22
    share = (0.5 + 0.5 * (lid - z) / softness).clamp(0.0, 1.0)
    return z * (1 - share) + lid * share + softness * share * (1 - share)


@dataclass(frozen=True)
class Head:
    """The head of one picture, in its own frame; grids (R, C, 3) and (R, C)."""

    rest: Tensor
    """The neutral head: where textures lie, and what expression is told by."""
    position: Tensor
    normal: Tensor
    occlusion: Tensor
    angle: Tensor
    """(C,) of the columns, 0 = front."""


def build_head(identity: Identity, attributes: Attributes, detail: float, device: torch.device) -> Head:
    """The whole head with its features and expression; detail 0 to 1 thins the grid out."""
    arc, angle = head_grid(round(_NUM_ROWS * detail), round(_NUM_COLUMNS * detail) // 2 * 2 + 1)
    bare = bare_head(identity, arc, angle, device)
    eye, mouth, nose = eye_of(identity), mouth_of(identity), nose_of(identity)
    x = bare.x
    near_mouth = bare.front * smoothstep(mouth.half_width + 2.4, mouth.half_width + 0.3, x.abs())
    y = bare.y + (mouth_line(mouth, x) - _LINE_Y) * bell(bare.y - _LINE_Y, 1.1) * near_mouth
    relief = _skull_relief(eye, identity, x, y) + _nose_relief(nose, identity, x, y)
    relief = relief + _mouth_relief(mouth, nose, x, y) + _fold_relief(nose, identity, x, y)
    relief = relief + _sagging(eye, identity.age, x, y) + _random_relief(identity.relief_seed, x, y)
    z = bare.z + relief * bare.front
    z = torch.where(bare.front > 0.5, _cover_eyeballs(eye, attributes, x, y, z), z)
    rest = torch.stack([x, y, z], -1)
    position = express(rest, bare, mouth, nose, attributes)
    lifted = position[..., 1] + jaw_drop(y, z, bare.front_z)
    position = torch.stack([position[..., 0], stretch(identity, lifted), position[..., 2]], -1)
    normal = grid_normals(position)
    return Head(rest, position, normal, _occlusion(position, normal, detail), torch.as_tensor(angle, device=device))


def lips_apart(attributes: Attributes) -> float:
    """How far the lips part without the jaw, 0 to 1."""
    return min(1.0, 0.6 * attributes.smile**2 + 0.25 * attributes.mouth_open)


def express(rest: Tensor, bare: Bare, mouth: Mouth, nose: Nose, attributes: Attributes) -> Tensor:
    """Move the points of the neutral head (R, C, 3) into the picture's expression."""
    x, y, _ = rest.unbind(-1)
    px, py, pz = (c.clone() for c in rest.unbind(-1))
    ax, smile = x.abs(), attributes.smile
    s = ax / mouth.half_width
    across = torch.where(s < 1, s**2, bell(ax - mouth.half_width, 1.75))
    corner = across * bell(y - mouth.y, 1.5) * bare.front * smile
    px, py, pz = px + x.sign() * 0.62 * corner, py + 0.74 * corner, pz - 0.50 * corner
    cheek = bell2(ax - 4.0, 1.35, y + 3.3, 1.25) * bare.front * smile
    py, pz = py + 0.32 * cheek, pz + 0.46 * cheek
    crease = nose.half_width + 0.45 + (nose.tip_y - y) * 0.50
    reach = smoothstep(mouth.y - 0.6, mouth.y + 0.6, y) * (1 - smoothstep(nose.tip_y - 0.2, nose.tip_y + 0.8, y))
    pz = pz - 0.24 * smile * bell(ax - crease, 0.30) * reach * bare.front
    py = py + 0.60 * attributes.brow_raise * bell(y - 2.3, 1.3) * bell(ax - 3, 3.2) * bare.front
    return _open_mouth(torch.stack([px, py, pz], -1), rest, mouth, attributes)


def _open_mouth(position: Tensor, rest: Tensor, mouth: Mouth, attributes: Attributes) -> Tensor:
    """Part the lips and turn the jaw about the hinge before the ears."""
    x, y, z = rest.unbind(-1)
    px, py, pz = position.unbind(-1)
    s, d = x.abs() / mouth.half_width, y - mouth_line(mouth, x)
    band = 0.07 + 1.1 * s.clamp(0.0, 1.0) ** 3 + 2.3 * smoothstep(0.9, 1.9, s)
    below = 1 - smoothstep(-0.5, 0.5, d / band)
    apart, middle = lips_apart(attributes), (1 - s**2).clamp(0.0, 1.0) ** 0.7
    py = py + apart * middle * bell(d, 1.2) * (0.40 * (1 - below) - 0.30 * below)
    angle = torch.deg2rad(15 * attributes.mouth_open * below * smoothstep(-13.0, -9.5, z))
    dy, dz = py + 2.2, pz + 9.0
    py, pz = -2.2 + dy * angle.cos() - dz * angle.sin(), -9.0 + dz * angle.cos() + dy * angle.sin()
    gap = bell(d, 0.07) * (1 - smoothstep(0.93, 1.02, s))
    pz = pz - gap * 0.9 * min(1.0, apart * 1.5 + attributes.mouth_open * 2)
    return torch.stack([px, py, pz], -1)


def _occlusion(position: Tensor, normal: Tensor, detail: float) -> Tensor:
    """Ambient light that reaches each point: less where the surface lies below its own smoothed self."""
    hidden = torch.zeros_like(position[..., 0])
    for sigma, weight in ((2.5, 1.5), (6.0, 0.85), (13.0, 0.38)):
        depth = ((smooth_grid(position, sigma * detail) - position) * normal).sum(-1)
        hidden = hidden + weight * depth.clamp(-0.1, 0.6)
    return (1 - hidden).clamp(0.28, 1.12)
