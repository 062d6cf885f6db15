"""Hair and beard: a dark shell close to the scalp, and thousands of strands drawn over it point by point."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.interpolate import PchipInterpolator

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor, smoothstep, unit
from swapcore.synth.features import lip_heights, mouth_line, mouth_of
from swapcore.synth.head import ARC_LENGTH, Head, bare_head, jaw_drop, stretch
from swapcore.synth.identity import BALD, FRINGE, FULL, LONG, SHORT, Identity
from swapcore.synth.mesh import (
    Mesh,
    Part,
    Vertices,
    grid_normals,
    grid_triangles,
    join,
    plain_vertices,
)
from swapcore.synth.noise import noise
from swapcore.synth.strands import Strands, sample_curves

Array = npt.NDArray[np.float64]
_NUM_ROWS, _NUM_COLUMNS = 110, 120
_LINE_ANGLE_DEG = (0, 25, 42, 56, 66, 73, 80, 90, 104, 125, 180)
_LINE_Y = (6.5, 6.4, 5.6, 3.8, 1.8, -0.4, -0.8, 1.8, 0.5, -5.0, -7.5)
_LINE_Y_LONG = (6.8, 6.7, 5.9, 4.0, 1.4, -0.6, -2.0, -4.0, -6.0, -7.0, -8.0)
_LENGTH_CM = {SHORT: 2.6, FRINGE: 4.6, LONG: 24.0, FULL: 4.2, BALD: 1.0}
_MAX_DETAIL = 4.0
_HEAD_RADIUS = 7.5
"""cm, of the scalp at the hairline's height: brings its angles to lengths."""


def line_height(identity: Identity, angle: Array) -> Array:
    """y of the hairline at angles (0 = front, radians); hair grows above it."""
    line = np.array(_LINE_Y_LONG if identity.hair_style == LONG else _LINE_Y)
    line[:3] += 0.65 * identity.hairline * np.array([1.0, 1.2, 1.0])
    if identity.hair_style == BALD:
        line = np.maximum(line, [40, 40, 40, 40, 40, 1.0, 1.0, 3.0, 2.5, 1.5, 1.0])
    return np.asarray(PchipInterpolator(_LINE_ANGLE_DEG, line)(np.rad2deg(np.abs(angle))))


def above_line(identity: Identity, angle: Array, y: Tensor) -> Tensor:
    """Distance in cm (R, C) of points at heights y (R, C) and angles (C,) from the hairline, positive where hair grows.

    Measured across the line, not upright: at the temples the line is steep, and hair must thin out there as slowly as on top.
    """
    line = line_height(identity, angle)
    steep = np.gradient(line, angle) / _HEAD_RADIUS
    across = torch.as_tensor(np.stack([line, 1 / np.sqrt(1 + steep**2)]), dtype=torch.float32, device=y.device)
    return (y - across[0]) * across[1]


@dataclass(frozen=True)
class Shell:
    """The scalp and the hair above it on a regular grid of arc length and angle."""

    scalp: Tensor
    """(R, C, 3) the bare head before proportions."""
    normal: Tensor
    """(R, C, 3) of the bare head."""
    above: Tensor
    """(R, C) cm above the hairline, ragged."""
    thickness: float
    front_z: Tensor


def build_shell(identity: Identity, attributes: Attributes, device: torch.device) -> Shell:
    """The grid that hair grows on."""
    arc = np.linspace(0, ARC_LENGTH * 0.92, _NUM_ROWS)
    angle = np.linspace(-np.pi, np.pi, _NUM_COLUMNS)
    bare = bare_head(identity, arc, angle, device)
    scalp = torch.stack([bare.x, bare.y, bare.z], -1)
    flat, places = scalp.reshape(-1, 3), scalp.shape[:2]
    ragged = (
        0.22 * noise(flat, 0.9, identity.hair_seed % 61)[:, 0] + 0.12 * noise(flat, 2.3, identity.hair_seed % 41)[:, 1]
    )
    thickness = (0.45 + 1.0 * identity.hair_thickness) * (1.9 if identity.hair_style == FULL else 1.0)
    thickness *= 1 + 0.25 * attributes.hair_volume
    thickness = 0.35 if identity.hair_style == BALD else thickness
    above = above_line(identity, angle, bare.y) + ragged.reshape(places)
    return Shell(scalp, grid_normals(scalp), above, thickness, bare.front_z)


def _finish(identity: Identity, points: Tensor, front_z: Tensor) -> Tensor:
    """Give points (..., 3) the jaw's slope and the head's vertical proportions."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, stretch(identity, y + jaw_drop(y, z, front_z)), z], -1)


def _puff(shell: Shell, above: Tensor) -> Tensor:
    """Height of the hair over the scalp, cm: nothing at the hairline, the full thickness higher up."""
    return torch.where(
        above > 0, shell.thickness * (1 - torch.exp(-above * 0.6 / max(shell.thickness, 0.5))), above * 0.8
    )


def shell_mesh(identity: Identity, shell: Shell) -> Mesh:
    """The dark layer under the strands; it dips below the skin before it reaches the hairline."""
    lift = 0.72 * _puff(shell, shell.above - 0.75).clamp(min=-0.6)
    position = _finish(identity, shell.scalp + shell.normal * lift[..., None], shell.front_z)
    bumps = noise(shell.scalp.reshape(-1, 3), 1.1, identity.hair_seed % 53)[:, 1].reshape(lift.shape)
    vertices = plain_vertices(
        position, grid_normals(position), shell.scalp, (0.62 + 0.12 * bumps).clamp(0.35, 0.9), Part.HAIR
    )
    tangent = unit(torch.gradient(position, dim=0)[0]).reshape(-1, 3)
    vertices = Vertices(**{**vars(vertices), "tangent": tangent})
    triangles = grid_triangles(_NUM_ROWS, _NUM_COLUMNS, 1, position.device)
    kept = (shell.above.reshape(-1)[triangles] > 0.0).any(1)
    return Mesh(vertices, triangles[kept])


def curtain_mesh(identity: Identity, shell: Shell) -> Mesh:
    """The inside of long hair, hanging from the temples round the back, seen from both sides."""
    device = shell.scalp.device
    down = torch.linspace(0, 1, 40, device=device)[:, None].expand(-1, 70)
    angle = torch.linspace(math.radians(68), math.radians(292), 70, device=device)[None].expand(40, -1)
    position = _curtain(identity, shell, angle, down, torch.full_like(down, -0.35))
    normal = grid_normals(position)
    drawn_out = position * position.new_tensor([1.0, 0.05, 1.0])  # texture along the strands
    outward = Mesh(
        plain_vertices(position, normal, drawn_out, torch.full_like(down, 0.5), Part.HAIR),
        grid_triangles(40, 70, 1, device),
    )
    tangent = unit(torch.gradient(position, dim=0)[0]).reshape(-1, 3)
    vertices = Vertices(**{**vars(outward.vertices), "tangent": tangent})
    inward = Vertices(**{**vars(vertices), "normal": -vertices.normal, "occlusion": vertices.occlusion * 0.6})
    return join([Mesh(vertices, outward.triangles), Mesh(inward, outward.triangles.flip(1))])


def _curtain(identity: Identity, shell: Shell, angle: Tensor, down: Tensor, out: Tensor) -> Tensor:
    """Points of the hanging hair: angle (0 = front), down 0 at the temple's height to 1 at the tips, out in cm."""
    ahead = torch.cos(angle)
    flare = smoothstep(0.30, 0.85, down)
    width = (7.70 + 1.5 * flare + 0.35 * shell.thickness + out) * (1 + 0.07 * identity.head_width)
    inward = 1 - 0.14 * smoothstep(0.30, 0.62, down) * smoothstep(-0.1, 0.35, ahead)
    x = width * torch.sin(angle) * (1 - 0.10 * smoothstep(0.25, 0.0, down)) * inward
    z = -9.6 + ahead * (torch.where(ahead > 0, 8.8 + 2.0 * flare, 9.6) + out)
    return torch.stack([x, 5.0 - 21.0 * down, z], -1)


def grow_strands(
    identity: Identity, attributes: Attributes, shell: Shell, head: Head, pixels_per_cm: float
) -> list[Strands]:
    """All strands of hair and beard, their points about a pixel apart, in the head's frame."""
    hair = [_hair(identity, attributes, shell, pixels_per_cm)]
    return [*hair, _beard(identity, head, pixels_per_cm)] if identity.beard > 0.02 else hair


def _roots(shell: Shell, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Row and column (count,) of strands, evenly over the haired scalp, thinning out at the hairline."""
    spacing = torch.gradient(shell.scalp, dim=(0, 1))
    area = spacing[0].norm(dim=-1) * spacing[1].norm(dim=-1)
    density = (area * smoothstep(-0.45, 1.1, shell.above)).double().cpu().numpy().ravel()
    cell = np.searchsorted(np.cumsum(density), rng.random(count) * density.sum())
    row = cell // _NUM_COLUMNS + rng.uniform(-0.5, 0.5, count)
    column = cell % _NUM_COLUMNS + rng.uniform(-0.5, 0.5, count)
    return _as(row.clip(0, _NUM_ROWS - 1), shell), _as(column % (_NUM_COLUMNS - 1), shell)


def _as(values: Array, shell: Shell) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=shell.scalp.device)


def _sample(grids: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Read grids (R, C, K) between their points at row, column (...) -> (..., K)."""
    rows, columns, _ = grids.shape
    column = column % (columns - 1)
    where = torch.stack([column * (2 / (columns - 1)) - 1, row * (2 / (rows - 1)) - 1], -1)
    image = grids.permute(2, 0, 1)[None]
    read = F.grid_sample(image, where.reshape(1, 1, -1, 2), align_corners=True, padding_mode="border")
    return read[0, :, 0].T.reshape(*row.shape, -1)


def _lay(identity: Identity, attributes: Attributes, angle: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
    """Which way hair lies at a root: (down, sideways), about of length 1; angle in radians, 0 = front."""
    front = smoothstep(1.35, 0.5, angle.abs()) * smoothstep(1.0, 4.5, height)
    part = 0.9 * attributes.hair_part
    if identity.hair_style == FRINGE:
        return 1.0 - 0.1 * front, 0.45 * part * front
    away = torch.tanh((angle - part) / 0.25)
    if identity.hair_style == LONG:
        return 1.0 - 0.45 * front, 0.9 * away * front
    return 1.0 - 1.45 * front, 0.85 * away * front


def _hair(identity: Identity, attributes: Attributes, shell: Shell, pixels_per_cm: float) -> Strands:
    rng = np.random.default_rng([identity.hair_seed, attributes.hair_lay_seed])
    style, detail = identity.hair_style, min(_MAX_DETAIL, pixels_per_cm / 16.0)
    count = int({SHORT: 5200, FRINGE: 5200, LONG: 3600, FULL: 5200, BALD: 1500}[style] * detail)
    row, column = _roots(shell, count, rng)
    length = _LENGTH_CM[style] * _as(rng.uniform(0.7, 1.15, count), shell)
    grow = _long_path if style == LONG else _short_path
    controls, light = grow(identity, attributes, shell, row, column, length, rng)
    num_samples = max(3, int(_LENGTH_CM[style] * pixels_per_cm * 0.95))
    root = _sample(shell.scalp, row, column)
    tint = 0.16 * noise(root, 1.3, attributes.hair_lay_seed % 59)[:, 2] + _as(rng.normal(0, 0.22, count), shell)
    path = sample_curves(controls, num_samples)
    return Strands(path, light, _sample(shell.normal, row, column), root, tint, Part.HAIR)


def _short_path(
    identity: Identity, attributes: Attributes, shell: Shell, row: Tensor, column: Tensor, length: Tensor,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Control points (S, K, 3) and light (S, K) of strands that lie along the scalp."""
    steps = torch.linspace(0, 1, 7, device=row.device)[None]
    root = _sample(torch.cat([shell.scalp, shell.above[..., None]], -1), row, column)
    angle = (column / (_NUM_COLUMNS - 1) * 2 - 1) * math.pi
    down, aside = _lay(identity, attributes, angle, root[:, 1])
    waves = noise(root[:, :3], 0.55, attributes.hair_lay_seed % 47)
    down = down + 0.30 * waves[:, 0] + _as(rng.normal(0, 0.12, len(row)), shell)
    aside = aside + 0.35 * waves[:, 1] + _as(rng.normal(0, 0.12, len(row)), shell)
    if identity.hair_style != FRINGE:
        length = length * (0.45 + 0.55 * smoothstep(1.0, 5.0, root[:, 1]))
    row_cm = ARC_LENGTH * 0.92 / (_NUM_ROWS - 1)
    column_cm = (root[:, [0, 2]] - root.new_tensor([0.0, -9.0])).norm(dim=1).clamp(min=2.5) * 2 * math.pi / _NUM_COLUMNS
    rows = row[:, None] + (down * length / row_cm)[:, None] * steps
    columns = column[:, None] + (aside * length / column_cm)[:, None] * steps
    rows = torch.where(rows < 0, -rows, rows)
    here = _sample(
        torch.cat([shell.scalp, shell.normal, shell.above[..., None], shell.front_z[..., None]], -1), rows, columns
    )
    high = _as(rng.uniform(0.25, 1.0, len(row)) ** 0.7, shell)[:, None]
    full = _puff(shell, here[..., 6]).clamp(min=0.06) * (1 + 0.16 * waves[:, 2:3])
    lift = (full * high + 0.05) * smoothstep(-0.05, 0.35, steps) + (0.06 + _astray(shell, rng, len(row))) * steps
    lift = lift + 0.08 * (1 - high) * smoothstep(0.0, 0.8, here[..., 6])
    points = _finish(identity, here[..., :3] + here[..., 3:6] * lift[..., None], here[..., 7])
    return points, (0.45 + 0.55 * high) * (0.75 + 0.25 * steps)


def _long_path(
    identity: Identity, attributes: Attributes, shell: Shell, row: Tensor, column: Tensor, length: Tensor,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Control points of strands that follow the head to the temples and hang down from there."""
    count, device = len(row), row.device
    angle = (column / (_NUM_COLUMNS - 1) * 2 - 1) * math.pi
    part = 0.5 * attributes.hair_part
    side = torch.where(angle > part, 1.0, -1.0)
    settled = _as(rng.uniform(1.10, 1.80, count), shell)
    goal = side * torch.maximum(torch.where(angle * side > 0, angle.abs(), 0.0), settled)
    steps = torch.linspace(0, 1, 8, device=device)[None]
    turn = angle[:, None] + (goal - angle)[:, None] * smoothstep(0.0, 1.0, steps)
    row_goal = torch.maximum(row + 4, _as(rng.uniform(0.40, 0.47, count) * _NUM_ROWS, shell))
    rows = row[:, None] + (row_goal - row)[:, None] * steps**1.6
    columns = (turn / math.pi + 1) / 2 * (_NUM_COLUMNS - 1)
    here = _sample(
        torch.cat([shell.scalp, shell.normal, shell.above[..., None], shell.front_z[..., None]], -1), rows, columns
    )
    high = _as(rng.uniform(0.3, 1.0, count) ** 0.7, shell)[:, None]
    lift = _puff(shell, here[..., 6]).clamp(min=0.25) * high * smoothstep(-0.1, 0.3, steps) + 0.12
    above = _finish(identity, here[..., :3] + here[..., 3:6] * lift[..., None], here[..., 7])
    wave = noise(above[:, -1], 0.8, attributes.hair_lay_seed % 43)
    falls = torch.linspace(0.12, 1, 9, device=device)[None]
    start = ((5.0 - above[:, -1, 1]) / 21.0).clamp(0.0, 0.9)
    end = start + (0.92 - start) * (length / 24.0)
    down = start[:, None] + (end - start)[:, None] * falls
    curl = 0.04 + 0.10 * (identity.hair_seed % 97) / 96
    bend = curl * torch.sin(8 * falls + 2.5 * wave[:, :1]) * smoothstep(0.1, 0.6, falls) + 0.07 * wave[:, 1:2] * falls
    astray = 2.0 * _astray(shell, rng, count) * falls
    out = 0.9 * high - 0.3 + (0.45 * wave[:, 2:3] + 0.3 * torch.cos(7 * falls + 3 * wave[:, 3:])) * falls + astray
    hang = _curtain(identity, shell, goal[:, None] + bend, down, out)
    ends = above[:, -1:] * (1 - smoothstep(0.0, 0.5, falls))[..., None]
    hang = hang * smoothstep(0.0, 0.5, falls)[..., None] + ends + 0.0
    hang = torch.stack([hang[..., 0], _curtain_y(down), hang[..., 2]], -1)
    light = (0.45 + 0.55 * high).expand(-1, 17)
    return torch.cat([above, hang], 1), light


def _astray(shell: Shell, rng: np.random.Generator, count: int) -> Tensor:
    """(count, 1) cm by which strands stand off, a few of them far: without them hair has the outline of a cap."""
    return 0.55 * _as(rng.random(count) ** 7, shell)[:, None]


def _curtain_y(down: Tensor) -> Tensor:
    return 5.0 - 21.0 * down


def _beard(identity: Identity, head: Head, pixels_per_cm: float) -> Strands:
    """Short strands that grow out of the skin, most where the beard is densest."""
    rng = np.random.default_rng(identity.marks_seed + 11)
    density = beard_density(identity, head.rest.reshape(-1, 3)).double().cpu().numpy()
    spacing = torch.gradient(head.position, dim=(0, 1))
    density *= (spacing[0].norm(dim=-1) * spacing[1].norm(dim=-1)).double().cpu().numpy().ravel()
    count = int(2600 * min(_MAX_DETAIL, pixels_per_cm / 16.0) * min(1.0, identity.beard * 1.4))
    index = np.searchsorted(np.cumsum(density), rng.random(count) * density.sum()).clip(0, len(density) - 1)
    chosen = torch.as_tensor(index, device=head.rest.device)
    rest, root = head.rest.reshape(-1, 3)[chosen], head.position.reshape(-1, 3)[chosen]
    normal = head.normal.reshape(-1, 3)[chosen]
    jitter = torch.as_tensor(rng.normal(0, 0.05, (count, 3)), dtype=torch.float32, device=root.device)
    lie = unit(root.new_tensor([0.0, -1.0, 0.25]) + 3.0 * jitter + 0.25 * normal * 1.0)
    length = (0.10 + 1.0 * max(0.0, identity.beard - 0.4)) * torch.as_tensor(
        rng.uniform(0.5, 1.1, count), dtype=torch.float32, device=root.device
    )
    steps = torch.linspace(0, 1, 4, device=root.device)[None, :, None]
    path = (root + jitter)[:, None] + length[:, None, None] * (steps * lie[:, None] + 0.30 * steps * normal[:, None])
    path = path + 0.05 * normal[:, None]
    light = torch.full((count, 4), 0.8, device=root.device)
    tint = torch.as_tensor(rng.normal(0, 0.25, count), dtype=torch.float32, device=root.device)
    num_samples = max(2, int(float(length.max()) * pixels_per_cm))
    return Strands(sample_curves(path, num_samples), light, normal, rest, tint, Part.BEARD)


def beard_density(identity: Identity, rest: Tensor) -> Tensor:
    """Where the beard grows (N,), 0 to 1, at points (N, 3) of the neutral head, with soft, ragged edges."""
    x, y, z = rest.unbind(-1)
    ax, mouth = x.abs(), mouth_of(identity)
    ragged = noise(rest, 1.7, identity.marks_seed % 37)
    line = mouth_line(mouth, x)
    upper, lower = lip_heights(mouth, x)
    inside = (ax < mouth.half_width * 1.02) & (y - line < upper + 0.06) & (y - line > -lower - 0.08)
    cheek = smoothstep(1.1, -1.3, y + 6.0 - 0.62 * (ax - 3.2).clamp(0.0, 9.0) + 0.35 * ragged[:, 0])
    jaw = smoothstep(0.1, -0.9, y - line - 0.35 * (ax - 2.0).clamp(min=0.0)) * cheek
    moustache = smoothstep(0.75, 0.35, (y - mouth.y - mouth.upper - 0.42).abs() + 0.15 * ragged[:, 1])
    moustache = moustache * smoothstep(3.4, 2.3, ax)
    grown = torch.maximum(jaw * smoothstep(-9.0, -6.0, z) * smoothstep(-13.5, -11.3, y), 0.9 * moustache)
    return torch.where(inside, 0.0, grown)
