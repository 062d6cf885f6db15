"""Counted floating-point operations of a training step for one image, by part: `python benchmarks/flops.py`."""

import argparse
import functools

import torch
from torch.utils.flop_counter import FlopCounterMode
from training import build_subject, section

from swapcore.training.step import train_step

_BATCH = 2
_FROZEN = ("feature", "identity_source", "identity_template")
"""Weights of the losses that need the recognizer."""


def counted(size_px: int, weights: dict[str, float]) -> float:
    """Count a whole step, forward and backward, with other loss weights, for one image."""
    subject = build_subject(
        "ours", section(size_px, _BATCH, {"device": "cpu", "precision": "fp32", "weights": weights})
    )
    with FlopCounterMode(display=False) as counter:
        train_step(subject.state, subject.batch, subject.context)
    return counter.get_total_flops() / _BATCH


@functools.cache
def flop_of_parts(size_px: int) -> dict[str, float]:
    """Return the operations of generator, recognizer and discriminator at a working size, as in params.yaml."""
    no_discriminator = {"adversarial": 0.0}
    generator = counted(size_px, no_discriminator | dict.fromkeys(_FROZEN, 0.0))
    without = counted(size_px, no_discriminator)
    return {
        "generator": generator,
        "recognizer": without - generator,
        "discriminator, if train.weights.adversarial is set": counted(size_px, {"adversarial": 0.03}) - without,
    }


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[112])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| working size | part | GFLOP per image | share |\n|---|---|---|---|")
    for size_px in options.sizes:
        parts = flop_of_parts(size_px)
        for name, flop in parts.items():
            print(f"| {size_px} px | {name} | {flop / 1e9:.2f} | {flop / sum(parts.values()):.0%} |", flush=True)


if __name__ == "__main__":
    main()
