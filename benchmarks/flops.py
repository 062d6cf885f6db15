"""Counted floating-point operations of a training step by part, and each part's share of the peak: `python benchmarks/flops.py`.

The peak is that of a product of large matrices on the same device in the same run. A part's time is the difference of two
steps, with and without it.
"""

import argparse
import functools
import statistics

import torch
from torch.utils.flop_counter import FlopCounterMode
from training import Subject, build_subject, section, timed

from swapcore.ops.device import number_format
from swapcore.training.step import train_step

_COUNTED = 2
"""Batch in which operations are counted."""
_FROZEN = ("feature", "identity_source", "identity_template")
"""Weights of the losses that need the recognizer."""
_NO_DISCRIMINATOR = {"adversarial": 0.0}
STEPS: dict[str, dict[str, float]] = {
    "generator": _NO_DISCRIMINATOR | dict.fromkeys(_FROZEN, 0.0),
    "recognizer": _NO_DISCRIMINATOR,
    "discriminator, if train.weights.adversarial is set": {"adversarial": 0.03},
}
"""Weights of the losses of a step that has this part and those before it."""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def subject_with(size_px: int, batch: int, device: str, precision: str, weights: dict[str, float]) -> Subject:
    """Build a training step with other loss weights."""
    return build_subject(
        "ours", section(size_px, batch, {"device": device, "precision": precision, "weights": weights})
    )


def of_each_part(sums: list[float]) -> dict[str, float]:
    """Return what each part adds to the steps before it."""
    return {name: last - first for name, first, last in zip(STEPS, [0.0, *sums[:-1]], sums, strict=True)}


@functools.cache
def flop_of_parts(size_px: int) -> dict[str, float]:
    """Return the operations of generator, recognizer and discriminator for one image, forward and backward, as in params.yaml."""
    sums = []
    for weights in STEPS.values():
        subject = subject_with(size_px, _COUNTED, "cpu", "fp32", weights)
        with FlopCounterMode(display=False) as counter:
            train_step(subject.state, subject.batch, subject.context)
        sums.append(counter.get_total_flops() / _COUNTED)
    return of_each_part(sums)


def peak(device: torch.device, dtype: torch.dtype) -> float:
    """Measure the operations per second of a product of square matrices; by processor time on a CPU."""
    side = 8192 if device.type == "cuda" else 1024
    first, second = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def multiply() -> None:
        first @ second
        if device.type == "cuda":
            torch.cuda.synchronize()

    multiply()
    return 2 * side**3 / min(timed(multiply)[device.type == "cpu"] for _ in range(5))


def seconds_of_parts(
    size_px: int, batch: int, device: str, precision: str, repetitions: int
) -> tuple[dict[str, float], float]:
    """Measure the seconds of each part for one image, and the peak; all of them alternate, so that other load affects all."""
    subjects = [subject_with(size_px, batch, device, precision, weights) for weights in STEPS.values()]
    where = subjects[0].context.device
    clock = int(where.type == "cpu")
    dtype = _DTYPES[number_format(where, precision)]
    for subject in subjects:
        subject.step()
    rounds = [([timed(subject.step)[clock] for subject in subjects], peak(where, dtype)) for _ in range(repetitions)]
    sums = [statistics.median(times[i] for times, _ in rounds) / batch for i in range(len(subjects))]
    return of_each_part(sums), statistics.median(each for _, each in rounds)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[112])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| working size | part | GFLOP per image | share | ms per image | GFLOP/s | share of the peak |")
    print("|---|---|---|---|---|---|---|")
    for size_px in options.sizes:
        parts = flop_of_parts(size_px)
        seconds, highest = seconds_of_parts(
            size_px, options.batch, options.device, options.precision, options.repetitions
        )
        for name, flop in parts.items():
            print(
                f"| {size_px} px | {name} | {flop / 1e9:.2f} | {flop / sum(parts.values()):.0%} | {1e3 * seconds[name]:.1f} | "
                f"{flop / seconds[name] / 1e9:.1f} | {flop / seconds[name] / highest:.0%} |",
                flush=True,
            )
        print(f"| {size_px} px | product of matrices | | | | {highest / 1e9:.1f} | 100% |", flush=True)


if __name__ == "__main__":
    main()
