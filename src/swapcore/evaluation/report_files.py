"""Files of a report: metrics, tables, sheet, plots and page."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from swapcore.config import EvaluateParams
from swapcore.errors import ArtifactError
from swapcore.evaluation.findings import Findings
from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED, TRUTH, Method
from swapcore.evaluation.metrics_file import METRICS_FILE
from swapcore.evaluation.plots import identity_scatter, loss_curves, slice_plot
from swapcore.evaluation.report import Report, render
from swapcore.evaluation.scores import Evaluator, ScoreRow, SliceRow
from swapcore.evaluation.sheet import choose_pairs, render_pairs, sheet
from swapcore.evaluation.summary import divided, worst_slice
from swapcore.ops.image import encode_sheet
from swapcore.tables import write_table

PAIRS = "pairs.parquet"
SLICES_TABLE = "slices.parquet"
SHEET = "sheet.png"
SLICES, SCATTER = "slices.svg", "identity_scatter.svg"
PAGE = "report.html"

Losses = tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]


def write_json(path: Path, metrics: Mapping[str, float]) -> None:
    """Write flat metrics, sorted by name."""
    path.write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_losses(path: Path) -> Losses | None:
    """Read steps (N,) and curves (N,) by name from a model's losses.csv; None if it is missing or empty.

    Raises:
        ArtifactError: there is no column `step`, or a cell is not a number.
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
    methods: Sequence[Method],
    evaluator: Evaluator,
    params: EvaluateParams,
    *,
    losses: Losses | None,
    facts: Sequence[tuple[str, str]],
    credit: str,
    stages: Mapping[str, Mapping[str, Any]],
    notes: Sequence[str],
) -> None:
    """Write all files except speed.json and the card. Equal findings give equal bytes.

    Args:
        folder: the report.
        findings: results of the evaluation.
        methods: the compared methods, the model first.
        evaluator: renders the images that are shown.
        params: number of rows of the sheet, seed.
        losses: from read_losses.
        facts: name and text of everything that the metrics depend on.
        credit: consent basis and licence of the photographs that are shown.
        stages: stage -> params.
        notes: sentences shown at the top of the page.
    """
    write_json(folder / METRICS_FILE, findings.metrics)
    write_table(folder / PAIRS, ScoreRow, findings.scores.rows)
    write_table(folder / SLICES_TABLE, SliceRow, list(findings.slice_rows))
    own = findings.scores.of(MODEL)
    shown_methods = [method for method in methods if method.name not in {TEMPLATE_COPIED, TRUTH}]
    chosen = choose_pairs(own, params.sheet_rows, params.seed)
    shown = render_pairs(chosen, findings.pairs, shown_methods, evaluator)
    size_px = next(iter(shown[0].images.values())).shape[0]
    (folder / SHEET).write_bytes(encode_sheet(sheet(shown, size_px)))
    scatter = identity_scatter({method.label: findings.scores.of(method.name) for method in methods})
    slices = slice_plot(divided(findings.slices), findings.values[MODEL]["identity/margin"])
    for name, plot in ((SCATTER, scatter), (SLICES, slices)):
        (folder / name).write_text(plot, encoding="utf-8")
    page = Report(
        labels={method.name: method.label for method in methods},
        values=findings.values,
        recognizer=evaluator.recognizer.label,
        self_evaluated=evaluator.recognizer.jittered,
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
    text = f"{realism.num_images} images, one per template, and {realism.num_photographs} photographs of other people"
    return [("Sample of the KID", text)]
