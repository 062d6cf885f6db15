"""The report's files: metrics.json, the tables of pairs, sheet.png, plots, report.html; the same findings give the same bytes."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from swapcore.config import EvaluateParams
from swapcore.errors import ArtifactError
from swapcore.evaluation.figures import METRICS
from swapcore.evaluation.findings import Findings
from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED, TRUTH, Answer
from swapcore.evaluation.plots import loss_curves, slice_plot, whose_face
from swapcore.evaluation.report import Report, render
from swapcore.evaluation.scores import Bench, KindRow, ScoreRow
from swapcore.evaluation.sheet import choose, sheet, show
from swapcore.evaluation.summary import divided, worst_slice
from swapcore.ops.image import encode_sheet
from swapcore.tables import write_table

PAIRS = "pairs.parquet"
KINDS = "kinds.parquet"
SHEET = "sheet.png"
SLICES, FACES = "slices.svg", "whose_face.svg"
PAGE = "report.html"

Losses = tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]


def write_json(path: Path, figures: Mapping[str, float]) -> None:
    """Write flat figures, sorted by name."""
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_losses(path: Path) -> Losses | None:
    """Steps (N,) and curves (N,) by name of a model's losses.csv; None if it is not there or empty.

    Raises:
        ArtifactError: it has no column `step`, or a cell is no number.
    """
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as stream:
        records = list(csv.DictReader(stream))
    if not records:
        return None
    try:
        columns = {name: np.array([float(record[name] or "nan") for record in records]) for name in records[0]}
        steps = columns.pop("step")
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{path}: needs a column step and numbers in every cell; run train again") from None
    losses = {name: values for name, values in columns.items() if name.startswith("loss")} or columns
    return steps, {name: values for name, values in losses.items() if np.isfinite(values).any()}


def write_report(
    folder: Path,
    findings: Findings,
    answers: Sequence[Answer],
    bench: Bench,
    params: EvaluateParams,
    *,
    losses: Losses | None,
    facts: Sequence[tuple[str, str]],
    credit: str,
    stages: Mapping[str, Mapping[str, Any]],
    notes: Sequence[str],
) -> None:
    """Write everything but speed.json and the card.

    Args:
        folder: where to.
        findings: what judging found.
        answers: who answered, the model first.
        bench: makes the shown pictures again.
        params: number of rows on the sheet, seed.
        losses: from read_losses.
        facts: name and text of what the figures rest on.
        credit: whose photographs are shown, and by what right.
        stages: stage to its params.
        notes: sentences that the reader must see first.
    """
    write_json(folder / METRICS, findings.metrics)
    write_table(folder / PAIRS, ScoreRow, findings.scores.rows)
    write_table(folder / KINDS, KindRow, list(findings.kinds))
    own = findings.scores.of(MODEL)
    painters = [answer for answer in answers if answer.name not in {TEMPLATE_COPIED, TRUTH}]
    shown = show(choose(own, params.sheet_rows, params.seed), findings.pairs, painters, bench)
    size_px = next(iter(shown[0].pictures.values())).shape[0]
    (folder / SHEET).write_bytes(encode_sheet(sheet(shown, size_px)))
    scatter = whose_face({answer.label: findings.scores.of(answer.name) for answer in answers})
    slices = slice_plot(divided(findings.slices), findings.figures[MODEL]["identity/margin"])
    for name, plot in ((FACES, scatter), (SLICES, slices)):
        (folder / name).write_text(plot, encoding="utf-8")
    page = Report(
        labels={answer.name: answer.label for answer in answers},
        figures=findings.figures,
        judge=bench.judge.label,
        self_judged=bench.judge.jittered,
        num_pairs=len(own),
        num_people=len({row.source_identity for row in own} | {row.template_identity for row in own}),
        shown=shown,
        scatter=scatter,
        slice_plot=slices,
        worst=worst_slice(findings.slices),
        losses=loss_curves(*losses) if losses else None,
        facts=[*facts, *_samples(findings)],
        credit=credit,
        params={stage: json.dumps(values, indent=2, sort_keys=True) for stage, values in stages.items()},
        notes=notes,
    )
    (folder / PAGE).write_text(render(page), encoding="utf-8")


def _samples(findings: Findings) -> list[tuple[str, str]]:
    realism = findings.realism
    if realism is None:
        return []
    text = f"{realism.num_pictures} pictures, one a template, against {realism.num_photographs} photographs of other people"
    return [("Sample of the KID", text)]
