"""Everything that stands before the camera, as one mesh in the camera's frame and the strands beside it."""

from dataclasses import dataclass, replace

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.body import build_body, build_ears, follow
from swapcore.synth.camera import Camera
from swapcore.synth.curves import Tensor, smoothstep, unit
from swapcore.synth.hair import above_line, build_shell, curtain_mesh, grow_strands, shell_mesh
from swapcore.synth.head import Head, build_head, detail_of
from swapcore.synth.identity import LONG, Identity
from swapcore.synth.mesh import Mesh, Part, Vertices, grid_triangles, join, plain_vertices
from swapcore.synth.rasterise import Visible
from swapcore.synth.strands import Strands


@dataclass(frozen=True)
class Scene:
    """One person before one camera."""

    head: Head
    """In its own frame, for the exact points."""
    mesh: Mesh
    """In the camera's frame."""
    caster: Mesh
    """The same, coarser, for shadows."""
    strands: list[Strands]
    """Hair and beard, in the head's frame."""
    strand_points: Tensor
    """(P, 3) all their points, one list after the other, in the camera's frame."""


def build_scene(identity: Identity, attributes: Attributes, camera: Camera, pixels_per_cm: float) -> Scene:
    """Build, pose and place a person."""
    device = camera.pivot.device
    head = build_head(identity, attributes, detail_of(pixels_per_cm), device)
    shell = build_shell(identity, attributes, device)
    turning = [build_ears(identity, device), shell_mesh(identity, shell)]
    if identity.hair_style == LONG:
        turning.append(curtain_mesh(identity, shell))
    rest = join([*[_placed(mesh, camera) for mesh in turning], _standing(build_body(identity, device), camera)])
    skin = _turned(_head_vertices(identity, head), camera)
    rows, columns = head.occlusion.shape
    fine, coarse = (Mesh(skin, grid_triangles(rows, columns, step, device)) for step in (1, 2))
    strands = grow_strands(identity, attributes, shell, head, pixels_per_cm)
    points = camera.place(torch.cat([group.path.reshape(-1, 3) for group in strands]))
    return Scene(head, join([fine, rest]), join([coarse, rest]), strands, points)


def _head_vertices(identity: Identity, head: Head) -> Vertices:
    """The head's vertices; their tint says how far hair roots darken the scalp."""
    roots = smoothstep(-0.75, 1.0, above_line(identity, head.angle.cpu().numpy(), head.rest[..., 1])).reshape(-1)
    vertices = plain_vertices(head.position, head.normal, head.rest, head.occlusion, Part.SCALP)
    in_front = (vertices.rest[:, 2] > -7.5) & (vertices.rest[:, 1] > -12.5) & (roots < 0.5)
    return replace(vertices, tint=roots, part=torch.where(in_front, int(Part.FACE), vertices.part))


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


def interpolate(scene: Scene, camera: Camera, seen: Visible) -> Vertices:
    """The visible surface at each pixel (N,), in the camera's frame."""
    vertices = scene.mesh.vertices
    corners = scene.mesh.triangles[seen.triangle.clamp(min=0)]
    columns = [vertices.position, vertices.normal, vertices.rest, vertices.tangent]
    table = torch.cat([*columns, vertices.occlusion[:, None], vertices.tint[:, None]], 1)
    mixed = sum(
        (table.index_select(0, corners[:, i]) * seen.weights[:, i : i + 1] for i in range(3)),
        start=torch.zeros((), device=table.device),
    )
    nearest = corners.gather(1, seen.weights.argmax(1, keepdim=True))[:, 0]
    position, normal, rest, tangent, occlusion, tint = torch.split(mixed, [3, 3, 3, 3, 1, 1], 1)
    surface = Vertices(position, unit(normal), rest, tangent, occlusion[:, 0], tint[:, 0], vertices.part[nearest])
    first = 0
    for group in scene.strands:
        where = torch.nonzero((seen.point >= first) & (seen.point < first + group.num_points))[:, 0]
        surface = _overwritten(surface, where, _turned(group.at(seen.point[where] - first), camera))
        first += group.num_points
    return surface


def _overwritten(surface: Vertices, where: Tensor, by: Vertices) -> Vertices:
    """The surface with other vertices at the pixels where (P,)."""
    names = Vertices.__dataclass_fields__
    return Vertices(*(getattr(surface, name).index_copy(0, where, getattr(by, name)) for name in names))
