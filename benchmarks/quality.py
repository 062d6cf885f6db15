"""Quality against the exact truth, on rendered people.

`python benchmarks/quality.py --size 64 --seeds 0 1 2` renders the training data once (more than 200 people, oracle groups) and a
frozen set of 20 other people, measures the time of a step with params.yaml, trains for the minutes of each size, and prints a table
of medians over the seeds.
"""

import argparse
import json
import math
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from training import STEADY, build_subject, changed, timed

from swapcore.config import Params, TrainParams, read_params
from swapcore.data.artifact import CARD
from swapcore.evaluation.methods import TEMPLATE_COPIED, Method, Swap, copy_template, one_by_one
from swapcore.evaluation.pixel_scores import background_region
from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.methods import swap_of_model
from swapcore.evaluation.truth_benchmark.rendered import TruthSet, load_or_render
from swapcore.evaluation.truth_benchmark.scoring import TRUTH, WARP, score_all
from swapcore.ops.device import set_threads
from swapcore.ops.image import encode_sheet, tile
from swapcore.ops.metrics import l1
from swapcore.stages import crop, groups, synthesize, train
from swapcore.teachers.base import as_image_swap
from swapcore.teachers.warp import WarpTeacher

_PROJECT = Path(__file__).resolve().parents[1]
_DATA_PX = 112
_RENDERED_PX = 160
"""A crop covers about 26 of the image's 28 to 35 cm: 160 px are rendered for 112."""
_SHEET_ROWS = 12
_TRAINING_SEED = 11

MINUTES = {64: 4.0, 112: 12.0}
"""Crop size -> duration of a training."""
_TIMED_STEPS = 9
_SHARE_OF_STEPS = 0.93
"""Share of the minutes for steps; the rest is for decoding, describing the sources and validation."""


class Targets(NamedTuple):
    """Values for the median over the seeds; of_copied and of_truth are relative to those methods' own metrics."""

    psnr_gain: float
    l1_of_copied: float
    nearer_percent: float
    top1_of_truth: float
    background_of_copied: float
    cosine_above_truth: float


TARGETS = {64: Targets(2.0, 0.85, 85, 0.75, 1.10, 0.05), 112: Targets(3.2, 0.72, 97, 0.75, 1.05, 0.05)}


@dataclass(frozen=True)
class Metrics:
    """Metrics of one method, averaged over all pairs."""

    psnr: float
    psnr_face: float
    l1_face: float
    background_l1: float
    """To the truth, outside chin, jaw and temples; not 0 for the template, since another face changes the head's shape."""
    cosine_source: float
    cosine_template: float
    top1_percent: float
    nearer_percent: float


@dataclass(frozen=True)
class Training:
    """A finished training and its duration."""

    folder: Path
    seed: int
    processor_seconds: float
    wall_seconds: float


def make_groups(params: Params, work: Path, num_people: int, pictures: int, fakes: int, workers: int) -> Path:
    """Render and crop the training people and make groups with the oracle; results in work are reused.

    Quality limits and checks are relaxed, because rendered people and true swaps are right by construction.

    Args:
        params: read from params.yaml.
        work: folder of all results.
        num_people: of training and validation.
        pictures: images of each person.
        fakes: of each image and kind.
        workers: processes; 0 for one for each core.

    Returns:
        The groups artifact.
    """
    name = f"{num_people}x{pictures}"
    people, faces, made = work / f"people-{name}", work / f"faces-{name}", work / f"groups-{name}x{fakes}"
    checks = params.groups.checks.model_copy(update={"max_changed_outside": 255.0})
    quality = params.crop.quality.model_copy(update={"min_eye_distance_px": 12.0, "min_sharpness": 0.0})
    split = params.crop.split.model_copy(update={"validation": 0.09, "test": 0.0})
    drawn = {"num_people": num_people, "images_per_person": pictures, "size_px": _RENDERED_PX}
    drawn |= {"attribute_range": 1.0, "seed": _TRAINING_SEED, "workers": workers}
    cut = {"size_px": _DATA_PX, "quality": quality, "split": split, "workers": workers}
    cut |= {"near_duplicate_bits": -1, "min_identity_cosine": -1.0}
    paired = {"teacher": "oracle", "size_px": _DATA_PX, "workers": workers, "checks": checks}
    paired |= {"references_per_label": fakes, "sources_per_template": fakes}
    if not (people / CARD).is_file():
        synthesize.run(params.synthesize.model_copy(update=drawn), photographs=people)
    if not (faces / CARD).is_file():
        crop.run(params.crop.model_copy(update=cut), photographs=people, faces=faces)
    if not (made / CARD).is_file():
        groups.run(params.groups.model_copy(update=paired), faces=faces, groups=made)
    return made


def held_out(work: Path, size_px: int, workers: int) -> TruthSet:
    """Render 20 other people, 3 images each, and the true swap of each image with 2 sources; reused if present."""
    extent = Extent(num_people=20, images_per_person=3, sources_per_template=2, size_px=size_px)
    return load_or_render(extent, workers, work)


def steps_within(minutes: float, recipe: TrainParams, kept: Path) -> int:
    """Return the number of steps that fit, from the median time of a few steps, which is stored in a file.

    Args:
        minutes: duration of the training.
        recipe: the section train.
        kept: JSON file with the time of a step.
    """
    if not kept.is_file():
        set_threads(recipe.threads)
        subject = build_subject("ours", changed(recipe, STEADY))
        subject.step()
        seconds = statistics.median(timed(subject.step)[0] for _ in range(_TIMED_STEPS))
        kept.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
    return max(1, math.floor(minutes * 60 * _SHARE_OF_STEPS / json.loads(kept.read_text(encoding="utf-8"))["seconds"]))


def train_once(params: TrainParams, made: Path, folder: Path) -> Training:
    """Train and measure the duration; a finished model of the same params is reused."""
    cost = folder.with_suffix(".json")
    if not ((folder / CARD).is_file() and cost.is_file()):
        used, started = _processor_seconds(), time.perf_counter()
        train.run(params, groups=made, model=folder)
        spent = {"processor": _processor_seconds() - used, "wall": time.perf_counter() - started}
        cost.write_text(json.dumps(spent), encoding="utf-8")
    spent = json.loads(cost.read_text(encoding="utf-8"))
    return Training(folder, params.seed, spent["processor"], spent["wall"])


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(models: Sequence[Path], truth_set: TruthSet) -> dict[str, Metrics]:
    """Return the metrics of each model, by its folder's name, and of the baselines: template copied, dense warp, truth."""
    swaps: dict[str, Swap] = {model.name: swap_of_model(model) for model in models}
    measured = score_all([Method(name, name, swap) for name, swap in swaps.items()], truth_set)
    swaps[TEMPLATE_COPIED] = copy_template
    swaps[WARP] = one_by_one(as_image_swap(WarpTeacher()))
    swaps[TRUTH] = one_by_one(lambda source, template: truth_set.truths[truth_set.number(source, template)])
    result = {}
    for name, values in measured.values.items():
        metric = {key: value.value for key, value in values.items()}
        result[name] = Metrics(
            psnr=metric["truth/psnr"],
            psnr_face=metric["truth/psnr_face"],
            l1_face=metric["truth/l1_face"],
            background_l1=background_l1(swaps[name], truth_set),
            cosine_source=metric["identity/cosine_source"],
            cosine_template=metric["identity/cosine_template"],
            top1_percent=metric["identity/top1"],
            nearer_percent=metric["truth/nearer_than_template"],
        )
    return result


def background_l1(swap: Swap, truth_set: TruthSet) -> float:
    """Compute the mean |output - truth| outside face, jaw and temples over all pairs, gray levels."""
    errors = []
    for pair, true in zip(truth_set.pairs, truth_set.truths, strict=True):
        source, template = (truth_set.faces[place] for place in pair)
        errors.append(l1(swap([source], [template])[0], true, background_region(template)))
    return float(np.mean(errors))


def median_of(metrics: Sequence[Metrics]) -> Metrics:
    """Return the median of each metric."""
    names = Metrics.__dataclass_fields__
    return Metrics(**{name: statistics.median(getattr(each, name) for each in metrics) for name in names})


def row(label: str, metrics: Metrics, copied: Metrics) -> str:
    """Format a row of the table."""
    cells = [
        label,
        f"{metrics.psnr:.1f} / {metrics.psnr_face:.2f}",
        f"{metrics.l1_face:.2f} ({metrics.l1_face / copied.l1_face:.3f})",
    ]
    cells += [
        f"{metrics.background_l1 / copied.background_l1:.2f}",
        f"{metrics.cosine_source:.2f} / {metrics.cosine_template:.2f}",
    ]
    cells += [f"{metrics.top1_percent:.0f}", f"{metrics.nearer_percent:.0f}"]
    return f"| {' | '.join(cells)} |"


HEAD = """\
| | PSNR crop / face, dB | L1 face (of copied) | L1 background of copied | cos source / template | top-1, % | nearer than template, % |
|---|---|---|---|---|---|---|"""


def compare(median: Metrics, copied: Metrics, truth: Metrics, targets: Targets) -> list[str]:
    """Return one line for each target with the value reached."""
    reached = [
        ("face PSNR above copied, dB", median.psnr_face - copied.psnr_face, ">=", targets.psnr_gain),
        ("face L1 of copied", median.l1_face / copied.l1_face, "<=", targets.l1_of_copied),
        ("nearer the truth than the template, %", median.nearer_percent, ">=", targets.nearer_percent),
        ("top-1 of the truth's own", median.top1_percent / truth.top1_percent, ">=", targets.top1_of_truth),
        ("background L1 of copied", median.background_l1 / copied.background_l1, "<=", targets.background_of_copied),
        (
            "cos to source above the truth's",
            median.cosine_source - truth.cosine_source,
            "<=",
            targets.cosine_above_truth,
        ),
    ]
    lines = []
    for name, value, sign, target in reached:
        good = value >= target if sign == ">=" else value <= target
        lines.append(f"{'reached' if good else 'MISSED '} {name}: {value:.3f} {sign} {target:g}")
    return lines


def sheet(models: Sequence[Path], truth_set: TruthSet, path: Path) -> None:
    """Write an image with rows of source, template, each model and the truth, for evenly chosen pairs."""
    swaps = [swap_of_model(model) for model in models]
    numbers = [index * len(truth_set.pairs) // _SHEET_ROWS for index in range(_SHEET_ROWS)]
    rows = []
    for number in numbers:
        source, template = (truth_set.faces[place] for place in truth_set.pairs[number])
        outputs = [swap([source], [template])[0] for swap in swaps]
        rows.append([source.image, template.image, *outputs, truth_set.truths[number]])
    path.write_bytes(encode_sheet(tile(rows, max(112, truth_set.extent.size_px))))


def run(arguments: argparse.Namespace, size_px: int) -> None:
    """Train all seeds of one size and print its table."""
    params = read_params(arguments.params)
    make = partial(make_groups, params, arguments.work, arguments.people, arguments.pictures, arguments.fakes)
    made = make(workers=arguments.workers)
    truth_set = held_out(arguments.work, size_px, arguments.workers)
    sized = params.train.model_copy(update={"size_px": size_px, "threads": arguments.threads})
    kept = arguments.work / f"step-{size_px}px-{sized.digest()[:12]}.json"
    steps = arguments.steps or steps_within(MINUTES[size_px], sized, kept)
    trainings = []
    for seed in arguments.seeds:
        recipe = sized.model_copy(update={"steps": steps, "seed": seed})
        folder = arguments.work / f"model-{size_px}px-{recipe.digest()[:12]}-seed{seed}"
        trainings.append(train_once(recipe, made, folder))
    folders = [training.folder for training in trainings]
    metrics = measure(folders, truth_set)
    copied, truth = metrics[TEMPLATE_COPIED], metrics[TRUTH]
    median = median_of([metrics[folder.name] for folder in folders])
    print(f"\n{size_px} px, {steps} steps of {params.train.batch_size}, {len(folders)} seeds\n\n{HEAD}")
    for label, name in (("template copied", TEMPLATE_COPIED), ("dense warp", WARP), ("truth itself", TRUTH)):
        print(row(label, metrics[name], copied))
    for training in trainings:
        cost = f"{training.processor_seconds:.0f} s processor time, {training.wall_seconds:.0f} s wall clock"
        print(row(f"seed {training.seed}: {cost}", metrics[training.folder.name], copied))
    print(row("median", median, copied), "\n", sep="")
    print("\n".join(compare(median, copied, truth, TARGETS[size_px])))
    minutes = statistics.median(training.wall_seconds for training in trainings) / 60
    print(f"a training took {minutes:.1f} minutes of {MINUTES[size_px]:g}, including preparation")
    path = arguments.work / f"sheet-{size_px}px.png"
    sheet(folders, truth_set, path)
    print(f"source | template | each seed | truth: {path}")


def main() -> None:
    """Parse the command line and run all sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", choices=sorted(MINUTES), default=sorted(MINUTES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--people", type=int, default=220, help="people for training and validation")
    parser.add_argument("--pictures", type=int, default=5, help="images of each person")
    parser.add_argument("--fakes", type=int, default=2, help="fakes of each image")
    parser.add_argument("--steps", type=int, help="instead of the number that fits into the minutes")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0: one for each core")
    parser.add_argument("--workers", type=int, default=0, help="rendering processes; 0: one for each core")
    parser.add_argument("--params", type=Path, default=_PROJECT / "params.yaml")
    parser.add_argument("--work", type=Path, default=_PROJECT / ".benchmarks" / "quality", help="folder of all results")
    arguments = parser.parse_args()
    for size_px in arguments.size:
        run(arguments, size_px)


if __name__ == "__main__":
    main()
