"""Everything that stands before the camera, as one mesh in the camera's frame and the strands beside it."""

from dataclasses import dataclass, replace

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.body import build_body, build_ears, follow
from swapcore.synth.camera import Camera
from swapcore.synth.curves import Tensor, smoothstep, unit
from swapcore.synth.hair import build_shell, curtain_mesh, line_height, shell_mesh, strand_points
from swapcore.synth.head import NUM_COLUMNS, NUM_ROWS, Head, build_head, head_grid
from swapcore.synth.identity import LONG, Identity
from swapcore.synth.mesh import Mesh, Part, Vertices, grid_triangles, join, plain_vertices

_COARSE_BELOW_PX_PER_CM = 6.0


@dataclass(frozen=True)
class Scene:
    """One person before one camera."""

    head: Head
    """In its own frame, for the exact points."""
    mesh: Mesh
    """In the camera's frame."""
    caster: Mesh
    """The same, coarser, for shadows."""
    strands: Vertices | None
    """Points of hair and beard in the camera's frame."""


def build_scene(identity: Identity, attributes: Attributes, camera: Camera, pixels_per_cm: float) -> Scene:
    """Build, pose and place a person."""
    device = camera.pivot.device
    head = build_head(identity, attributes, device)
    shell = build_shell(identity, attributes, device)
    turning = [build_ears(identity, device), shell_mesh(identity, shell)]
    if identity.hair_style == LONG:
        turning.append(curtain_mesh(identity, shell))
    vertices = _head_vertices(identity, head)
    rest = join([*[_placed(mesh, camera) for mesh in turning], _standing(build_body(identity, device), camera)])
    placed = _turned(vertices, camera)
    coarse = Mesh(placed, grid_triangles(NUM_ROWS, NUM_COLUMNS, 2, device))
    fine = coarse if pixels_per_cm < _COARSE_BELOW_PX_PER_CM else _fine(placed)
    strands = strand_points(identity, attributes, shell, head, pixels_per_cm)
    return Scene(head, join([fine, rest]), join([coarse, rest]), None if strands is None else _turned(strands, camera))


def _fine(vertices: Vertices) -> Mesh:
    return Mesh(vertices, grid_triangles(NUM_ROWS, NUM_COLUMNS, 1, vertices.position.device))


def _head_vertices(identity: Identity, head: Head) -> Vertices:
    """The head's vertices; their tint says how far hair roots darken the scalp."""
    _, angle = head_grid()
    line = torch.as_tensor(line_height(identity, angle)[None], dtype=torch.float32, device=head.rest.device)
    roots = smoothstep(-0.45, 0.75, head.rest[..., 1] - line)
    vertices = plain_vertices(head.position, head.normal, head.rest, head.occlusion, Part.SCALP)
    in_front = (vertices.rest[:, 2] > -7.5) & (vertices.rest[:, 1] > -12.5) & (roots.reshape(-1) < 0.5)
    return replace(vertices, tint=roots.reshape(-1), part=torch.where(in_front, int(Part.FACE), vertices.part))


def _turned(vertices: Vertices, camera: Camera) -> Vertices:
    """Vertices that turn with the head."""
    return replace(
        vertices,
        position=camera.place(vertices.position),
        normal=vertices.normal @ camera.turn.T,
        tangent=vertices.tangent @ camera.turn.T,
    )


def _placed(mesh: Mesh, camera: Camera) -> Mesh:
    return Mesh(_turned(mesh.vertices, camera), mesh.triangles)


def _standing(mesh: Mesh, camera: Camera) -> Mesh:
    """Neck and shoulders: the neck twists from the shoulders, which stand still, to the head."""
    still, share = mesh.vertices, follow(mesh.vertices.position[:, 1])[:, None]
    turned = _turned(still, camera)
    position = still.position + camera.shift
    position = position + (turned.position - position) * share
    normal = unit(still.normal + (turned.normal - still.normal) * share)
    return Mesh(replace(still, position=position, normal=normal), mesh.triangles)


def interpolate(scene: Scene, triangle: Tensor, weights: Tensor, point: Tensor) -> Vertices:
    """The visible surface at each pixel (N,), from triangles with weights (N, 3) or from strand points."""
    vertices = scene.mesh.vertices
    corners = scene.mesh.triangles[triangle.clamp(min=0)]
    table = torch.cat(
        [
            vertices.position,
            vertices.normal,
            vertices.rest,
            vertices.tangent,
            vertices.occlusion[:, None],
            vertices.tint[:, None],
        ],
        1,
    )
    mixed = (table[corners] * weights[..., None]).sum(1)
    nearest = corners.gather(1, weights.argmax(1, keepdim=True))[:, 0]
    position, normal, rest, tangent, occlusion, tint = torch.split(mixed, [3, 3, 3, 3, 1, 1], 1)
    seen = Vertices(position, unit(normal), rest, tangent, occlusion[:, 0], tint[:, 0], vertices.part[nearest])
    if scene.strands is None:
        return seen
    where = torch.nonzero(point >= 0)[:, 0]
    strands = scene.strands[point[where]]
    return Vertices(
        *(getattr(seen, name).index_copy(0, where, getattr(strands, name)) for name in Vertices.__dataclass_fields__)
    )
