"""Peak memory of the pass that describes all sources before a training: `python benchmarks/setup_pass.py`.

The pass runs on made-up sources with a stand-in for the recognizer, in a process of its own, once into the file that trainings
share and once into memory. The memory of a batch of the real recognizer does not grow with the sources and is measured apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from swapcore.cache import CACHE
from swapcore.config import NetworkParams
from swapcore.data.sampling import GroupSampler
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Features
from swapcore.models.source import SourceDescription, pool_levels
from swapcore.training.describing import BATCH_SIZE, describe_sources

MAX_RATIO = 1.3
"""Of the peak to the result."""
SIZE_PX = 224
"""Of the crops that the recognizer gets, as in params.yaml."""
FILE, MEMORY, BATCH = "file", "memory", "batch"


class MadeSources(GroupSampler):
    """Sources without images."""

    def __init__(self, count: int, size_px: int) -> None:
        self._count, self.size_px = count, size_px

    @property
    def num_sources(self) -> int:
        """Number of sources."""
        return self._count

    def sources_digest(self) -> str:
        """Return what names the file."""
        return f"made up {self._count}"

    def source_images(self, first: int, last: int) -> torch.Tensor:
        """Return float (B, 3, size, size) crops."""
        return torch.zeros(min(last, self._count) - first, 3, self.size_px, self.size_px)


def memory(name: str) -> int:
    """Return VmRSS or VmHWM of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def pass_over_sources(count: int, where: str) -> dict[str, int]:
    """Run the pass, and return the bytes of its result and of its peak beyond what was there before."""
    recognizer = load_recognizer(NetworkParams(kind="dlib", path=None, sha256=None))
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, 64, 64))
    pixels = [level[:, :, :1, :1] for level in levels]
    description = SourceDescription(embedding.shape[1], pool_levels(levels, embedding).shape[1])

    def stand_in(crops: torch.Tensor) -> Features:
        num = len(crops)
        return Features([pixel.expand(num, -1, -1, -1) for pixel in pixels], embedding.expand(num, -1))

    real = where == BATCH
    sources = MadeSources(BATCH_SIZE if real else count, SIZE_PX if real else 8)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # VmHWM counts from here on
    before = memory("VmRSS")
    described = describe_sources(
        description, sources, recognizer.features if real else stand_in, torch.zeros(embedding.shape[1]), torch.device("cpu"),
        cache_megabytes=100_000 if where == FILE else 0,
    )  # fmt: skip
    return {"result": described.raw.nbytes, "peak": memory("VmHWM") - before}


def measure(count: int, where: str) -> dict[str, int]:
    """Run the pass in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="setup-pass-") as cache:
        words = [sys.executable, __file__, "--sources", str(count), "--where", where]
        done = subprocess.run(
            words, check=True, stdout=subprocess.PIPE, env=os.environ | {CACHE: cache, "OMP_NUM_THREADS": "1"}
        )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def report(count: int) -> list[str]:
    """Print the table, and return what missed the bar."""
    missed = []
    print(
        f"\n| set-up pass, {count} sources | result, MB | peak, MB | peak / result (bar {MAX_RATIO:g}) |\n|---|---|---|---|"
    )
    for where in (FILE, MEMORY):
        found = measure(count, where)
        ratio = found["peak"] / found["result"]
        print(f"| {where} | {found['result'] / 1e6:.0f} | {found['peak'] / 1e6:.0f} | {ratio:.2f} |", flush=True)
        missed += [f"set-up pass ({where})"] if ratio > MAX_RATIO else []
    batch, per_source = measure(BATCH_SIZE, BATCH), found["result"] / count
    constant = batch["peak"] - batch["result"]
    print(f"A batch of {BATCH_SIZE} crops of {SIZE_PX} px through the recognizer, on a CPU: {constant / 1e6:.0f} MB more; "
          f"with 10^6 sources: {1 + constant / (1e6 * per_source):.2f} times the result")  # fmt: skip
    return missed


def main() -> None:
    """Print the table; exit with 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=100_000)
    parser.add_argument("--where", choices=(FILE, MEMORY, BATCH), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.where:
        print(json.dumps(pass_over_sources(options.sources, options.where)))
        return
    missed = report(options.sources)
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
