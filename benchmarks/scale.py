"""Growth with the number of rows, and the index of a million faces: `python benchmarks/scale.py`.

Every step that handles a whole data set is run on made-up tables of 10,000 and 100,000 rows; the processor time may grow by
at most MAX_GROWTH. The index is made of random numbers, so only its size is realistic. Times are of the processor, since other
load on the machine does not change them; benchmarks/setup_pass.py measures the peak memory before the first step.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from setup_pass import report

from swapcore.cache import CACHE
from swapcore.config import read_params
from swapcore.data.faces import FaceRow
from swapcore.data.groups import FAKE_TEMPLATE, GroupRow, ImageRow, find_images
from swapcore.evaluation.pairs import draw_pairs
from swapcore.faces.duplicates import find_near_duplicates
from swapcore.faces.labels import identity_cosines, mean_of_people
from swapcore.tables import KeyedTable, TableWriter, open_table
from swapcore.teachers.pairing import FaceProperties, plan_fakes

PARAMS = read_params(Path(__file__).parents[1] / "params.yaml")
MAX_GROWTH = 12.0
MAX_OPEN_S = 10.0
MAX_BYTES_PER_IMAGE = 500.0
SHORT_S, NUM_REPEATS = 1.0, 7
"""A step that takes less is repeated, and the shortest time counts: a single time of 0.04 s varies by more than the bar allows."""
ONCE = ("write the index", "open the index, find every key")
"""Never repeated: the second time finds files of the first."""
PER_PERSON = 5
"""Images of each person."""
DIM = 128


def embeddings(num: int) -> np.ndarray:
    """Return random embeddings, float32 (num, DIM)."""
    return np.random.default_rng(0).normal(size=(num, DIM)).astype(np.float32)


def identities(num: int) -> list[str]:
    """Return the person of each image."""
    return [f"person-{i // PER_PERSON:07d}" for i in range(num)]


def face_row(number: int, split: str = "test") -> FaceRow:
    """Return a row with the sizes of a real one."""
    return FaceRow(
        key=f"{number:016x}", file=f"person-{number // PER_PERSON:07d}/{number}.png",
        identity=f"person-{number // PER_PERSON:07d}", split=split, photo_sha256=f"{number:064x}", photo_width=512,
        photo_height=512, box=[0.5] * 4, landmarks=[0.5] * 10, affine=[0.5] * 6, crop_points=[0.5] * 10,
        eye_distance_px=60.0, sharpness=1.0, brightness=0.5, clipped=0.0, yaw_deg=0.0, roll_deg=0.0,
        perceptual_hash=f"{number:016x}", embedding=[0.25] * DIM, identity_cosine=0.5, consent_basis="made up",
        consent_licence="CC0-1.0", shard="shard-00000.tar", offset=number * 512, size=512,
    )  # fmt: skip


def image_row(number: int) -> ImageRow:
    """Return a row with the sizes of a real one."""
    identity = f"person-{number // PER_PERSON:07d}"
    return ImageRow(
        key=f"{number:016x}", origin="real", identity=identity, template_identity=identity, split="train",
        face_key=f"{number:016x}", points=[0.5] * 10, alignment=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        embedding=[0.001 * (number % 997)] * DIM, shard="shard-00000.tar", offset=number * 512, size=512,
    )  # fmt: skip


def group_row(number: int, num_images: int) -> GroupRow:
    """Return a group of three images."""
    first, second, third = (f"{(number + step) % num_images:016x}" for step in range(3))
    return GroupRow(
        key=f"{FAKE_TEMPLATE}-{number:016x}", kind=FAKE_TEMPLATE, split="train", source=first, template=second,
        label=third, source_identity="person", template_identity="other", accepted=True, reason="", changed_inside=5.0,
        changed_outside=0.0, identity_gain=0.5,
    )  # fmt: skip


def candidate(number: int, features: np.ndarray) -> FaceProperties:
    """Return a face as the plan of the fakes needs it."""
    points = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.6], [0.42, 0.7], [0.58, 0.7]]) + 1e-3 * (number % 7)
    return FaceProperties(
        f"{number:016x}", f"person-{number // PER_PERSON:07d}", points, 40.0 + number % 31, features[number]
    )


def steps(num: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each step on num rows, prepared."""
    features, people = embeddings(num), identities(num)
    mean = mean_of_people(features, people)
    yield "mean of people", lambda: mean_of_people(features, people)
    yield "identity cosines", lambda: identity_cosines(features, people, mean)
    faces = [face_row(number) for number in range(num)]
    settings = {"pairs_per_template": 4, "max_pairs": 100, "seed": 0}
    yield "pairs of the evaluation", lambda: draw_pairs(faces, **settings)
    hashes = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(num)]
    yield (
        "near-duplicates",
        lambda: [find_near_duplicates(hashes[i : i + PER_PERSON], 4, None, 1.0) for i in range(0, num, PER_PERSON)],
    )
    candidates = [candidate(number, features) for number in range(num)]
    groups = PARAMS.groups.model_copy(update={"references_per_label": 1, "sources_per_template": 1})
    yield "plan of the fakes", lambda: plan_fakes(candidates, groups)
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    os.environ[CACHE] = str(folder)
    yield "write the index", lambda: write_index(folder / "images.parquet", num)
    yield "open the index, find every key", lambda: find_all(folder / "images.parquet")


def write_index(path: Path, num: int) -> None:
    """Write the table of images, row by row."""
    with TableWriter(path, ImageRow) as writer:
        for number in range(num):
            writer.add(image_row(number))


def find_all(path: Path) -> None:
    """Open the table of images and look up every row once."""
    images = KeyedTable(open_table(path, ImageRow, "scale"))
    for number in range(len(images)):
        images.index(f"{number:016x}")


def growth(small: int, large: int) -> list[tuple[str, float, float]]:
    """Measure processor seconds of every step at two sizes."""
    seconds = [{name: least_seconds(run, once=name in ONCE) for name, run in steps(num)} for num in (small, large)]
    return [(name, seconds[0][name], seconds[1][name]) for name in seconds[0]]


def least_seconds(run: Callable[[], Any], *, once: bool) -> float:
    """Measure processor seconds of a step: the shortest of NUM_REPEATS runs if it is short."""
    seconds: list[float] = []
    while not seconds or (not once and seconds[0] < SHORT_S and len(seconds) < NUM_REPEATS):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return min(seconds)


def anonymous_bytes() -> int:
    """Return this process's memory that is not backed by a file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def make_index(folder: Path, num: int) -> None:
    """Write the tables of num images and as many groups."""
    write_index(folder / "images.parquet", num)
    with TableWriter(folder / "index.parquet", GroupRow) as writer:
        for number in range(num):
            writer.add(group_row(number, num))


def open_index(folder: Path) -> dict[str, float]:
    """Open both tables, find the images of all groups, read some; measure time and memory."""
    before, started, waited = anonymous_bytes(), time.process_time(), time.perf_counter()
    rows = open_table(folder / "index.parquet", GroupRow, "scale")
    images = KeyedTable(open_table(folder / "images.parquet", ImageRow, "scale"))
    parts = [find_images(rows, images, part, np.arange(len(rows))) for part in ("source", "template", "label")]
    images.index("0" * 16)
    opened, waited = time.process_time() - started, time.perf_counter() - waited
    rng = np.random.default_rng(0)
    for number in rng.integers(len(rows), size=2000):
        images.table.vector("embedding", int(parts[0][number])).sum()
    return {"open_s": opened, "wall_s": waited, "bytes_per_image": (anonymous_bytes() - before) / len(rows)}


def measure_index(num: int) -> dict[str, float]:
    """Make an index and open it in two fresh processes; the first one converts it to mapped columns."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        make_index(Path(name), num)
        words = [sys.executable, __file__, "--open", name]
        found = [
            json.loads(subprocess.run(words, check=True, capture_output=True, env=os.environ | {CACHE: name}).stdout)
            for _ in range(2)
        ]
        size = sum(path.stat().st_size for path in Path(name).glob("*.arrow"))
    return found[1] | {"first_open_s": found[0]["open_s"], "mapped_bytes_per_image": size / num}


def main() -> None:
    """Print both tables; exit with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[10_000, 100_000], metavar=("SMALL", "LARGE"))
    parser.add_argument("--images", type=int, default=1_000_000, help="rows of the index; 0 = skip it")
    parser.add_argument("--sources", type=int, default=100_000, help="of the set-up pass; 0 = skip it")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        print(json.dumps(open_index(options.open)))
        return
    small, large = options.rows
    allowed = MAX_GROWTH * large / small / 10
    print(f"| step | {small} rows, s | {large} rows, s | growth (bar {allowed:g}) |\n|---|---|---|---|")
    missed = []
    for name, before, after in growth(small, large):
        ratio = after / max(before, 1e-3)
        missed += [name] if ratio > allowed else []
        print(f"| {name} | {before:.2f} | {after:.2f} | {ratio:.1f} |", flush=True)
    if options.images:
        found = measure_index(options.images)
        print(f"\nIndex of {options.images} images and groups:")
        print(f"- opens in {found['open_s']:.1f} s of the processor (bar {MAX_OPEN_S:g}; by the clock {found['wall_s']:.1f} s); "
              f"the first time in {found['first_open_s']:.1f} s")  # fmt: skip
        print(f"- {found['bytes_per_image']:.0f} bytes per image besides shared pages (bar {MAX_BYTES_PER_IMAGE:g})")
        print(f"- {found['mapped_bytes_per_image']:.0f} bytes per image in mapped files, shared by all processes")
        missed += ["open"] if found["open_s"] > MAX_OPEN_S else []
        missed += ["memory"] if found["bytes_per_image"] > MAX_BYTES_PER_IMAGE else []
    missed += report(options.sources) if options.sources else []
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
