"""Training speed in bf16 by batch size and memory format; called by benchmarks/gpu.sh."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from training import build_subject, section

VARIANTS = ({}, {"channels_last": True}, {"channels_last": True, "compile": True})
"""Values of train.step."""


def measure(size_px: int, batch_size: int, changes: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Run steps for some seconds after a warm-up.

    Args:
        size_px: crop size.
        batch_size: samples of a step.
        changes: of the section train.
        seconds: duration.

    Returns:
        The measurements; None if memory is insufficient.
    """
    params = section(size_px, batch_size, {"precision": "bf16"} | changes)
    try:
        one = build_subject("ours", params)
        for _ in range(3):
            one.step()
        started, num_steps = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            one.step()
            num_steps += 1
    except torch.OutOfMemoryError:
        return None
    took = time.perf_counter() - started
    memory = torch.cuda.max_memory_allocated() / 1e6 if params.device.startswith("cuda") else 0.0
    return {
        "size_px": size_px, "batch": batch_size, "compile": params.step.compile, "channels_last": params.step.channels_last,
        "images_per_s": num_steps * batch_size / took, "peak_megabytes": memory,
    }  # fmt: skip


def main() -> None:
    """Print a Markdown table and write the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device
    print(f"{name}, torch {torch.__version__}, {options.size} px, bf16\n")
    print("| batch | channels last | compiled | images/s | peak MB |\n|---|---|---|---|---|")
    rows = []
    for variant in VARIANTS:
        for batch_size in options.batches:
            row = measure(options.size, batch_size, {"device": options.device, "step": variant}, options.seconds)
            if row is None:
                print(f"| {batch_size} | {variant} | out of memory | | |", flush=True)
                break
            rows.append(row)
            cells = [
                batch_size,
                row["channels_last"],
                row["compile"],
                f"{row['images_per_s']:.1f}",
                f"{row['peak_megabytes']:.0f}",
            ]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            if options.device.startswith("cuda"):
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
    options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
