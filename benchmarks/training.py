"""Images/s of a whole training step beside a generator of SimSwap's size under the same losses: `python benchmarks/training.py`.

Both take turns, so that a machine that is busy with other things slows both; the ratio is the median over turns.
"""

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from simswap_sized import SimSwapSized
from torch.profiler import ProfilerActivity, profile

from swapcore.config import NetworkParams, TrainParams, read_params
from swapcore.data.sampling import Batch
from swapcore.faces.networks import load_recognizer
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.source import pool_levels
from swapcore.ops.device import dtype_of, select_device
from swapcore.training.step import StepContext, train_step
from swapcore.training.train_state import Learner, build_learner

BATCH = {64: 8, 112: 8}
NAMES = ("ours", "SimSwap-sized")
BARS = {64: 6.0, 112: 8.0, 224: 10.0}
PREFIX = "step/"
STEADY = {"steps": 1_000_000, "adversarial_start": 0.0, "raw_phase": 0.0}
"""A moment at which the discriminator plays, far from the end."""


@dataclass
class Contestant:
    """A learner with what its steps need."""

    learner: Learner
    batch: Batch
    context: StepContext

    def step(self) -> None:
        """One whole step, discriminator included."""
        train_step(self.learner, self.batch, self.context)
        if self.context.device.type == "cuda":
            torch.cuda.synchronize()


def section(size_px: int, batch_size: int, changes: dict[str, Any]) -> TrainParams:
    """The train section of params.yaml at this size, at a moment when the discriminator plays."""
    params = read_params(Path(__file__).parents[1] / "params.yaml").train.model_dump()
    return TrainParams.model_validate(params | STEADY | {"size_px": size_px, "batch_size": batch_size} | changes)


def contestant(name: str, params: TrainParams) -> Contestant:
    """Untrained models, and a batch of noise: what a step costs does not depend on what is seen."""
    device = select_device(params.device)
    recognizer = load_recognizer(NetworkParams(kind="dlib", path=None, sha256=None)).to(device)
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, params.size_px, params.size_px, device=device))
    sizes = {"embedding_size": embedding.shape[1], "pooled_size": pool_levels(levels, embedding).shape[1]}
    learner = build_learner(ModelConfiguration(generator=params.model, size_px=params.size_px, **sizes), params, device)
    if name != "ours":
        learner.generator = SimSwapSized(**sizes).to(device)
        learner.ema = copy.deepcopy(learner.generator).eval().requires_grad_(False)
        learner.generator_optimizer = torch.optim.Adam(learner.generator.parameters(), 1e-4, fused=True)
    learner.step = params.steps // 2
    mean = torch.zeros(sizes["embedding_size"], device=device)
    recognize = recognizer.kept_in(dtype_of(device, params.precision)).features
    loss = SwapLoss(params.weights, recognize, mean, params.num_feature_levels, None)
    descriptions = torch.randn(params.batch_size, learner.generator.description.size, device=device)
    return Contestant(learner, noise(params, embedding), StepContext(params, device, loss, descriptions, mean))


def noise(params: TrainParams, embedding: torch.Tensor) -> Batch:
    """A batch of random pictures, 30 % of them with fake labels."""
    pictures = (torch.rand(params.batch_size, 3, params.size_px, params.size_px) * 2 - 1 for _ in range(3))
    faces = (torch.randn(params.batch_size, embedding.shape[1]) for _ in range(2))
    rows = torch.arange(params.batch_size)
    views = torch.eye(2, 3).expand(params.batch_size, 2, 3)
    return Batch(*pictures, rows < 0.3 * params.batch_size, rows, *faces, views)  # type: ignore[call-arg]


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Wall-clock and processor seconds of a step."""
    wall, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - processor


def shares(one: Contestant) -> dict[str, float]:
    """Share of a step spent in each part of it."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        one.step()
    spent = {
        event.key.removeprefix(PREFIX): event.cpu_time_total
        for event in profiler.key_averages()
        if event.key.startswith(PREFIX)
    }
    return {name: spent[name] / sum(spent.values()) for name in sorted(spent, key=spent.__getitem__, reverse=True)}


def peak_megabytes(name: str, params: TrainParams) -> float:
    """Most memory of three steps in a process of their own: on the GPU what torch allocated, else the resident set."""
    words = [sys.executable, __file__, "--memory-of", name, "--params-json", params.model_dump_json()]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def measure_memory(name: str, params: TrainParams) -> float:
    """The same, inside that process."""
    one = contestant(name, params)
    for _ in range(3):
        one.step()
    if one.context.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def compare(size_px: int, batch_size: int, turns: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Both contestants at one size."""
    params = section(size_px, batch_size, changes)
    both = {name: contestant(name, params) for name in NAMES}
    for one in both.values():
        one.step()
    times = [{name: timed(both[name].step) for name in NAMES} for _ in range(turns)]
    found: dict[str, Any] = {"size_px": size_px, "batch": params.batch_size, "bar": BARS.get(size_px)}
    for name, one in both.items():
        wall, processor = (statistics.median(turn[name][clock] for turn in times) for clock in (0, 1))
        found[name] = {
            "images_per_s": params.batch_size / wall,
            "images_per_processor_s": params.batch_size / processor,
            "parameters": sum(p.numel() for p in one.learner.generator.parameters()),
            "shares": shares(one),
            "peak_megabytes": peak_megabytes(name, params),
        }
    ratios = [[turn[NAMES[1]][clock] / turn[NAMES[0]][clock] for turn in times] for clock in (0, 1)]
    return found | {"ratio": statistics.median(ratios[0]), "ratio_processor": statistics.median(ratios[1])}


def line(found: dict[str, Any]) -> str:
    """A row of the table."""
    ours, other = (found[name] for name in NAMES)
    cells = [
        f"{found['size_px']} px, batch {found['batch']}",
        *(f"{one['images_per_s']:.2f} ({one['images_per_processor_s']:.2f})" for one in (ours, other)),
        f"**{found['ratio']:.1f}** ({found['ratio_processor']:.1f})",
        f"{found['bar'] or '-'}",
        *(f"{one['peak_megabytes']:.0f}" for one in (ours, other)),
        ", ".join(f"{name} {100 * share:.0f} %" for name, share in ours["shares"].items()),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 112, 224])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batch", type=int, help="default: 8 up to 112 px, 4 above")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="fields of the section train")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--params-json", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.memory_of:
        print(measure_memory(options.memory_of, TrainParams.model_validate_json(options.params_json)))
        return
    changes = {key: YAML(typ="safe").load(value) for key, value in (word.split("=", 1) for word in options.set)}
    print(f"{torch.get_num_threads()} threads; images/s by the wall clock (by processor time in brackets)\n")
    print("| size | ours | SimSwap-sized | ratio | bar | peak MB ours | SimSwap-sized | where our step's time goes |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for size_px in options.sizes:
        rows.append(compare(size_px, options.batch or BATCH.get(size_px, 4), options.turns, changes))
        print(line(rows[-1]), flush=True)
    parameters = " and ".join(f"{name} {rows[0][name]['parameters'] / 1e6:.1f} M" for name in NAMES)
    print(f"\nParameters of the generator: {parameters}.")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
