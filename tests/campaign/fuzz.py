"""`python -m tests.campaign.fuzz --seconds N --target NAME`: coverage-guided fuzzing of the package's own parsers.

Each target runs in its own process, because libFuzzer ends the process. What it learned is kept in --corpus, so that the
next run continues. Needs atheris (see CONTRIBUTING.md).
"""

import argparse
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TARGETS = (
    "tflite", "flexbuffer", "dlib", "consent", "photographs", "params", "journal", "card", "recognizer", "model", "manifest",
    "signed", "payload", "watermark", "names",
)  # fmt: skip
"""The names of tests.campaign.fuzz_targets, which is imported under instrumentation only."""
SLOW_SECONDS = 20
"""A single input that takes longer is a finding."""
MEMORY_MB = 4000


class Result(NamedTuple):
    """One run of a target."""

    executions: int
    cpu_seconds: float
    found: str
    """Path of the input and the error; empty without a finding."""


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["swapcore", "yaml"], enable_loader_override=False):
        from tests.campaign.fuzz_targets import TARGETS, parse

    corpus = Path(arguments[-1])
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(["fuzz", f"-max_len={TARGETS[name].max_bytes}", *arguments], lambda data: parse(name, data))
    atheris.Fuzz()


def run(name: str, seconds: int, corpus: Path, found: Path) -> Result:
    """Fuzz one target in a process of its own."""
    for folder in (corpus / name, found):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MEMORY_MB}"]
    words = [sys.executable, "-u", "-m", "tests.campaign.fuzz", "--child", name, *limits, "-print_final_stats=1",
             f"-artifact_prefix={found}/{name}-", str(corpus / name)]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, errors="replace", env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    printed = done.stdout + done.stderr
    counted = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)", printed, re.MULTILINE)
    executions = max((int(each or other) for each, other in counted), default=0)
    return Result(executions, cpu_seconds, _problem(printed) if done.returncode else "")


def _problem(printed: str) -> str:
    """The exception, or libFuzzer's error, and the file with the input."""
    exception = printed.partition("Uncaught Python exception: ===")[2].partition("==ERROR")[0].strip()
    summary = [line for line in printed.splitlines() if "ERROR:" in line or "Test unit written" in line]
    return "\n".join([*exception.splitlines()[-12:], *summary]) or printed[-2000:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=TARGETS, action="append", help="one or several; default: all")
    parser.add_argument("--corpus", type=Path, help="folder in which the inputs that reached new code are kept")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="folder for the inputs that failed")
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed; run: pip install --no-deps --constraint constraints.txt atheris")
    problems, started = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as folder:
        os.environ.setdefault("SWAPCORE_CONFIG", f"{folder}/config")
        for name in given.target or TARGETS:
            result = run(name, given.seconds, given.corpus or Path(folder), given.found.resolve())
            print(
                f"{name:12s} {result.executions:10d} executions, {result.cpu_seconds / 60:6.2f} CPU minutes", flush=True
            )
            if result.found:
                problems += 1
                print(f"FOUND {name}: {result.found}", flush=True)
    print(f"{problems} findings in {(time.monotonic() - started) / 60:.1f} minutes")
    sys.exit(bool(problems))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        fuzz(sys.argv[2], sys.argv[3:])
    main()
