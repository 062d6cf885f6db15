"""Speed of a training step, compared with a generator of SimSwap's size: `python benchmarks/training.py`.

Both are measured alternately, so that other load on the machine affects both; the ratio is the median over the repetitions.
The size is what the networks work at. Ours composes, and computes its losses, at train.model.compose_scale times that size.
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
from swapcore.data.guiding import NUM_POINTS
from swapcore.data.preparing import GroupBatch
from swapcore.faces.networks import load_recognizer
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.source import pool_levels
from swapcore.ops.compose import GUIDE_CHANNELS, Guide
from swapcore.ops.device import dtype_of, select_device
from swapcore.training.distributed import SINGLE
from swapcore.training.setup import step_context
from swapcore.training.step import StepContext, train_step
from swapcore.training.train_state import TrainState, build_train_state

BATCH = {64: 8, 112: 8}
NAMES = ("ours", "SimSwap-sized")
TARGETS = {64: 6.0, 112: 8.0, 224: 10.0}
"""Crop size -> ratio to reach."""
PREFIX = "step/"
STEADY = {"steps": 1_000_000, "schedule": {"adversarial_start": 0.0, "raw_phase": 0.0}}
"""With the discriminator from the first step on."""


@dataclass
class Subject:
    """A train state with batch and context."""

    state: TrainState
    batch: GroupBatch
    context: StepContext

    def step(self) -> None:
        """Run one step, including the discriminator."""
        train_step(self.state, self.batch, self.context)
        if self.context.device.type == "cuda":
            torch.cuda.synchronize()


def section(size_px: int, batch_size: int, changes: dict[str, Any]) -> TrainParams:
    """Return the section train of params.yaml at a size, with the discriminator active and nested changes."""
    params = read_params(Path(__file__).parents[1] / "params.yaml").train
    return changed(params, STEADY, {"size_px": size_px, "batch_size": batch_size}, changes)


def changed(params: TrainParams, *changes: dict[str, Any]) -> TrainParams:
    """Return params with changes; values of sub-sections are nested dictionaries."""
    values = params.model_dump(mode="json")
    for change in changes:
        for key, value in change.items():
            values[key] = values[key] | value if isinstance(value, dict) else value
    return TrainParams.model_validate(values)


def build_subject(name: str, params: TrainParams) -> Subject:
    """Build untrained models and a batch of noise; the cost of a step does not depend on its images."""
    device = select_device(params.device)
    recognizer = load_recognizer(NetworkParams(kind="dlib", path=None, sha256=None)).to(device)
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, params.size_px, params.size_px, device=device))
    sizes = {"embedding_size": embedding.shape[1], "pooled_size": pool_levels(levels, embedding).shape[1]}
    state = build_train_state(
        ModelConfiguration(generator=params.model, size_px=params.size_px, **sizes), params, device
    )
    if name != "ours":
        state.generator = SimSwapSized(**sizes).to(device)
        state.ema = copy.deepcopy(state.generator).eval().requires_grad_(False)
        state.generator_optimizer = torch.optim.Adam(state.generator.parameters(), 1e-4, fused=True)
    state.step = params.steps // 2
    mean = torch.zeros(sizes["embedding_size"], device=device)
    recognize = recognizer.kept_in(dtype_of(device, params.precision)).features
    loss = SwapLoss(params.weights, recognize, mean, params.feature.num_levels, None)
    context = step_context(params, device, loss, mean, SINGLE)
    scale = params.model.compose_scale if name == "ours" else 1
    return Subject(state, noise(params, embedding, state.generator.description.size, scale=scale), context)


def noise(params: TrainParams, embedding: torch.Tensor, description_size: int, *, scale: int) -> GroupBatch:
    """Return a batch of random images of scale times the working size, 30 % of them with fake labels, and plain guides."""
    num, size_px = params.batch_size, params.size_px
    images = (torch.rand(num, 3, scale * size_px, scale * size_px) * 2 - 1 for _ in range(3))
    faces = (torch.randn(num, embedding.shape[1]) for _ in range(2))
    rows = torch.arange(num)
    points = torch.rand(num, NUM_POINTS, 2) - 0.5
    guide = Guide(**{name: torch.zeros(num, channels, size_px, size_px) for name, channels in GUIDE_CHANNELS.items()})
    guide = guide._replace(visible=guide.visible + 1, skin=guide.skin + 1, near=guide.near + 1)
    shown = torch.ones(num, NUM_POINTS)
    views = torch.eye(2, 3).expand(num, 2, 3)
    description = torch.randn(num, description_size)
    num_fake_labels = round(0.3 * num)
    return GroupBatch(
        *images, num_fake_labels, rows, description, *faces, views, *guide, points, points, shown, 0 * shown
    )


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Return wall-clock and processor seconds of a step."""
    wall, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - processor


def shares(subject: Subject) -> dict[str, float]:
    """Return the share of each part of a step."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        subject.step()
    spent = {
        event.key.removeprefix(PREFIX): event.cpu_time_total
        for event in profiler.key_averages()
        if event.key.startswith(PREFIX)
    }
    return {name: spent[name] / sum(spent.values()) for name in sorted(spent, key=spent.__getitem__, reverse=True)}


def peak_megabytes(name: str, params: TrainParams) -> float:
    """Measure the peak memory of three steps in a separate process: allocated by torch on a GPU, else the resident set."""
    words = [sys.executable, __file__, "--memory-of", name, "--params-json", params.model_dump_json()]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def measure_memory(name: str, params: TrainParams) -> float:
    """Measure it inside that process."""
    one = build_subject(name, params)
    for _ in range(3):
        one.step()
    if one.context.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def compare(size_px: int, batch_size: int, repetitions: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Measure both models at one size."""
    params = section(size_px, batch_size, changes)
    both = {name: build_subject(name, params) for name in NAMES}
    for one in both.values():
        one.step()
    times = [{name: timed(both[name].step) for name in NAMES} for _ in range(repetitions)]
    found: dict[str, Any] = {"size_px": size_px, "batch": params.batch_size, "target": TARGETS.get(size_px)}
    for name, one in both.items():
        wall, processor = (statistics.median(each[name][clock] for each in times) for clock in (0, 1))
        found[name] = {
            "images_per_s": params.batch_size / wall,
            "images_per_processor_s": params.batch_size / processor,
            "parameters": sum(p.numel() for p in one.state.generator.parameters()),
            "shares": shares(one),
            "peak_megabytes": peak_megabytes(name, params),
        }
    ratios = [[each[NAMES[1]][clock] / each[NAMES[0]][clock] for each in times] for clock in (0, 1)]
    return found | {"ratio": statistics.median(ratios[0]), "ratio_processor": statistics.median(ratios[1])}


def line(found: dict[str, Any]) -> str:
    """Format a row of the table."""
    ours, other = (found[name] for name in NAMES)
    cells = [
        f"{found['size_px']} px, batch {found['batch']}",
        *(f"{one['images_per_s']:.2f} ({one['images_per_processor_s']:.2f})" for one in (ours, other)),
        f"**{found['ratio']:.1f}** ({found['ratio_processor']:.1f})",
        f"{found['target'] or '-'}",
        *(f"{one['peak_megabytes']:.0f}" for one in (ours, other)),
        ", ".join(f"{name} {100 * share:.0f} %" for name, share in ours["shares"].items()),
    ]
    return f"| {' | '.join(cells)} |"


def settings(words: list[str]) -> dict[str, Any]:
    """Parse KEY=VALUE; a dotted key gives a nested dictionary."""
    changes: dict[str, Any] = {}
    for key, value in (word.split("=", 1) for word in words):
        section_name, _, field = key.rpartition(".")
        target = changes.setdefault(section_name, {}) if section_name else changes
        target[field] = YAML(typ="safe").load(value)
    return changes


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 112, 224])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--batch", type=int, help="default: 8 up to 112 px, 4 above")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's default")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="fields of the section train, e.g. step.compile=true"
    )
    parser.add_argument("--json", type=Path, help="write all measurements to this file")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--params-json", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.memory_of:
        print(measure_memory(options.memory_of, TrainParams.model_validate_json(options.params_json)))
        return
    changes = settings(options.set)
    print(f"{torch.get_num_threads()} threads; images/s by wall clock (by processor time in brackets)\n")
    print("| size | ours | SimSwap-sized | ratio | target | peak MB ours | SimSwap-sized | parts of our step |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for size_px in options.sizes:
        rows.append(compare(size_px, options.batch or BATCH.get(size_px, 4), options.repetitions, changes))
        print(line(rows[-1]), flush=True)
    parameters = " and ".join(f"{name} {rows[0][name]['parameters'] / 1e6:.1f} M" for name in NAMES)
    print(f"\nParameters of the generator: {parameters}.")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
