"""Output of the benchmark: table, metrics.json, pairs.csv, sheet.png, exported images."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from swapcore import __version__
from swapcore.errors import InputError
from swapcore.evaluation.methods import Swap
from swapcore.evaluation.report import format_value
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.summary import DECIMALS, Metric, Value
from swapcore.evaluation.truth_benchmark.frozen import VERSION, pair_name
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.evaluation.truth_benchmark.scoring import BENCHMARK_METRICS, RECOGNIZER_LABEL, BenchmarkResult
from swapcore.files import write_atomic
from swapcore.ops.image import Image, encode_png, encode_sheet, tile

METRICS, PAIRS, SHEET, DESCRIPTION = "metrics.json", "pairs.csv", "sheet.png", "benchmark.json"
_POINTS = ("left_eye", "right_eye", "nose_base", "mouth_left", "mouth_right")


def describe(truth_set: TruthSet) -> dict[str, Any]:
    """Describe the data; results with equal `pixels_sha256` are comparable."""
    return {
        "benchmark": "swapcore truth",
        "version": VERSION,
        "size_px": truth_set.extent.size_px,
        "people": truth_set.extent.num_people,
        "images": len(truth_set.faces),
        "pairs": len(truth_set.pairs),
        "pixels_sha256": truth_set.digest,
    }


def headline(truth_set: TruthSet) -> str:
    """Describe the data in one line."""
    return (
        "swapcore truth benchmark v{version}, {size_px} px: {people} people, {images} images, {pairs} pairs; "
        "pixels sha256 {pixels_sha256}"
    ).format(**describe(truth_set))


def table(measured: BenchmarkResult) -> str:
    """Return a Markdown table, one row per metric, one column per method, each value with its 95 % interval."""
    lines = [["", *measured.labels.values()], ["---"] * (1 + len(measured.labels))]
    for metric in BENCHMARK_METRICS:
        cells = [_cell(values.get(metric.name)) for values in measured.values.values()]
        lines.append([name_of(metric), *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def name_of(metric: Metric) -> str:
    """Return a metric's label with its unit and an arrow in the direction of better values."""
    arrow = {"higher": "↑", "lower": "↓"}[metric.better]
    return f"{metric.label}{f', {metric.unit}' if metric.unit else ''} {arrow}"


def _cell(value: Value | None) -> str:
    cell = format_value(value)
    return "" if cell is None else f"{cell.value} ({cell.interval})"


def write_results(folder: Path, measured: BenchmarkResult, swap: Swap, num_rows: int) -> None:
    """Write metrics.json, pairs.csv and sheet.png.

    Args:
        folder: where to write; created.
        measured: the result.
        swap: the evaluated swap, which makes the sheet's outputs.
        num_rows: pairs on the sheet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / METRICS, json.dumps(_metrics(measured), indent=2) + "\n")
    _write_rows(folder / PAIRS, measured)
    (folder / SHEET).write_bytes(encode_sheet(sheet(measured.truth_set, swap, num_rows)))


def _metrics(measured: BenchmarkResult) -> dict[str, Any]:
    methods = {
        method: {
            "label": measured.labels[method],
            "metrics": {
                name: {
                    "value": round(value.value, DECIMALS),
                    "low": round(value.interval.low, DECIMALS),
                    "high": round(value.interval.high, DECIMALS),
                    "pairs": value.count,
                }
                for name, value in values.items()
            },
        }
        for method, values in measured.values.items()
    }
    return describe(measured.truth_set) | {"recognizer": RECOGNIZER_LABEL, "swapcore": __version__, "methods": methods}


def _write_rows(path: Path, measured: BenchmarkResult) -> None:
    names = [field.name for field in fields(ScoreRow)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        for row in (row for rows in measured.rows.values() for row in rows):
            writer.writerow({**asdict(row), "pair": pair_name(row.pair)})


def sheet(truth_set: TruthSet, swap: Swap, num_rows: int) -> Image:
    """Tile source | template | output | true swap for num_rows pairs, spread evenly."""
    count = min(num_rows, len(truth_set.pairs))
    numbers = [turn * len(truth_set.pairs) // count for turn in range(count)]
    rows = []
    for number in numbers:
        source, template = (truth_set.faces[place] for place in truth_set.pairs[number])
        rows.append([source.image, template.image, swap([source], [template])[0], truth_set.truths[number]])
    return tile(rows, truth_set.extent.size_px)


def export(folder: Path, truth_set: TruthSet) -> None:
    """Write source and template of every pair as PNG for other programs, without the true swaps.

    Raises:
        InputError: the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not an empty folder; give a new one")
    for side in ("source", "template"):
        (folder / side).mkdir(parents=True)
    with (folder / PAIRS).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["pair", *(f"{side}_{name}" for side in ("source", "template") for name in _columns())])
        for number, pair in enumerate(truth_set.pairs):
            faces = [truth_set.faces[place] for place in pair]
            for side, face in zip(("source", "template"), faces, strict=True):
                (folder / side / f"{pair_name(number)}.png").write_bytes(encode_png(face.image))
            points: Sequence[list[float]] = [face.points.round(3).ravel().tolist() for face in faces]
            line = [value for face, xy in zip(faces, points, strict=True) for value in (face.identity, *xy)]
            writer.writerow([pair_name(number), *line])
    write_atomic(folder / DESCRIPTION, json.dumps(describe(truth_set), indent=2) + "\n")


def _columns() -> list[str]:
    return ["person", *(f"{point}_{axis}" for point in _POINTS for axis in "xy")]
