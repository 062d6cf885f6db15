"""Processor time of a training step against that of an earlier commit: `python benchmarks/step_ratio.py COMMIT`.

Each version runs in a process of its own, with its own benchmarks/training.py and params.yaml; the steps alternate, so that
other load on the machine affects both.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BEFORE_DATA_PATH = "5b99af1"
"""The last commit before batches became uint8 and augmentation moved to the device."""
MODELS: dict[str, dict[str, Any]] = {"fields": {"kind": "fields"}, "pixels": {"kind": "pixels", "compose_scale": 1}}
MAX_RATIO = 1.0


def extract(commit: str, folder: Path) -> None:
    """Write the files of a commit to a folder."""
    words = ["git", "archive", commit, "src", "benchmarks", "params.yaml"]
    archive = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "x", "-C", folder], input=archive.stdout, check=True)


class Version:
    """A process that runs training steps of one version on request."""

    def __init__(self, tree: Path, words: list[str]) -> None:
        path = os.pathsep.join(str(tree / name) for name in ("src", "benchmarks"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, "--worker", *words], env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def step(self) -> float:
        """Run a step, and return its processor seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def work(options: argparse.Namespace) -> None:
    """Run a step for each line of the input, and print its processor seconds."""
    import torch
    from training import build_subject, section

    torch.set_num_threads(1)
    torch.manual_seed(0)
    changes: dict[str, Any] = {"device": "cpu", "precision": "fp32", "model": MODELS[options.kind]}
    if not options.discriminator:
        changes["weights"] = {"adversarial": 0.0}
    subject = build_subject("ours", section(options.size, options.batch, changes))
    for _ in sys.stdin:
        started = time.process_time()
        subject.step()
        print(time.process_time() - started, flush=True)


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))


def measure(old: Version, new: Version, num_steps: int) -> list[tuple[float, float]]:
    """Return processor seconds of both versions for each pair of steps; which one is first alternates."""
    pairs = []
    for number in range(num_steps):
        if number % 2:
            later = new.step()
            pairs.append((old.step(), later))
        else:
            earlier = old.step()
            pairs.append((earlier, new.step()))
    return pairs


def main() -> None:
    """Print median times and their ratio; exit with 1 if the current version is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", default=BEFORE_DATA_PATH)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=10, help="of 10, both versions give 3 rows a fake label")
    parser.add_argument("--kind", choices=MODELS, default="fields", help="of the generator")
    parser.add_argument("--discriminator", action="store_true", help="with the discriminator, which is off by default")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=3, help="steps that do not count")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    words = ["--size", str(options.size), "--batch", str(options.batch), "--kind", options.kind]
    words += ["--discriminator"] if options.discriminator else []
    with tempfile.TemporaryDirectory(prefix="step-ratio-") as name:
        extract(options.commit, Path(name))
        old, new = Version(Path(name), words), Version(ROOT, words)
        measure(old, new, options.warm_up)
        pairs = measure(old, new, options.steps)
        old.close()
        new.close()
    before, after = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(later / earlier for earlier, later in pairs)
    print(
        f"{processor()}, one thread, {options.size} px, batch {options.batch}, {options.kind}, {options.steps} pairs of steps"
    )
    print(f"{options.commit}: {before:.3f} s; current: {after:.3f} s; ratio {ratio:.3f} (bar {MAX_RATIO:g})")
    if ratio > MAX_RATIO:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
