"""Hollows, shade of the lids, and scattering in skin, of several images."""

import numpy as np
import numpy.typing as npt
import torch

from swapcore.synth import passes
from swapcore.synth.batched.blur import blur, gaussian_kernels
from swapcore.synth.batched.formulas import on_tensors
from swapcore.synth.batched.packing import Uploader
from swapcore.synth.curves import smoothstep
from swapcore.synth.rasterize import FAR

Numbers = npt.NDArray[np.float64]


def measure_hollows(depth: torch.Tensor, px_cm: Numbers, upload: Uploader) -> torch.Tensor:
    """passes.measure_hollows of images (B, F, F) with pixels of px_cm (B,)."""
    deeper_sum = torch.zeros_like(depth)
    for reach_cm, strength, outline_cm in passes.HOLLOWS:
        reach_px = reach_cm / px_cm
        steps = upload(np.stack([passes.hollow_steps(reach) for reach in reach_px]))
        weight = upload(np.where(reach_px >= passes.SMALLEST_HOLLOW_PX, strength / 8, 0.0))[:, None, None]
        for x, y in steps.permute(1, 2, 0):
            first, second = depth - _moved(depth, x, y), depth - _moved(depth, -x, -y)
            deeper_sum += weight * on_tensors(passes.deeper_by)(first, second, outline_cm)
    light = torch.exp(-deeper_sum).clamp(min=passes.DEEPEST)
    return torch.where(depth < float(FAR), light, 1.0)


def _moved(images: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The pixel at a step x, y (B,) from each pixel; at the border the nearest one inside."""
    number, size = torch.arange(len(images), device=images.device), images.shape[-1]
    place = torch.arange(size, device=images.device)
    rows, columns = ((place + step[:, None]).clamp(0, size - 1) for step in (y, x))
    return images[number[:, None, None], rows[:, :, None], columns[:, None, :]]


def shade_of_lids(is_eye: torch.Tensor, px_cm: Numbers, upload: Uploader) -> torch.Tensor:
    """passes.shade_of_lids of masks (B, F, F); what it is outside of eyes does not matter."""
    reach = [passes.lid_reach(size) for size in px_cm.tolist()]
    kernels = upload(gaussian_kernels(np.array([each[:2] for each in reach])))
    near, above = blur(is_eye[:, None].float().repeat(1, 2, 1, 1), kernels).unbind(1)
    down = upload(np.array([each[2] for each in reach]))
    above = _moved(above, torch.zeros_like(down), -down)
    step = on_tensors(smoothstep)
    return passes.lid_light(step(*passes.NEAR_LIDS, near), step(*passes.BELOW_LID, above))  # type: ignore[return-value]


def compose(buffer: torch.Tensor, px_cm: Numbers, upload: Uploader) -> torch.Tensor:
    """passes.compose of buffers (BUFFER_CHANNELS, B, F, F): linear RGB (3, B, F, F)."""
    color, light, gloss = buffer[:3], buffer[3:6], buffer[6:9]
    skin = buffer[9]
    sigma = np.array(passes.SCATTER_CM) / px_cm[:, None]
    sigma[sigma < passes.SMALLEST_SIGMA] = 0
    both = torch.cat([light * skin, skin.expand_as(light)]).transpose(0, 1)
    blurred = blur(both, upload(gaussian_kernels(np.concatenate([sigma, sigma], 1)))).transpose(0, 1)
    spread = blurred[:3] / blurred[3:].clamp(min=passes.LEAST_SKIN)
    wide = upload((sigma.T > 0).astype(np.float32))[:, :, None, None]
    light = light + (spread - light) * skin * wide
    red = torch.minimum(light[0], passes.REDDEST * light[1] + passes.ANY_RED)
    return color * torch.cat([red[None], light[1:]]) + gloss
