"""A model's report as the gate reads it, and whether two of them can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.artifact import read_card
from swapcore.errors import ArtifactError
from swapcore.evaluation.figures import read_figures
from swapcore.evaluation.folder import KINDS, PAIRS
from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.scores import KindRow, ScoreRow
from swapcore.tables import read_table


@dataclass(frozen=True)
class Judged:
    """What the report says of its model."""

    metrics: Mapping[str, float]
    rows: Sequence[ScoreRow]
    """The model's own, in the order of the pairs."""
    kinds: Sequence[KindRow]
    protocol: Mapping[str, str]
    """Pairs, gallery, judge and size: figures mean the same only where all of it is the same."""


def read_judged(report: Path) -> Judged:
    """Read a report artifact.

    Raises:
        ArtifactError: a file is missing or damaged, or evaluate of an older version wrote it.
    """
    facts = read_card(report, "report").facts
    if "protocol" not in facts:
        raise ArtifactError(f"{report}: does not say on which pairs it judged; run evaluate again")
    rows = [row for row in read_table(report / PAIRS, ScoreRow) if row.answer == MODEL]
    return Judged(read_figures(report), rows, read_table(report / KINDS, KindRow), facts["protocol"])


def differences(first: Judged, second: Judged) -> list[str]:
    """In what the two were judged differently, in words; empty: they can be compared."""
    names = sorted({*first.protocol, *second.protocol})
    found = [
        f"{name} ({_short(first.protocol.get(name))} against {_short(second.protocol.get(name))})"
        for name in names
        if first.protocol.get(name) != second.protocol.get(name)
    ]
    pairs = [[(row.source, row.template) for row in judged.rows] for judged in (first, second)]
    return found if found or pairs[0] == pairs[1] else ["pairs.parquet (its rows name other pairs)"]


def _short(value: str | None) -> str:
    return "none" if value is None else str(value)[:12]
