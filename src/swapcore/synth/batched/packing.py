"""Several settings as one set of arrays on a device: vertices, triangles, hair, light and looks of all images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.synth.asset import Floats
from swapcore.synth.batched.formulas import PerImage
from swapcore.synth.layers import Layer
from swapcore.synth.light import key_light
from swapcore.synth.ribbons import order_biases
from swapcore.synth.scene import join, layer_piece
from swapcore.synth.setting import Setting, shading_inputs, spread_of
from swapcore.synth.shading import Lamps, Scene, ShadingInputs
from swapcore.synth.shadow import MAP_CM, MAP_PX, light_axes, taps, to_map


@dataclass(frozen=True)
class Uploader:
    """Copies arrays to a device without waiting for it."""

    device: torch.device

    def __call__(self, array: npt.ArrayLike) -> torch.Tensor:
        """Copy; on the device float64 becomes float32, and int32 becomes int64."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type != "cpu":
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to({torch.float64: torch.float32, torch.int32: torch.int64}.get(tensor.dtype, tensor.dtype))


@dataclass(frozen=True)
class Surfaces:
    """Triangles of all images; V vertices, T triangles."""

    corners: torch.Tensor
    """(V, 3) x, y in pixels of the supersampled image, depth in cm."""
    values: torch.Tensor
    """(V, 13) place, normal, local, extra, as in shading.Scene."""
    triangles: torch.Tensor
    """(T, 3)."""
    two_sided: torch.Tensor
    material: torch.Tensor
    part: torch.Tensor
    image: torch.Tensor
    """(T,) number of the image."""


def pack_solids(settings: Sequence[Setting], upload: Uploader) -> Surfaces:
    """The solid surfaces of all images."""
    return _pack([(each.posed.scene, each.posed.two_sided) for each in settings], settings, upload)


def pack_layers(layers: Sequence[Sequence[Layer]], settings: Sequence[Setting], upload: Uploader) -> Surfaces:
    """Soft or transparent layers, several or none for each image."""
    pieces = [
        join([layer_piece(layer, setting.pose) for layer in of_image]) if of_image else None
        for of_image, setting in zip(layers, settings, strict=True)
    ]
    return _pack(pieces, settings, upload)


def _pack(
    scenes: Sequence[tuple[Scene, npt.NDArray[np.bool_]] | None], settings: Sequence[Setting], upload: Uploader
) -> Surfaces:
    corners, values = [np.zeros((0, 3), np.float32)], [np.zeros((0, 13), np.float32)]
    triangles, tables, sides = [np.zeros((0, 3), np.int32)], [np.zeros((0, 3), np.int32)], [np.zeros(0, np.bool_)]
    start = 0
    for number, (packed, setting) in enumerate(zip(scenes, settings, strict=True)):
        if packed is None:
            continue
        scene, two_sided = packed
        corners.append(setting.camera.project(scene.placed))
        values.append(np.concatenate([scene.placed, scene.normal, scene.local, scene.extra], 1))
        triangles.append(scene.triangles + start)
        tables.append(np.stack([scene.material, scene.part, np.full_like(scene.part, number)], 1))
        sides.append(two_sided)
        start += len(scene.placed)
    table = upload(np.concatenate(tables))
    return Surfaces(
        upload(np.concatenate(corners)), upload(np.concatenate(values)), upload(np.concatenate(triangles)),
        upload(np.concatenate(sides)), *table.unbind(1),
    )  # fmt: skip


def pack_shadow_corners(settings: Sequence[Setting], upload: Uploader) -> torch.Tensor:
    """(V, 3) vertices of the solids in the shadow map: x, y in its pixels, depth in cm."""
    corners = [to_map(each.posed.scene.placed, _axes(each), each.middle) for each in settings]
    return upload(np.concatenate(corners))


def _axes(setting: Setting) -> Floats:
    return light_axes(key_light(setting.attributes)[0])


@dataclass(frozen=True)
class Strands:
    """Ribbons of all images as N control points and P straight pieces between two of them."""

    placed: torch.Tensor
    """(3, N) cm."""
    projected: torch.Tensor
    """(N, 3) x, y in pixels of the supersampled image, depth in cm."""
    on_map: torch.Tensor
    """(N, 3) in the shadow map."""
    half: torch.Tensor
    """(N,) half width in pixels."""
    map_width: torch.Tensor
    """(N,) width in pixels of the shadow map."""
    opacity: torch.Tensor
    inner: torch.Tensor
    """(N,) share of the light that arrives past other hair."""
    albedo: torch.Tensor
    """(3, N)."""
    gloss: torch.Tensor
    number: torch.Tensor
    """(N,) of the ribbon among those of its kind in its image."""
    before: torch.Tensor
    """(N,) the control point before on the same ribbon; the first one's own."""
    after: torch.Tensor
    image: torch.Tensor
    """(N,)."""
    first: torch.Tensor
    """(P,) control point at a piece's first end; the next one is its second."""
    at: torch.Tensor
    """(P,) the piece's number along its ribbon."""
    part: torch.Tensor
    fibers: torch.Tensor
    bias: torch.Tensor
    """(P,) cm that the piece is drawn as if it were farther."""


def pack_strands(settings: Sequence[Setting], upload: Uploader) -> Strands:
    """The hair, brows, beards and lashes of all images."""
    points: list[Floats] = [np.zeros((0, 17), np.float32)]
    places: list[npt.NDArray[np.int64]] = [np.zeros((0, 4), np.int64)]
    pieces: list[Floats] = [np.zeros((0, 5), np.float64)]
    start = 0
    for image, setting in enumerate(settings):
        axes = _axes(setting)
        for kind, (ribbons, placed) in enumerate(setting.strands):
            num, length = placed.shape[:2]
            flat = placed.reshape(-1, 3)
            projected = setting.camera.project(flat)
            width, half_px = ribbons.width.reshape(-1, 1), np.float32(setting.camera.focal_px / 2)
            columns = [
                flat, projected, to_map(flat, axes, setting.middle), width * half_px / projected[:, 2:],
                width * np.float32(MAP_PX / MAP_CM), ribbons.opacity.reshape(-1, 1), ribbons.light.reshape(-1, 1),
                np.repeat(ribbons.color, length, 0), np.full((len(flat), 1), ribbons.gloss, np.float32),
            ]  # fmt: skip
            points.append(np.concatenate(columns, 1))
            places.append(_neighbors(num, length, start, image))
            first = start + (np.arange(num)[:, None] * length + np.arange(length - 1)).ravel()
            at = np.tile(np.arange(length - 1), num)
            bias = np.repeat(order_biases(kind, ribbons), length - 1)
            same = np.ones(len(at))
            pieces.append(np.stack([first, at, same * int(ribbons.part), same * ribbons.fibers, bias], 1))
            start += len(flat)
    table, place = upload(np.concatenate(points)), upload(np.concatenate(places))
    piece = np.concatenate(pieces)
    first, at, part = upload(piece[:, :3].T.astype(np.int64))
    fibers, bias = upload(piece[:, 3:].T)
    number, before, after, image_of = place.unbind(1)
    half, map_width, opacity, inner = table[:, 9:13].T.contiguous()
    return Strands(
        table[:, :3].T.contiguous(), table[:, 3:6], table[:, 6:9], half, map_width, opacity, inner,
        table[:, 13:16].T.contiguous(), table[:, 16], number, before, after, image_of, first, at, part, fibers, bias,
    )  # fmt: skip


def _neighbors(num: int, length: int, start: int, image: int) -> npt.NDArray[np.int64]:
    """(num * length, 4) number of the ribbon, control points before and after, and the image."""
    along = np.arange(length)
    row = start + np.arange(num)[:, None] * length
    before, after = row + np.maximum(along - 1, 0), row + np.minimum(along + 1, length - 1)
    number = np.broadcast_to(np.arange(num)[:, None], before.shape)
    return np.stack([number, before, after, np.full_like(before, image)], -1).reshape(-1, 4)


class _Column(NamedTuple):
    name: str
    shape: tuple[int, ...]


_LIGHT = (
    _Column("key", (3,)), _Column("color", (3,)), _Column("environment", (9, 3)), _Column("axes", (3, 3)), _Column("center", (3,)),
    _Column("eye_point", (3,)), _Column("spread", ()),
)  # fmt: skip
_LOOK = (
    _Column("turn", (3, 3)), _Column("wrinkles", (4,)), _Column("iris", (3,)), _Column("age", ()), _Column("darkness", ()),
    _Column("oiliness", ()), _Column("offset", ()),
)  # fmt: skip


@dataclass(frozen=True)
class Circumstances:
    """Light and looks of all images, to be read per pixel."""

    light: torch.Tensor
    """(columns, B)."""
    look: torch.Tensor
    """(columns, B)."""
    textures: torch.Tensor
    """(people, H, 2H, channels)."""
    person: torch.Tensor
    """(B,)."""
    edges: torch.Tensor
    """(2, E) gaps between the teeth of the upper and the lower arch."""

    def lamps(self, image: torch.Tensor, solid: torch.Tensor, hair: torch.Tensor) -> Lamps:
        """The light at pixels of images (N,), with shadow maps (B, M, M) and (B, M, M, 2); channels first."""
        maps: dict[str, Any] = {"solid": PerImage(solid, image), "hair": PerImage(hair, image)}
        return Lamps(**_split(self.light, image, _LIGHT), **maps, taps=taps())

    def looks(self, image: torch.Tensor) -> ShadingInputs:
        """The looks at pixels of images (N,); channels first."""
        texture: Any = PerImage(self.textures, self.person[image])
        upper, lower = self.edges
        return ShadingInputs(texture=texture, upper_edges=upper, lower_edges=lower, **_split(self.look, image, _LOOK))


def _split(table: torch.Tensor, image: torch.Tensor, columns: Sequence[_Column]) -> dict[str, Any]:
    rows = torch.split(table.index_select(1, image), [int(np.prod(column.shape)) for column in columns])
    return {column.name: row.reshape(*column.shape, -1) for column, row in zip(columns, rows, strict=True)}


def pack_circumstances(settings: Sequence[Setting], upload: Uploader) -> Circumstances:
    """Light and looks; a person's texture is there once."""
    people = list({id(each.person): each.person for each in settings}.values())
    order = {id(person): number for number, person in enumerate(people)}
    inputs = [shading_inputs(each) for each in settings]
    lights = [_light(each) for each in settings]
    return Circumstances(
        light=upload(_table(lights, _LIGHT)),
        look=upload(_table([each._asdict() for each in inputs], _LOOK)),
        textures=upload(np.stack([person.texture for person in people])),
        person=upload(np.array([order[id(each.person)] for each in settings])),
        edges=upload(np.stack([inputs[0].upper_edges, inputs[0].lower_edges])),
    )


def _light(setting: Setting) -> dict[str, Any]:
    key, color = key_light(setting.attributes)
    return {
        "key": key, "color": color, "environment": setting.environment, "axes": light_axes(key),
        "center": setting.middle, "eye_point": setting.camera.eye_point, "spread": spread_of(setting.attributes),
    }  # fmt: skip


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[_Column]) -> npt.NDArray[np.float32]:
    values = [np.concatenate([np.asarray(row[column.name]).ravel() for column in columns]) for row in rows]
    return np.stack(values, 1).astype(np.float32)
