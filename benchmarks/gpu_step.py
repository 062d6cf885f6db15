"""Images/s of a training step in bf16 for each batch size, plain, channels last and compiled; called by benchmarks/gpu.sh."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from training import contestant, section

WAYS = ({}, {"channels_last": True}, {"channels_last": True, "compile": True})


def measure(size_px: int, batch_size: int, changes: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Steps for some seconds after a warm-up; None where memory does not suffice."""
    params = section(size_px, batch_size, {"precision": "bf16"} | changes)
    try:
        one = contestant("ours", params)
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
        "size_px": size_px, "batch": batch_size, "compile": params.compile, "channels_last": params.channels_last,
        "images_per_s": num_steps * batch_size / took, "peak_megabytes": memory,
    }  # fmt: skip


def main() -> None:
    """Print a Markdown table and write its figures."""
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
    for way in WAYS:
        for batch_size in options.batches:
            row = measure(options.size, batch_size, {"device": options.device} | way, options.seconds)
            if row is None:
                print(f"| {batch_size} | {way} | out of memory | | |", flush=True)
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
