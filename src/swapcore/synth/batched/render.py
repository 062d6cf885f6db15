"""Batches of images on a device: render.render for many people at once, with a fixed number of waits for the device."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.errors import ParamsError
from swapcore.synth.attributes import Attributes
from swapcore.synth.batched.canvas import Canvas
from swapcore.synth.batched.hair import bound_pieces, draw_strands, find_fragments, light_strands
from swapcore.synth.batched.packing import (
    Uploader,
    pack_circumstances,
    pack_layers,
    pack_shadow_corners,
    pack_solids,
    pack_strands,
)
from swapcore.synth.batched.passes import compose, measure_hollows, shade_of_lids
from swapcore.synth.batched.shading import Lighting, material_masks, shade
from swapcore.synth.batched.shadows import cast_shadows, count_steps
from swapcore.synth.batched.zbuffer import bound_triangles, rasterize
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Material
from swapcore.synth.noise import noise_block
from swapcore.synth.passes import split_glass
from swapcore.synth.picture import Picture, finish
from swapcore.synth.setting import SUPERSAMPLING, Setting, arrange
from swapcore.synth.shading import BUFFER_CHANNELS
from swapcore.synth.shadow import MAP_PX
from swapcore.synth.subject import Subject


def find_gpu(name: str) -> torch.device:
    """Return the GPU of a name, cuda or cuda:N.

    Raises:
        ParamsError: it is not available.
    """
    device, num = torch.device(name), torch.cuda.device_count()
    if (device.index or 0) >= num:
        raise ParamsError(f"synthesize.device: {name} is not available ({num} CUDA devices); use cpu")
    return device


def render_on(
    device: torch.device, shots: Sequence[tuple[Identity | Subject, Attributes]], size_px: int
) -> list[Picture]:
    """Photograph people on a device.

    Posing, hair's growth, textures and backgrounds are made on the CPU, as are noise and compression; what depends on pixels is
    drawn on the device, for all images at once. Images agree with render.render but are not the same bytes.

    Args:
        device: cpu or cuda.
        shots: people and attributes; images of one person share their preparation.
        size_px: side of the square images, 64 to 2048.

    Raises:
        ParamsError: the size is out of bounds, or the device's memory too small.
        ArtifactError: the head's data is not installed.
    """
    settings = [arrange(identity, attributes, size_px) for identity, attributes in shots]
    if not settings:
        return []
    try:
        drawn = draw(settings, device).cpu().numpy()
    except torch.OutOfMemoryError:
        raise ParamsError(
            f"synthesize.batch_size: the memory of {device} is too small for {len(shots)} images of {size_px} px; lower it"
        ) from None
    return [
        finish(setting, np.ascontiguousarray(each[..., :3]), each[..., 3].astype(np.int32), each[..., 4].copy())
        for setting, each in zip(settings, drawn, strict=True)
    ]


@torch.no_grad()
def draw(settings: Sequence[Setting], device: torch.device) -> torch.Tensor:
    """Draw images; always in float32, whatever autocast says.

    Returns:
        (B, S, S, 5) on the device: linear RGB, Part, and depth in cm.
    """
    with torch.autocast(device.type, enabled=False):
        return _draw(settings, Uploader(device))


def _draw(settings: Sequence[Setting], upload: Uploader) -> torch.Tensor:
    size, num = settings[0].camera.size_px, len(settings)
    px_cm = np.array([each.px_cm for each in settings])
    layers = zip(*(split_glass(each.posed.soft) for each in settings), strict=True)
    solids, (soft, glass) = pack_solids(settings, upload), (pack_layers(each, settings, upload) for each in layers)
    strands, middle = pack_strands(settings, upload), upload(np.stack([each.middle for each in settings]))

    boxes = [
        bound_triangles(each.corners, each.triangles, each.image, each.two_sided, size)
        for each in (solids, soft, glass)
    ]
    on_map = bound_triangles(pack_shadow_corners(settings, upload), solids.triangles, solids.image, None, MAP_PX)
    pieces, steps = bound_pieces(strands, size), count_steps(strands)
    counted = [*(each.counts for each in boxes), on_map.counts, pieces.counts, steps]
    *in_boxes, in_maps, in_pieces, num_steps = _to_host(torch.stack([counts.sum() for counts in counted]))

    seen = [rasterize(box, total, num, size) for box, total in zip(boxes, in_boxes, strict=True)]
    (shown, depth), (shown_soft, depth_soft), (shown_glass, depth_glass) = seen
    masks = [
        material_masks(surfaces, each)
        for surfaces, each in zip((solids, soft, glass), (shown, shown_soft, shown_glass), strict=True)
    ]
    found = find_fragments(pieces, in_pieces, depth)
    numbers = _to_host(torch.cat([*(mask.sum(1) for mask in masks), *(mask.sum()[None] for mask in found)]))
    kinds = len(Material)

    shadows = cast_shadows(on_map, in_maps, strands, steps, num_steps, num)
    lighting = Lighting(pack_circumstances(settings, upload), shadows, upload(noise_block()), size)
    everywhere = torch.ones_like(depth)
    hollows = measure_hollows(depth.view(num, size, size), px_cm, upload).view(-1)
    lids = shade_of_lids(masks[0][int(Material.EYE)].view(num, size, size), px_cm, upload).reshape(-1)
    buffer = torch.zeros(BUFFER_CHANNELS, len(depth), device=depth.device)
    parts = torch.zeros_like(shown)
    for shaded in shade(solids, shown, masks[0], numbers[:kinds], lighting, hollows, lids):
        buffer[:, shaded.pixels] = shaded.channels
        parts[shaded.pixels] = shaded.parts
    image = compose(buffer.view(-1, num, size, size), px_cm, upload).reshape(3, -1)
    canvas = Canvas(torch.where(shown < 0, _backgrounds(settings, size, upload), image), parts, depth)

    for shaded in shade(soft, shown_soft, masks[1], numbers[kinds : 2 * kinds], lighting, everywhere, everywhere):
        canvas.blend(shaded, depth_soft[shaded.pixels])
    draw_strands(pieces, found, numbers[3 * kinds :], light_strands(strands, lighting, middle), canvas)
    for shaded in shade(glass, shown_glass, masks[2], numbers[2 * kinds : 3 * kinds], lighting, everywhere, everywhere):
        canvas.blend(shaded, depth_glass[shaded.pixels])
    return _reduced(canvas, num, size)


def _to_host(numbers: torch.Tensor) -> list[int]:
    """The only waits for the device before the images are fetched."""
    return [int(number) for number in numbers.tolist()]


def _backgrounds(settings: Sequence[Setting], size: int, upload: Uploader) -> torch.Tensor:
    """(3, pixels) enlarged to the supersampled images."""
    small = upload(np.stack([each.background for each in settings])).permute(0, 3, 1, 2)
    return F.interpolate(small, size=(size, size), mode="bilinear").transpose(0, 1).reshape(3, -1)


def _reduced(canvas: Canvas, num: int, size: int) -> torch.Tensor:
    """Average the light, and take every second pixel of parts and depth."""
    light = F.avg_pool2d(canvas.image.view(3, num, size, size).transpose(0, 1), SUPERSAMPLING)
    step = slice(None, None, SUPERSAMPLING)
    truth = [each.view(num, size, size)[:, step, step].float() for each in (canvas.parts, canvas.depth)]
    return torch.cat([light, torch.stack(truth, 1)], 1).permute(0, 2, 3, 1)
