"""Images per second of the renderer, in batches, on CPU or GPU: `python benchmarks/renderer_speed.py [--device cuda]`."""

import argparse
import time

import numpy as np
import torch

from swapcore.synth.attributes import Attributes, draw_attributes
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.render import render, render_batch

SEED = 771_001


def draw(num_pictures: int) -> list[tuple[Identity, Attributes]]:
    """Draw different people with the full range of attributes."""
    return [
        (
            draw_identity(np.random.default_rng([SEED, 1, number])),
            draw_attributes(np.random.default_rng([SEED, 2, number]), 1.0),
        )
        for number in range(num_pictures)
    ]


def pictures_per_second(size_px: int, batch_size: int, num_batches: int, device: str) -> float:
    """Return the wall-clock rate after one warm-up batch."""
    shots = draw(batch_size * (num_batches + 1))
    render_batch(shots[:batch_size], size_px, device)
    start = time.perf_counter()
    for first in range(batch_size, len(shots), batch_size):
        render_batch(shots[first : first + batch_size], size_px, device)
    return batch_size * num_batches / (time.perf_counter() - start)


def gray_levels_apart(size_px: int, device: str) -> float:
    """Return the mean difference to the image rendered on the CPU, where the bytes are reproducible."""
    shot = draw(1)[0]
    here, there = render(*shot, size_px), render_batch([shot], size_px, device)[0]
    return float(np.abs(here.image.astype(float) - there.image).mean())


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--batches", type=int, default=2)
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else "processor, one thread"
    print(
        f"| size, px | pictures a second ({name}) | mean difference from the processor's, gray levels |\n|---|---|---|"
    )
    for size_px in options.sizes:
        rate = pictures_per_second(size_px, options.batch, options.batches, options.device)
        print(f"| {size_px} | {rate:.1f} | {gray_levels_apart(size_px, options.device):.3f} |", flush=True)


if __name__ == "__main__":
    main()
