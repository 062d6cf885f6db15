"""`python -m tests.campaign.kills --kills 100`: SIGKILL at random moments, run again, compare with an uninterrupted run.

Commands and stages run in their own processes on a small workspace that this program makes. A killed run must leave no
damaged image and no result that looks finished, and the next one must give the bytes of a run that was not interrupted.
What a signature holds (time, random numbers) differs between two runs, so marked images are compared by pixels.
"""

import argparse
import contextlib
import functools
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swapcore.config import NetworkParams
from swapcore.data.artifact import CARD, artifact_digest
from swapcore.data.images import read_photograph
from swapcore.ops.image import encode_png
from swapcore.video.reading import read_frames
from tests.commands import ROOT, environment
from tests.drawn_photographs import draw_face
from tests.inference.small_model import write_copying_model
from tests.video.clips import write_clip

SMALL = ROOT / ".ci" / "small-settings"
FEW = "few.yaml"
"""Params of the synthesize that is killed, since the other stages need more people, and of register, which takes any model."""
FEW_SETTINGS = ["synthesize.num_people=4", "register.bounds={}", "register.allow_dirty=true"]
REGISTRY, KEPT = "mlflow.db", "mlflow.kept.db"


@dataclass(frozen=True)
class Target:
    """A command that is killed."""

    name: str
    words: Callable[[Path], list[str]]
    """Output path -> command line."""
    digest: Callable[[Path], str]
    suffix: str = ""
    is_whole: Callable[[Path], bool] = lambda path: True
    """Whether what a killed run left at the output path is finished; called only if something is there.

    It raises if an image is damaged."""
    prepare: Callable[[], None] = lambda: None
    """Called before a run that starts from nothing."""


def pixels(path: Path) -> str:
    return hashlib.sha256(read_photograph(path).image.tobytes()).hexdigest()


def folder_pixels(folder: Path) -> str:
    images = sorted(path for path in folder.rglob("*") if path.suffix in {".png", ".jpg"})
    lines = [f"{path.relative_to(folder)} {pixels(path)}" for path in images]
    # After an interruption, rows are in another order.
    rows = [row for path in sorted(folder.glob("*.csv")) for row in sorted(path.read_text().splitlines())]
    return hashlib.sha256("\n".join(lines + rows).encode()).hexdigest()


def has_whole_images(folder: Path) -> bool:
    """Read every visible image of a folder that is filled one by one."""
    folder_pixels(folder)
    return True


def has_card(folder: Path) -> bool:
    return (folder / CARD).is_file()


def frames(path: Path) -> str:
    digest = hashlib.sha256()
    for frame in read_frames(path):
        digest.update(f"{frame.time}".encode() + frame.image.tobytes())
    return digest.hexdigest()


def registered(work: Path, registration: Path) -> str:
    """Digest of a registration, and the number of versions in the registry."""
    with contextlib.closing(sqlite3.connect(work / REGISTRY)) as database:
        (versions,) = database.execute("SELECT COUNT(*) FROM model_versions").fetchone()
    return f"{artifact_digest(registration)} {versions}"


def empty_registry(work: Path) -> None:
    """Go back to the tracking store of the stages before register."""
    (work / f"{REGISTRY}-journal").unlink(missing_ok=True)
    shutil.copy(work / KEPT, work / REGISTRY)


def make_workspace(work: Path, chosen: Collection[str]) -> None:
    """Write images, a video and a model, and run the stages before the last chosen one on a few rendered people."""
    photos = work / "photos"
    for person in range(3):
        (photos / f"p{person}").mkdir(parents=True)
        for number in range(2):
            (photos / f"p{person}" / f"{number}.png").write_bytes(
                encode_png(draw_face(person, number, size_px=256, eye_distance_px=50)[0])
            )
    (photos / "consent.csv").write_text("identity,basis,licence,expires\n*,drawn,none,\n")
    (work / "source.png").write_bytes(encode_png(draw_face(9)[0]))
    write_copying_model(work / "copying", NetworkParams(kind="dlib", path=None, sha256=None), size_px=96)
    write_clip(work / "clip.mp4", [draw_face(7, n, size_px=176, eye_distance_px=36)[0] for n in range(12)])
    for name, settings in (("params.yaml", []), (FEW, FEW_SETTINGS)):
        shutil.copy(ROOT / "params.yaml", work / name)
        run(work, ["swapcore", "configure", "--params", name, *SMALL.read_text().split(), *settings])
    last = max((place for place, (stage, *_) in enumerate(STAGES) if stage in chosen), default=0)
    for stage, inputs, port in STAGES[:last]:
        run(work, ["swapcore", stage, *inputs, port, port.removeprefix("--")])
    if (work / REGISTRY).is_file():
        shutil.copy(work / REGISTRY, work / KEPT)


STAGES = (
    ("synthesize", [], "--photographs"),
    ("crop", ["--photographs", "photographs"], "--faces"),
    ("groups", ["--faces", "faces"], "--groups"),
    ("train", ["--groups", "groups"], "--model"),
    ("evaluate", ["--faces", "faces", "--model", "model"], "--report"),
    ("register", ["--model", "model", "--report", "report"], "--registration"),
)
"""Name, inputs and output of each stage; the artifacts are named like their ports."""


def run(work: Path, words: list[str], kill_after: float | None = None) -> int:
    """Run a command in its own process group; return the exit code, or -9 if it was killed."""
    process = subprocess.Popen(
        words, cwd=work, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _, printed = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return -signal.SIGKILL
    if process.returncode not in {0, 2} or b"Traceback" in printed:
        raise SystemExit(f"{' '.join(words)}: {process.returncode}\n{printed.decode()[-2000:]}")
    return process.returncode


def targets(work: Path) -> list[Target]:
    model = ["--model", str(work / "copying")]
    source, photos = str(work / "source.png"), work / "photos"

    def words(*start: object, port: str = "-o", more: Sequence[str] = ()) -> Callable[[Path], list[str]]:
        return lambda out: ["swapcore", *map(str, start), port, str(out), *more]

    stages = [
        Target(stage, words(stage, *inputs, port=port, more=more), artifact_digest, is_whole=has_card)
        for stage, inputs, port in STAGES
        for more in [["--params", FEW] if stage in {"synthesize", "register"} else []]
    ]
    # A model is registered once, so each try needs a registry without it.
    stages[-1] = replace(
        stages[-1], digest=functools.partial(registered, work), prepare=functools.partial(empty_registry, work)
    )
    one = [*model, "--overwrite"]
    return [
        *stages,
        Target("swap", words("swap", source, photos / "p0" / "0.png", more=one), pixels, ".png"),
        Target("swap folder", words("swap", source, photos, more=model), folder_pixels, is_whole=has_whole_images),
        Target("anonymize", words("anonymize", photos, more=model), folder_pixels, is_whole=has_whole_images),
        Target("video", words("video", source, work / "clip.mp4", more=one), frames, ".mp4"),
    ]


def try_target(work: Path, target: Target, kills: int, moments: random.Random) -> Counter[str]:
    """Kill a command several times, each time at a random moment, then let it end, and compare."""
    counts: Counter[str] = Counter()
    whole, broken = (work / f"{name}{target.suffix}" for name in ("whole", "broken"))
    target.prepare()
    begun = time.monotonic()
    run(work, target.words(whole))
    took, expected = time.monotonic() - begun, target.digest(whole)
    while counts["kills"] < kills:
        target.prepare()
        counts["runs to the end"] += 1
        for _ in range(min(3, kills - counts["kills"])):
            if run(work, target.words(broken), moments.uniform(0.2, 1.0) * took) != -signal.SIGKILL:
                break
            counts["kills"] += 1
            counts["with work done"] += bool(_left_by(work, broken) or broken.exists())
            if broken.exists() and not target.is_whole(broken):
                counts["results that looked finished"] += 1
            if target.suffix and broken.exists():
                target.digest(broken)  # raises if it is half-written
        run(work, target.words(broken))
        counts["equal" if target.digest(broken) == expected else "DIFFERENT"] += 1
        counts["LEFT BEHIND"] += len(_left_by(work, broken))
        shutil.rmtree(broken) if broken.is_dir() else broken.unlink()
    shutil.rmtree(whole) if whole.is_dir() else whole.unlink()
    return +counts


def _left_by(work: Path, broken: Path) -> list[Path]:
    """Temporary files and folders next to an output path."""
    return list(work.glob(f".{broken.stem}*"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="over all commands together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a command; can be repeated")
    given = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        work = Path(folder)
        os.environ["SWAPCORE_CONFIG"] = f"{folder}/config"
        chosen = [target for target in targets(work) if given.only is None or target.name in given.only]
        if not chosen:
            parser.error(f"--only: no such command; there are {', '.join(target.name for target in targets(work))}")
        make_workspace(work, [target.name for target in chosen])
        for place, target in enumerate(chosen):
            counts = try_target(work, target, -(-given.kills // len(chosen)), random.Random(f"{given.seed} {place}"))
            print(
                f"{target.name:12s}", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())), flush=True
            )
            bad += counts["DIFFERENT"] + counts["results that looked finished"] + counts["LEFT BEHIND"]
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
