"""Everything that only a GPU can show, in one command of at most nine minutes: `python benchmarks/gpu.py`.

The machine needs Python, torch and numpy; other packages, model files and rendered people are in the folder that
`make gpu-data` wrote (at most 64 MB). Each part writes its result to a JSON file at once, also if it fails.
`--rehearsal` runs every part on a CPU, small.
"""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CARRIED = ROOT / ".gpu"
MAX_MEGABYTES = 64
UNPACKED = "SWAPCORE_CARRIED"
"""Environment variable: where a process that started this one unpacked the carried packages."""
STAND_INS = str(ROOT / "benchmarks" / "stand_ins")


def packages_file(folder: Path, python: str) -> Path:
    """Return the file of carried packages for a version of Python."""
    return folder / f"packages-{python}.tar.xz"


def add_carried(folder: Path) -> None:
    """Make carried packages and files importable; only the stand-in for OpenCV comes after the machine's own packages."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    own, others = packages_file(folder, running), sorted(folder.glob(packages_file(folder, "*").name))
    if others and own not in others:
        raise SystemExit(f"{others[0]}: is for another Python; run `python benchmarks/gpu_data.py --python {running}`")
    first = [str(ROOT / "src"), str(ROOT / "benchmarks")]
    if UNPACKED not in os.environ and own.is_file():
        os.environ[UNPACKED] = tempfile.mkdtemp(prefix="carried-")
        with tarfile.open(own) as archive:
            archive.extractall(os.environ[UNPACKED], filter="data")
    if UNPACKED in os.environ:
        first.append(os.environ[UNPACKED])
    sys.path[:] = [*first, *(path for path in sys.path if path not in (*first, STAND_INS)), STAND_INS]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is measured."""

    device: str
    groups: Path
    out: Path
    sizes: tuple[int, ...] = (112, 128, 256)
    """Working sizes; images are composed at train.model.compose_scale times that."""
    batches: tuple[int, ...] = (32, 64, 128, 256, 512)
    seconds: float = 4.0
    """For each speed."""
    compile: bool = True
    train_steps: int = 2000
    train_batch: int = 64
    stop_after_s: float = 30.0

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU is measured."""
        return self.device.startswith("cuda")


def rehearsal(groups: Path, out: Path) -> Plan:
    """The same parts on a CPU within a minute or two."""
    return Plan("cpu", groups, out, (64,), (2,), 0.2, compile=False, train_steps=6, train_batch=2, stop_after_s=0.0)


def precisions(plan: Plan) -> dict[str, Any]:
    """Compare losses and gradient norms of a step in every precision with those of the CPU in fp32."""
    import torch
    from training import build_subject, section

    from swapcore.training.step import train_step

    found: dict[str, Any] = {}
    for name, device, precision in (
        ("cpu", "cpu", "fp32"),
        *((precision, plan.device, precision) for precision in ("fp32", "bf16", "fp16")),
    ):
        if (device, precision) == ("cpu", "fp16"):
            continue  # needs a GPU's loss scaling
        torch.manual_seed(0)
        subject = build_subject("ours", section(plan.sizes[0], 4, {"device": device, "precision": precision}))
        found[name] = train_step(subject.state, subject.batch, subject.context)
    reference = found["cpu"]
    worst = {
        name: max(abs(value - reference[term]) / max(abs(reference[term]), 1e-3) for term, value in metrics.items())
        for name, metrics in found.items()
    }
    return {"metrics": found, "largest_relative_difference_from_cpu": worst}


def speed(plan: Plan) -> list[dict[str, Any]]:
    """Measure images per second, peak memory and TFLOP/s of whole steps, eager, channels last and compiled."""
    import torch
    from flops import peak

    dtype = torch.bfloat16 if plan.on_gpu else torch.float32
    highest = peak(torch.device(plan.device), dtype)
    variants = [{}, {"channels_last": True}] + ([{"channels_last": True, "compile": True}] if plan.compile else [])
    rows = []
    for size_px in plan.sizes:
        flop = flop_per_image(size_px)
        for variant in variants:
            for batch in plan.batches:
                row = _speed(plan, size_px, batch, variant)
                if row is None:
                    break  # larger batches do not fit either
                reached = row["images_per_s"] * flop
                rows.append(row | {"tflop_per_s": reached / 1e12, "share_of_peak": reached / highest})
                print(json.dumps(rows[-1]), flush=True)
                if plan.on_gpu:
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
    return rows


def flop_per_image(size_px: int) -> float:
    """Count the floating-point operations of a whole step without discriminator for one image, on the CPU."""
    from flops import flop_of_parts

    return sum(flop for part, flop in flop_of_parts(size_px).items() if not part.startswith("discriminator"))


def _speed(plan: Plan, size_px: int, batch: int, variant: dict[str, bool]) -> dict[str, Any] | None:
    import torch
    from training import build_subject, section

    precision = "bf16" if plan.on_gpu else "fp32"
    try:
        subject = build_subject(
            "ours", section(size_px, batch, {"device": plan.device, "precision": precision, "step": variant})
        )
        for _ in range(3):
            subject.step()
        started, steps = time.perf_counter(), 0
        while time.perf_counter() - started < plan.seconds:
            subject.step()
            steps += 1
    except torch.OutOfMemoryError:
        return None
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() / 1e9 if plan.on_gpu else 0.0
    return {
        "working_px": size_px, "batch": batch, **variant, "images_per_s": steps * batch / seconds, "peak_gb": peak,
    }  # fmt: skip


def profile(plan: Plan) -> dict[str, Any]:
    """Count kernels and waits of a step, and the share of the time in which the GPU computes."""
    import torch
    from torch.profiler import ProfilerActivity
    from training import build_subject, section

    batch = plan.batches[min(1, len(plan.batches) - 1)]
    subject = build_subject("ours", section(plan.sizes[0], batch, {"device": plan.device}))
    for _ in range(3):
        subject.step()
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if plan.on_gpu else [])
    started = time.perf_counter()
    with torch.profiler.profile(activities=activities) as profiler:
        subject.step()
    seconds = time.perf_counter() - started
    kernels = [event for event in profiler.events() if str(event.device_type).endswith("CUDA")]
    waits = [event.name for event in profiler.events() if "Synchronize" in event.name]
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6
    slowest = profiler.key_averages().table(
        sort_by="self_cuda_time_total" if plan.on_gpu else "self_cpu_time_total", row_limit=25
    )
    (plan.out / "profile.txt").write_text(slowest)
    return {
        "batch": batch, "seconds": seconds, "kernels": len(kernels), "waits": len(waits), "busy_share": busy / seconds,
    }  # fmt: skip


def _train_params(plan: Plan, steps: int) -> Any:
    """Return the section train for the prepared groups."""
    import cv2
    from training import changed, section

    from swapcore.data.groups import GroupSet

    composed = GroupSet(plan.groups).size_px
    small = {"size_px": composed // 2} if composed >= 128 else {"size_px": composed, "model": {"compose_scale": 1}}
    params = section(64, plan.train_batch, {"device": plan.device, "precision": "auto"})
    augment = params.sampling.augment.model_dump()
    if cv2.__version__ == "stand-in":
        augment["occlusion"] = 0.0
    return changed(
        params, small, {"sampling": {"augment": augment}},
        {
            "initial": None, "steps": steps, "loop": {"log_every": max(1, steps // 20), "sample_every": max(1, steps // 2)},
            "checkpoint": {"every": max(1, steps // 4)}, "health_checks": {"action": "warn"},
        },
    )  # fmt: skip


def loader(plan: Plan) -> dict[str, Any]:
    """Measure the sampler alone, and batches with guides as they arrive on the device."""
    import torch

    from swapcore.data.feeding import prefetch, send_ahead
    from swapcore.data.groups import GroupSet
    from swapcore.data.sampling import GroupSampler
    from swapcore.training.setup import _guide_source

    params, groups, device = _train_params(plan, plan.train_steps), GroupSet(plan.groups), torch.device(plan.device)
    sampler = GroupSampler(
        groups, params.sampling, size_px=params.size_px * params.model.compose_scale, batch_size=params.batch_size,
        seed=0, guide=_guide_source(params, groups, device),
    )  # fmt: skip
    found = {}
    num = max(4, int(200 * plan.seconds) // params.batch_size)
    started = time.perf_counter()
    for step in range(num):
        sampler.draw(step)
    found["drawn_per_s_and_thread"] = num * params.batch_size / (time.perf_counter() - started)
    if plan.on_gpu:
        raw = prefetch(lambda step: sampler.draw(step).pinned(), range(num), ahead=12, threads=8)
        batches = send_ahead(raw, lambda each: sampler.prepare(each, device), device)
    else:
        batches = prefetch(sampler.batch, range(num))
    started = time.perf_counter()
    for batch in batches:
        last = batch.guide_flow
    float(last.sum())
    found["prepared_per_s"] = num * params.batch_size / (time.perf_counter() - started)
    return found


def train(plan: Plan) -> dict[str, Any]:
    """Train the prepared people with the stage itself, stop it by SIGTERM, and resume it."""
    words = [sys.executable, __file__, "--stage", "--plan", json.dumps(dataclasses.asdict(plan), default=str)]
    shutil.rmtree(plan.out / "model", ignore_errors=True)
    shutil.rmtree(plan.out / ".model.partial", ignore_errors=True)
    started = time.perf_counter()
    first = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    checkpoints = plan.out / ".model.partial" / "checkpoints"
    while first.poll() is None and not any(checkpoints.glob("step-*[1-9]*.pt")):
        time.sleep(0.1)  # stopped after the first checkpoint, so that there is something to resume
    time.sleep(plan.stop_after_s)
    first.send_signal(signal.SIGTERM)
    output = first.communicate()[0]
    second = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    (plan.out / "train.log").write_text(output + second.stdout)
    if not (plan.out / "model" / "card.json").is_file():
        raise RuntimeError(f"no model, see {plan.out / 'train.log'}: {(output + second.stdout)[-1000:]}")
    return {
        "exit_codes": [first.returncode, second.returncode], "seconds": time.perf_counter() - started,
        "resumed": "training resumes at step" in second.stdout,
    }  # fmt: skip


def _stage(plan: Plan) -> int:
    """Run the train stage, without MLflow; return the exit code that the command would have."""
    import contextlib
    import logging

    import swapcore.stages.train as stage
    from swapcore.errors import SwapcoreError
    from swapcore.tracking import NoTracking

    logging.basicConfig(level=logging.INFO)

    @contextlib.contextmanager
    def untracked(*_: object, **__: object) -> Any:
        yield NoTracking()

    stage.track = untracked  # type: ignore[assignment]
    try:
        metrics = stage.run(_train_params(plan, plan.train_steps), groups=plan.groups, model=plan.out / "model")
    except SwapcoreError as error:
        print(f"swapcore: {error}", flush=True)
        return int(error.exit_code)
    print(json.dumps(metrics), flush=True)
    return 0


def networks(plan: Plan) -> dict[str, Any]:
    """Measure recognizer and guides in batches."""
    import torch

    from swapcore.config import NetworkParams
    from swapcore.faces.networks import load_recognizer
    from swapcore.ops.guide import guide_inputs
    from swapcore.warp.guide import guide_maker

    device, batch = torch.device(plan.device), plan.batches[-1]
    recognizer = load_recognizer(NetworkParams(kind="dlib", path=None, sha256=None)).to(device)
    images = torch.rand(batch, 3, 256, 256, device=device) * 2 - 1
    maker = guide_maker(plan.sizes[0], plan.device)
    import numpy as np

    meshes = tuple(np.random.default_rng(seed).normal(0, 0.3, (batch, 478, 3)) for seed in range(2))
    landmarks = guide_inputs(meshes, (np.zeros((batch, 5, 2)),) * 2, maker.reshape)
    with torch.no_grad():
        embedded = _per_second(lambda: recognizer(images), batch, plan)
        guided = _per_second(lambda: maker.make(landmarks), batch, plan)
    return {"batch": batch, "embedded_per_s": embedded, "guides_per_s": guided}


def renderer(plan: Plan) -> dict[str, Any]:
    """Measure batches of the renderer, and how far its images are from those of the compiled one."""
    import importlib.util

    missing = [name for name in ("numba", "scipy", "anny") if importlib.util.find_spec(name) is None]
    if missing:
        return {"skipped": f"needs {', '.join(missing)}, which cannot be carried; run it where swapcore is installed"}
    import numpy as np
    import torch

    from swapcore.synth.batched.render import draw, render_on
    from swapcore.synth.people import draw_shots
    from swapcore.synth.render import render
    from swapcore.synth.setting import arrange

    device, size = torch.device(plan.device), plan.sizes[-1]
    batches = [batch for batch in plan.batches if batch <= 128]
    shots = [shot for person in range(batches[-1] // 4 + 1) for shot in draw_shots(1, person, 4, size, 0.7)][
        : batches[-1]
    ]
    started = time.process_time()
    settings = [arrange(shot.identity, shot.attributes, size) for shot in shots]
    prepared = (time.process_time() - started) / len(shots)
    rates = {}
    for batch in batches:
        rates[batch] = _per_second(lambda chosen=settings[:batch]: draw(chosen, device).cpu(), batch, plan)
    few = [(shot.identity, shot.attributes.but(jpeg=0.0)) for shot in shots[:4]]
    differences = [
        float(np.abs(picture.image.astype(int) - render(*shot, size).image).mean())
        for shot, picture in zip(few, render_on(device, few, size), strict=True)
    ]
    peak = torch.cuda.max_memory_allocated() / 1e9 if plan.on_gpu else None
    return {
        "size_px": size, "host_s_per_image": prepared, "drawn_per_s": rates, "mean_levels": max(differences), "peak_gb": peak,
    }  # fmt: skip


def _per_second(work: Callable[[], Any], batch: int, plan: Plan) -> float:
    import torch

    def wait() -> None:
        if plan.on_gpu:
            torch.cuda.synchronize()

    work()
    wait()
    started, turns = time.perf_counter(), 0
    while time.perf_counter() - started < plan.seconds:
        work()
        wait()
        turns += 1
    return turns * batch / (time.perf_counter() - started)


def exchange(plan: Plan) -> dict[str, Any]:
    """Start one process by torchrun, with the groups of processes that a training makes."""
    words = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", __file__,
        "--exchange", "--plan", json.dumps(dataclasses.asdict(plan), default=str),
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def _exchange(plan: Plan) -> int:
    import torch
    import torch.distributed as dist

    device = torch.device("cuda", 0) if plan.on_gpu else torch.device("cpu")
    dist.init_process_group("cpu:gloo,cuda:nccl" if plan.on_gpu else "gloo", device_id=device if plan.on_gpu else None)
    own = dist.new_group(backend="gloo")
    values, host = torch.ones(4, device=device), torch.ones(1)
    dist.all_reduce(values)
    dist.all_reduce(host, group=own)
    print(json.dumps({"backend": dist.get_backend(), "sum": values.tolist(), "host": host.tolist()}), flush=True)
    dist.destroy_process_group()
    return 0


PARTS: dict[str, Callable[[Plan], Any]] = {
    "precisions": precisions, "train": train, "loader": loader, "profile": profile, "networks": networks,
    "renderer": renderer, "exchange": exchange, "speed": speed,
}  # fmt: skip
"""In the order in which they run; the last one takes as long as there is time."""


def run(plan: Plan, names: list[str]) -> int:
    """Run parts, write the result of each at once, and return the number of failed ones."""
    import cv2
    import torch

    plan.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SWAPCORE_CACHE", str(plan.out / "cache"))
    machine = torch.cuda.get_device_name() if plan.on_gpu else "cpu"
    failed = 0
    for name in names:
        started = time.perf_counter()
        result: dict[str, Any] = {"machine": machine, "torch": torch.__version__, "opencv": cv2.__version__}
        try:
            result["result"] = PARTS[name](plan)
        except Exception:  # the other parts still run
            result["error"] = traceback.format_exc()
            failed += 1
        result["seconds"] = time.perf_counter() - started
        (plan.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"{name}: {'FAILED' if 'error' in result else 'done'} in {result['seconds']:.0f} s", flush=True)
    return failed


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearsal", action="store_true", help="every part on the CPU, small")
    parser.add_argument("--carried", type=Path, default=CARRIED, help="the folder of `make gpu-data`")
    parser.add_argument("--groups", type=Path, help="a groups artifact; default: the carried one")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--stage", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--exchange", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--plan", help=argparse.SUPPRESS)
    options = parser.parse_args()
    add_carried(options.carried)
    if options.plan:
        values = json.loads(options.plan)
        plan = Plan(**{name: Path(value) if name in ("groups", "out") else value for name, value in values.items()})
        return _stage(plan) if options.stage else _exchange(plan)
    groups = options.groups or options.carried / "groups"
    if not (groups / "card.json").is_file():
        parser.error(f"{groups}: no groups artifact; run `make gpu-data` first, or name one with --groups")
    plan = rehearsal(groups, options.out) if options.rehearsal else Plan("cuda", groups, options.out)
    return 1 if run(plan, options.parts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
