"""Quality against the exact truth: trains on people who do not exist and measures people never seen.

`python benchmarks/quality.py --size 64 --seeds 0 1 2` makes the data once (200 people and more, oracle groups, a frozen set of 20
others), times a few steps of the recipe of params.yaml, trains as many as fit into the size's minutes, and prints the table
with medians.
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
from training import STEADY, contestant, timed

from swapcore.config import Params, TrainParams, read_params
from swapcore.data.artifact import CARD
from swapcore.evaluation.methods import TEMPLATE_COPIED, Answer, Swap, copy_template, one_by_one
from swapcore.evaluation.outside import background_region
from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.methods import swap_of_model
from swapcore.evaluation.truth_benchmark.rendered import TruthSet, load_or_render
from swapcore.evaluation.truth_benchmark.scoring import CLASSICAL, TRUTH, score_all
from swapcore.ops.device import set_threads
from swapcore.ops.image import encode_sheet, tile
from swapcore.ops.metrics import l1
from swapcore.stages import crop, groups, synthesize, train
from swapcore.teachers.base import pictures_of
from swapcore.teachers.classical import ClassicalTeacher

_PROJECT = Path(__file__).resolve().parents[1]
_DATA_PX = 112
_RENDERED_PX = 160
"""A crop shows some 26 of the picture's 28 to 35 cm: 160 px are rendered for 112."""
_SHEET_ROWS = 12
_TRAINING_SEED = 11


MINUTES = {64: 4.0, 112: 12.0}
"""How long a size is trained."""
_TIMED_STEPS = 9
_FOR_STEPS = 0.93
"""Of the minutes; the rest is for decoding, describing the sources, and judging validation people on the way."""


class Bars(NamedTuple):
    """What the median of the seeds should reach; of_copied and of_truth are shares of those answers' own figures."""

    psnr_gain: float
    l1_of_copied: float
    nearer_percent: float
    top1_of_truth: float
    background_of_copied: float
    cosine_above_truth: float


BARS = {64: Bars(2.0, 0.85, 85, 0.75, 1.10, 0.05), 112: Bars(3.2, 0.72, 97, 0.75, 1.05, 0.05)}


@dataclass(frozen=True)
class Figures:
    """One answer to all pairs, on average."""

    psnr: float
    psnr_face: float
    l1_face: float
    background_l1: float
    """To the truth, beyond chin, jaw and temples; the template's own is not 0, since another face shapes the head."""
    cosine_source: float
    cosine_template: float
    top1_percent: float
    nearer_percent: float


@dataclass(frozen=True)
class Training:
    """A finished training and what it cost."""

    folder: Path
    seed: int
    processor_seconds: float
    wall_seconds: float


def make_groups(params: Params, work: Path, num_people: int, pictures: int, fakes: int, workers: int) -> Path:
    """Render, crop and group the people of training, oracle as teacher; kept in work for the next time.

    Nothing is set aside for looking bad, for looking like another, or for a chin that reaches beyond the outline: the
    renderer's people and the oracle's swaps are right by construction.
    """
    name = f"{num_people}x{pictures}"
    people, faces, made = work / f"people-{name}", work / f"faces-{name}", work / f"groups-{name}x{fakes}"
    checks = params.groups.checks.model_copy(update={"max_changed_outside": 255.0})
    quality = params.crop.quality.model_copy(update={"min_eye_distance_px": 12.0, "min_sharpness": 0.0})
    split = params.crop.split.model_copy(update={"validation": 0.09, "test": 0.0})
    drawn = {"num_people": num_people, "pictures_per_person": pictures, "size_px": _RENDERED_PX}
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
    """20 people whom no seed of params.yaml reaches, 3 pictures each, each the template of 2 others, with their true swaps."""
    extent = Extent(num_people=20, pictures_per_person=3, sources_per_template=2, size_px=size_px)
    return load_or_render(extent, workers, work)


def steps_within(minutes: float, recipe: TrainParams, kept: Path) -> int:
    """How many steps fit on this machine, from the median of a few with the discriminator; measured once, then read from kept."""
    if not kept.is_file():
        set_threads(recipe.threads)
        one = contestant("ours", recipe.model_copy(update=STEADY))
        one.step()
        seconds = statistics.median(timed(one.step)[0] for _ in range(_TIMED_STEPS))
        kept.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
    return max(1, math.floor(minutes * 60 * _FOR_STEPS / json.loads(kept.read_text(encoding="utf-8"))["seconds"]))


def train_once(params: TrainParams, made: Path, folder: Path) -> Training:
    """Train and measure what it took; a finished model of the same params is kept."""
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


def measure(models: Sequence[Path], truth_set: TruthSet) -> dict[str, Figures]:
    """Figures of each model (by its folder's name), of the template copied, the classical swap and the truth."""
    swaps: dict[str, Swap] = {model.name: swap_of_model(model) for model in models}
    measured = score_all([Answer(name, name, swap) for name, swap in swaps.items()], truth_set)
    swaps[TEMPLATE_COPIED] = copy_template
    swaps[CLASSICAL] = one_by_one(pictures_of(ClassicalTeacher("feather")))
    swaps[TRUTH] = one_by_one(lambda source, template: truth_set.truths[truth_set.number(source, template)])
    result = {}
    for name, values in measured.figures.items():
        figure = {key: value.value for key, value in values.items()}
        result[name] = Figures(
            psnr=figure["truth/psnr"],
            psnr_face=figure["truth/psnr_face"],
            l1_face=figure["truth/l1_face"],
            background_l1=background_l1(swaps[name], truth_set),
            cosine_source=figure["identity/cosine_source"],
            cosine_template=figure["identity/cosine_template"],
            top1_percent=figure["identity/top1"],
            nearer_percent=figure["truth/nearer_than_template"],
        )
    return result


def background_l1(swap: Swap, truth_set: TruthSet) -> float:
    """Mean over the pairs of |output - truth| where neither face nor jaw nor temples are, gray levels."""
    errors = []
    for pair, true in zip(truth_set.pairs, truth_set.truths, strict=True):
        source, template = (truth_set.faces[place] for place in pair)
        errors.append(l1(swap([source], [template])[0], true, background_region(template)))
    return float(np.mean(errors))


def median_of(figures: Sequence[Figures]) -> Figures:
    """The median of every figure by itself."""
    names = Figures.__dataclass_fields__
    return Figures(**{name: statistics.median(getattr(each, name) for each in figures) for name in names})


def row(label: str, figures: Figures, copied: Figures) -> str:
    """A line of the table."""
    f = figures
    cells = [label, f"{f.psnr:.1f} / {f.psnr_face:.2f}", f"{f.l1_face:.2f} ({f.l1_face / copied.l1_face:.3f})"]
    cells += [f"{f.background_l1 / copied.background_l1:.2f}", f"{f.cosine_source:.2f} / {f.cosine_template:.2f}"]
    cells += [f"{f.top1_percent:.0f}", f"{f.nearer_percent:.0f}"]
    return f"| {' | '.join(cells)} |"


HEAD = """\
| | PSNR crop / face, dB | L1 face (of copied) | L1 background of copied | cos source / template | top-1, % | nearer than template, % |
|---|---|---|---|---|---|---|"""


def judged(median: Figures, copied: Figures, truth: Figures, bars: Bars) -> list[str]:
    """Each bar with what was reached."""
    reached = [
        ("face PSNR above copied, dB", median.psnr_face - copied.psnr_face, ">=", bars.psnr_gain),
        ("face L1 of copied", median.l1_face / copied.l1_face, "<=", bars.l1_of_copied),
        ("nearer the truth than the template, %", median.nearer_percent, ">=", bars.nearer_percent),
        ("top-1 of the truth's own", median.top1_percent / truth.top1_percent, ">=", bars.top1_of_truth),
        ("background L1 of copied", median.background_l1 / copied.background_l1, "<=", bars.background_of_copied),
        ("cos to source above the truth's", median.cosine_source - truth.cosine_source, "<=", bars.cosine_above_truth),
    ]
    lines = []
    for name, value, sign, bar in reached:
        good = value >= bar if sign == ">=" else value <= bar
        lines.append(f"{'reached' if good else 'MISSED '} {name}: {value:.3f} {sign} {bar:g}")
    return lines


def sheet(models: Sequence[Path], truth_set: TruthSet, path: Path) -> None:
    """Rows of source | template | each model | truth, spread over the pairs."""
    swaps = [swap_of_model(model) for model in models]
    numbers = [turn * len(truth_set.pairs) // _SHEET_ROWS for turn in range(_SHEET_ROWS)]
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
    figures = measure(folders, truth_set)
    copied, truth = figures[TEMPLATE_COPIED], figures[TRUTH]
    median = median_of([figures[folder.name] for folder in folders])
    print(f"\n{size_px} px, {steps} steps of {params.train.batch_size}, {len(folders)} seeds\n\n{HEAD}")
    for label, name in (("template copied", TEMPLATE_COPIED), ("classical swap", CLASSICAL), ("truth itself", TRUTH)):
        print(row(label, figures[name], copied))
    for training in trainings:
        cost = f"{training.processor_seconds:.0f} s of processor, {training.wall_seconds:.0f} s by the clock"
        print(row(f"seed {training.seed}: {cost}", figures[training.folder.name], copied))
    print(row("median", median, copied), "\n", sep="")
    print("\n".join(judged(median, copied, truth, BARS[size_px])))
    minutes = statistics.median(training.wall_seconds for training in trainings) / 60
    print(f"a training took {minutes:.1f} minutes of {MINUTES[size_px]:g}, preparation included")
    path = arguments.work / f"sheet-{size_px}px.png"
    sheet(folders, truth_set, path)
    print(f"source | template | each seed | truth: {path}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", choices=sorted(MINUTES), default=sorted(MINUTES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--people", type=int, default=220, help="of training and validation")
    parser.add_argument("--pictures", type=int, default=5, help="of each")
    parser.add_argument("--fakes", type=int, default=2, help="of each picture")
    parser.add_argument("--steps", type=int, help="instead of what fits into the minutes")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: one for each core")
    parser.add_argument("--workers", type=int, default=0, help="processes that render; 0: one for each core")
    parser.add_argument("--params", type=Path, default=_PROJECT / "params.yaml")
    parser.add_argument("--work", type=Path, default=_PROJECT / ".benchmarks" / "quality", help="where all is kept")
    arguments = parser.parse_args()
    for size_px in arguments.size:
        run(arguments, size_px)


if __name__ == "__main__":
    main()
