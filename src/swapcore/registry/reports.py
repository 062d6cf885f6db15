"""Evaluated models as the gate reads them, and their comparability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.artifact import read_card
from swapcore.data.facts import ReportFacts
from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.metrics_file import read_metrics
from swapcore.evaluation.report_files import PAIRS, SLICES_TABLE
from swapcore.evaluation.scores import ScoreRow, SliceRow
from swapcore.tables import read_table


@dataclass(frozen=True)
class EvaluatedModel:
    """A model's metrics and score rows."""

    metrics: Mapping[str, float]
    rows: Sequence[ScoreRow]
    """The model's own, in the order of the pairs."""
    slice_rows: Sequence[SliceRow]
    protocol: Mapping[str, str]
    """Pairs, gallery, recognizer and size: metrics are comparable only if all of it is equal."""


def read_evaluated(report: Path) -> EvaluatedModel:
    """Read a report artifact.

    Raises:
        ArtifactError: a file is missing or damaged, or another version of swapcore wrote it.
    """
    facts = read_card(report, "report", ReportFacts).facts
    rows = [row for row in read_table(report / PAIRS, ScoreRow) if row.method == MODEL]
    return EvaluatedModel(read_metrics(report), rows, read_table(report / SLICES_TABLE, SliceRow), facts.protocol)


def differences(first: EvaluatedModel, second: EvaluatedModel) -> list[str]:
    """Describe the differences of two evaluation protocols; empty if the models are comparable."""
    names = sorted({*first.protocol, *second.protocol})
    found = [
        f"{name} ({_short(first.protocol.get(name))} against {_short(second.protocol.get(name))})"
        for name in names
        if first.protocol.get(name) != second.protocol.get(name)
    ]
    pairs = [[(row.source, row.template) for row in evaluated.rows] for evaluated in (first, second)]
    return found if found or pairs[0] == pairs[1] else ["pairs.parquet (its rows have other pairs)"]


def _short(value: str | None) -> str:
    return "none" if value is None else str(value)[:12]
