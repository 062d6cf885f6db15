"""What the benchmark shows: a table, figures.json, pairs.csv, sheet.png, and the exported pictures for other programs."""

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
from swapcore.evaluation.summary import DECIMALS, Figure, Value
from swapcore.evaluation.truth_benchmark.frozen import VERSION, pair_name
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.evaluation.truth_benchmark.scoring import JUDGE, MEASURED, Measured
from swapcore.ops.image import Image, encode_png, encode_sheet, tile

FIGURES, PAIRS, SHEET, DESCRIPTION = "figures.json", "pairs.csv", "sheet.png", "benchmark.json"
_POINTS = ("left_eye", "right_eye", "nose_base", "mouth_left", "mouth_right")


def describe(truth_set: TruthSet) -> dict[str, Any]:
    """What was measured on: two people with the same `pixels_sha256` measured on the same."""
    return {
        "benchmark": "swapcore truth",
        "version": VERSION,
        "size_px": truth_set.extent.size_px,
        "people": truth_set.extent.num_people,
        "pictures": len(truth_set.faces),
        "pairs": len(truth_set.pairs),
        "pixels_sha256": truth_set.digest,
    }


def headline(truth_set: TruthSet) -> str:
    """The same in one line."""
    return (
        "swapcore truth benchmark v{version}, {size_px} px: {people} people, {pictures} pictures, {pairs} pairs; "
        "pixels sha256 {pixels_sha256}"
    ).format(**describe(truth_set))


def table(measured: Measured) -> str:
    """A Markdown table: a row a figure, a column an answer, each value with its 95 % interval."""
    lines = [["", *measured.labels.values()], ["---"] * (1 + len(measured.labels))]
    for figure in MEASURED:
        cells = [_cell(values.get(figure.name)) for values in measured.figures.values()]
        lines.append([name_of(figure), *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def name_of(figure: Figure) -> str:
    """A figure's name in the table, with its unit, and an arrow to where it is better."""
    arrow = {"higher": "↑", "lower": "↓"}[figure.better]
    return f"{figure.label}{f', {figure.unit}' if figure.unit else ''} {arrow}"


def _cell(value: Value | None) -> str:
    cell = format_value(value)
    return "" if cell is None else f"{cell.value} ({cell.interval})"


def write_results(folder: Path, measured: Measured, swap: Swap, num_rows: int) -> None:
    """Write figures.json, pairs.csv and sheet.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FIGURES).write_text(json.dumps(_figures(measured), indent=2) + "\n", encoding="utf-8")
    _write_rows(folder / PAIRS, measured)
    (folder / SHEET).write_bytes(encode_sheet(sheet(measured.truth_set, swap, num_rows)))


def _figures(measured: Measured) -> dict[str, Any]:
    answers = {
        answer: {
            "label": measured.labels[answer],
            "figures": {
                name: {
                    "value": round(value.value, DECIMALS),
                    "low": round(value.interval.low, DECIMALS),
                    "high": round(value.interval.high, DECIMALS),
                    "pairs": value.count,
                }
                for name, value in values.items()
            },
        }
        for answer, values in measured.figures.items()
    }
    return describe(measured.truth_set) | {"judge": JUDGE, "swapcore": __version__, "answers": answers}


def _write_rows(path: Path, measured: Measured) -> None:
    names = [field.name for field in fields(ScoreRow)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        for row in (row for rows in measured.rows.values() for row in rows):
            writer.writerow({**asdict(row), "pair": pair_name(row.pair)})


def sheet(truth_set: TruthSet, swap: Swap, num_rows: int) -> Image:
    """Rows of source | template | output | truth, spread evenly over the pairs."""
    count = min(num_rows, len(truth_set.pairs))
    numbers = [turn * len(truth_set.pairs) // count for turn in range(count)]
    rows = []
    for number in numbers:
        source, template = (truth_set.faces[place] for place in truth_set.pairs[number])
        rows.append([source.image, template.image, swap([source], [template])[0], truth_set.truths[number]])
    return tile(rows, truth_set.extent.size_px)


def export(folder: Path, truth_set: TruthSet) -> None:
    """Write every pair's source and template as PNG, for a program that swaps them; the truth is not among them.

    Raises:
        InputError: there is something in the folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already and not an empty folder; give a new one")
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
    (folder / DESCRIPTION).write_text(json.dumps(describe(truth_set), indent=2) + "\n", encoding="utf-8")


def _columns() -> list[str]:
    return ["person", *(f"{point}_{axis}" for point in _POINTS for axis in "xy")]
