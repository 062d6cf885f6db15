"""Ears, neck and shoulders."""

import math

import torch

from swapcore.synth.curves import Tensor, bell, smoothstep
from swapcore.synth.identity import Identity
from swapcore.synth.mesh import Mesh, Part, grid_normals, grid_triangles, join, plain_vertices


def _closed_grid(num_rows: int, num_columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows 0..1 (R, 1) and angles -pi..pi (1, C)."""
    rows = torch.linspace(0, 1, num_rows, device=device)[:, None]
    return rows, torch.linspace(-math.pi, math.pi, num_columns, device=device)[None]


def _surface(position: Tensor, occlusion: Tensor, part: Part) -> Mesh:
    rows, columns = position.shape[:2]
    vertices = plain_vertices(position, grid_normals(position), position, occlusion.expand(rows, columns), part)
    return Mesh(vertices, grid_triangles(rows, columns, 1, position.device))


def build_ears(identity: Identity, device: torch.device) -> Mesh:
    """Both ears: discs with a rim, a hollow and a lobe, turned away from the head."""
    return join([_ear(identity, -1.0, device), _ear(identity, 1.0, device)])


def _ear(identity: Identity, side: float, device: torch.device) -> Mesh:
    rows, _ = _closed_grid(26, 40, device)
    angle = torch.linspace(0, 2 * math.pi, 40, device=device)[None]
    size = 1 + 0.24 * identity.ear_size
    radius = torch.sin(rows * math.pi / 2)
    ridge = 0.50 * bell(radius - 0.86, 0.13) - 0.38 * bell(radius - 0.55, 0.2) + 0.22 * bell(radius - 0.2, 0.2)
    lobe = 1 - 0.28 * smoothstep(0.0, -1.0, torch.sin(angle))
    deep = radius * 1.7 * size * torch.cos(angle) * lobe
    y = radius * 2.95 * size * torch.sin(angle)
    out = 0.6 * (1 - radius**2).clamp(min=0).sqrt() + ridge
    turn = math.radians(30)
    x = out * math.cos(turn) - deep * math.sin(turn)
    z = deep * math.cos(turn) + out * math.sin(turn)
    base = 7.0 * (1 + 0.07 * identity.head_width) + 0.18
    position = torch.stack([side * (base + x), y - 1.6 - 0.12 * z, z - 9.6], -1)
    if side > 0:
        position = position.flip(1)
        ridge = ridge.flip(1)
    return _surface(position, (0.88 + 0.5 * ridge).clamp(0.45, 1.05), Part.EAR)


def build_body(identity: Identity, device: torch.device) -> Mesh:
    """Neck and clothed shoulders; they stand still while the head turns (see follow)."""
    rows, angle = _closed_grid(40, 70, device)
    y = (-5 - 14.5 * rows).expand(-1, angle.shape[1])
    radius = 5.1 + 0.55 * identity.neck_width + 0.9 * smoothstep(-13.0, -19.0, y)
    muscle = 1 + 0.05 * torch.cos(2 * angle)
    neck = torch.stack([radius * torch.sin(angle), y, -9.6 + radius * torch.cos(angle) * muscle], -1)
    neck_light = 0.42 + 0.5 * smoothstep(-9.0, -15.5, y)
    rows, angle = _closed_grid(70, 90, device)
    width = 6.6 + 0.5 * identity.neck_width + 15.0 * smoothstep(0.0, 0.5, rows) ** 0.6
    depth = 6.9 + 2.9 * smoothstep(0.0, 0.5, rows)
    fall = -15.0 - 19 * rows**1.3
    y = fall - 1.3 * torch.cos(angle).abs() * (1 - 0.5 * rows)
    collar = 0.35 * bell(rows - 0.03, 0.025)
    body = torch.stack(
        [(width + collar) * torch.sin(angle), y.expand(width.shape[0], -1), -10 + (depth + collar) * torch.cos(angle)],
        -1,
    )
    light = 0.75 + 0.25 * smoothstep(0.0, 0.2, rows)
    return join([_surface(neck, neck_light, Part.NECK), _surface(body, light, Part.CLOTHES)])


def follow(height: Tensor) -> Tensor:
    """How far a point of neck or body at this y (cm, (N,)) turns with the head: 1 under the chin, 0 at the shoulders."""
    return smoothstep(-17.0, -7.0, height)
