"""Triangle meshes made of grids, and the scene that they form together."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.synth.curves import Tensor, unit


class Part(IntEnum):
    """What a pixel shows."""

    BACKGROUND = 0
    FACE = 1
    SCALP = 2
    BROW = 3
    EYE = 4
    LIP = 5
    MOUTH = 6
    EAR = 7
    HAIR = 8
    BEARD = 9
    NECK = 10
    CLOTHES = 11


INNER_FACE = (Part.FACE, Part.BROW, Part.EYE, Part.LIP, Part.MOUTH, Part.BEARD)
"""The parts that a swap changes."""


@dataclass(frozen=True)
class Vertices:
    """Points with what shading needs to know of them; V points."""

    position: Tensor
    """(V, 3) cm, in the head's frame, later in the camera's."""
    normal: Tensor
    """(V, 3)."""
    rest: Tensor
    """(V, 3) cm on the neutral head: where textures are looked up."""
    tangent: Tensor
    """(V, 3) along the strand; zero on surfaces."""
    occlusion: Tensor
    """(V,) share of the surroundings' light that arrives."""
    tint: Tensor
    """(V,) deviation of a strand's color."""
    part: Tensor
    """(V,) int64 Part."""


@dataclass(frozen=True)
class Mesh:
    """Vertices and the triangles (T, 3) between them; T counts anticlockwise seen from outside."""

    vertices: Vertices
    triangles: Tensor


def concatenate(parts: list[Vertices]) -> Vertices:
    """One list of vertices out of several."""
    return Vertices(*(torch.cat([getattr(p, name) for p in parts]) for name in Vertices.__dataclass_fields__))


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh out of several."""
    starts = np.cumsum([0] + [len(mesh.vertices.position) for mesh in meshes[:-1]])
    triangles = torch.cat([mesh.triangles + int(start) for mesh, start in zip(meshes, starts, strict=True)])
    return Mesh(concatenate([mesh.vertices for mesh in meshes]), triangles)


def plain_vertices(position: Tensor, normal: Tensor, rest: Tensor, occlusion: Tensor, part: Part) -> Vertices:
    """Vertices of a surface: grids (..., 3) flattened, without tangent and tint."""
    flat = position.reshape(-1, 3)
    return Vertices(
        position=flat,
        normal=normal.reshape(-1, 3),
        rest=rest.reshape(-1, 3),
        tangent=torch.zeros_like(flat),
        occlusion=occlusion.reshape(-1),
        tint=torch.zeros_like(flat[:, 0]),
        part=torch.full((len(flat),), int(part), dtype=torch.int64, device=flat.device),
    )


def grid_triangles(num_rows: int, num_columns: int, step: int, device: torch.device) -> Tensor:
    """Two triangles a cell of a grid of vertices; step > 1 leaves vertices out, for a coarser mesh."""
    rows = torch.arange(0, num_rows, step, device=device)
    columns = torch.arange(0, num_columns, step, device=device)
    rows = torch.cat([rows[rows < num_rows - 1], rows.new_tensor([num_rows - 1])])
    columns = torch.cat([columns[columns < num_columns - 1], columns.new_tensor([num_columns - 1])])
    index = rows[:, None] * num_columns + columns[None, :]
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    first = torch.stack([a, b, c], -1).reshape(-1, 3)
    second = torch.stack([b, d, c], -1).reshape(-1, 3)
    return torch.cat([first, second])


def grid_normals(position: Tensor) -> Tensor:
    """Normals (R, C, 3) of a grid of points (R, C, 3), by differences along rows and columns."""
    down, right = torch.gradient(position, dim=(0, 1))
    return unit(torch.linalg.cross(down, right))


def smooth_grid(values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of a grid (R, C, K), in cells; wide blurs work on a grid averaged down."""
    image = values.permute(2, 0, 1)[None]
    size = image.shape[-2:]
    factor = max(1, int(sigma / 2.0))
    small = F.avg_pool2d(image, factor, ceil_mode=True, count_include_pad=False) if factor > 1 else image
    width = sigma / factor
    reach = int(np.ceil(2.5 * width))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device) / width) ** 2)
    taps = (taps / taps.sum()).to(image.dtype)
    channels = small.shape[1]
    padded = F.pad(small, (reach, reach, reach, reach), mode="replicate")
    vertical = F.conv2d(padded, taps.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    both = F.conv2d(vertical, taps.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    if factor > 1:
        both = F.interpolate(both, size=size, mode="bilinear", align_corners=False)
    return both[0].permute(1, 2, 0)
