"""The gate: comparison of an evaluated model with the champion."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from swapcore.config import GateParams
from swapcore.errors import ParamsError
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.slices import MIN_PAIRS
from swapcore.evaluation.summary import METRICS, PERCENT, Metric
from swapcore.ops.metrics import Interval, crossed_bootstrap_interval
from swapcore.registry.reports import EvaluatedModel, differences

NUM_SAMPLES, SEED = 2000, 0
_METRICS = {metric.name: metric for metric in METRICS}
_MARGIN = _METRICS["identity/margin"]


@dataclass(frozen=True)
class Line:
    """A metric of both models and its condition."""

    name: str
    challenger: float | None
    champion: float | None
    """None if the report does not have it."""
    gain: float | None
    """Improvement of the challenger; positive is better for every metric."""
    interval: tuple[float, float] | None
    """95 % interval of the paired gain over people; None for a metric that is not a mean over pairs."""
    rule: str
    """The condition in words; empty: shown only."""
    passed: bool


@dataclass(frozen=True)
class Decision:
    """Outcome of the gate and its reason."""

    outcome: Literal["champion", "challenger", "refused"]
    reason: str
    """One line."""
    against: str | None = None
    """The champion's version, if there was a comparison."""
    lines: tuple[Line, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the decision as JSON values."""
        return asdict(self)


def decide(new: EvaluatedModel, old: EvaluatedModel, version: str, params: GateParams) -> Decision:
    """Compare a model with the champion.

    It becomes champion if every metric of gate.better is better beyond the interval of the paired difference, no metric of
    gate.not_worse is worse by more than its tolerance, and the margin of no slice of MIN_PAIRS or more pairs is lower by
    more than gate.slice_tolerance.

    Args:
        new: the challenger's report.
        old: the champion's report.
        version: the champion's version.
        params: the section register.gate.

    Raises:
        ParamsError: the section has an unknown metric.
    """
    rules = _rules(params)
    different = differences(new, old)
    if different:
        reason = f"cannot be compared with version {version}: evaluation protocols differ: {'; '.join(different)}"
        return Decision("challenger", reason, version)
    lines = [line for name, rule in rules.items() if (line := _line(_METRICS[name], rule, new, old))]
    slices = _slice_lines(new, old, params.slice_tolerance)
    if not any(line.name in params.better for line in lines):
        reason = f"the reports have none of the metrics of register.gate.better: {', '.join(params.better)}"
        return Decision("challenger", reason, version, (*lines, *slices))
    failed = [line for line in [*lines, *slices] if not line.passed]
    if failed:
        return Decision("challenger", "; ".join(map(_words, failed)), version, (*lines, *slices))
    better = ", ".join(f"{line.name} by {line.gain:.4g}" for line in lines if line.name in params.better)
    return Decision("champion", f"better than version {version}: {better}", version, (*lines, *slices))


def _rules(params: GateParams) -> dict[str, float | None]:
    """Return metric -> tolerance; None: it must be better."""
    for field, names in (("better", params.better), ("not_worse", params.not_worse)):
        for name in names:
            if name not in _METRICS or (field == "better" and not _METRICS[name].column):
                known = ", ".join(name for name, metric in _METRICS.items() if field == "not_worse" or metric.column)
                raise ParamsError(f"register.gate.{field}: unknown metric {name}; use one of: {known}")
    return {**dict.fromkeys(params.better), **params.not_worse}


def _line(metric: Metric, tolerance: float | None, new: EvaluatedModel, old: EvaluatedModel) -> Line | None:
    """Compare a metric of both models; None if neither report has it."""
    known = [metric.name in evaluated.metrics for evaluated in (new, old)]
    if not any(known):
        return None
    if not all(known):
        challenger, champion = (evaluated.metrics.get(metric.name) for evaluated in (new, old))
        return Line(metric.name, challenger, champion, None, None, "must be in both reports", False)
    sign = 1.0 if metric.better == "higher" else -1.0
    values = [evaluated.metrics[metric.name] for evaluated in (new, old)]
    if not metric.column:
        return _evaluated_line(metric.name, values, sign * (values[0] - values[1]), None, tolerance)
    paired = _paired(metric, new.rows, old.rows)
    if paired is None:
        return Line(metric.name, values[0], values[1], None, None, "must be known for the same pairs", False)
    gain, interval = paired
    return _evaluated_line(metric.name, values, gain, interval, tolerance)


def _evaluated_line(
    name: str, values: Sequence[float], gain: float, interval: Interval | None, tolerance: float | None
) -> Line:
    if tolerance is None:
        rule, passed = "must be better beyond its interval", interval is not None and interval.low > 0
    else:
        rule, passed = f"may be worse by at most {tolerance:g}", gain >= -tolerance
    spread = (interval.low, interval.high) if interval else None
    return Line(name, values[0], values[1], gain, spread, rule, passed)


def _paired(metric: Metric, new: Sequence[ScoreRow], old: Sequence[ScoreRow]) -> tuple[float, Interval] | None:
    """Return the mean gain over pairs for which both models have the metric, and its interval over people."""
    known = [
        (one, other, getattr(one, metric.column), getattr(other, metric.column))
        for one, other in zip(new, old, strict=True)
        if getattr(one, metric.column) is not None and getattr(other, metric.column) is not None
    ]
    if not known:
        return None
    scale = (100.0 if metric.column in PERCENT else 1.0) * (1.0 if metric.better == "higher" else -1.0)
    gains = scale * np.array([first - second for _, _, first, second in known], dtype=np.float64)
    sources = np.array([row.source_identity for row, *_ in known])
    templates = np.array([row.template_identity for row, *_ in known])
    return float(gains.mean()), crossed_bootstrap_interval(
        gains, sources, templates, num_samples=NUM_SAMPLES, seed=SEED
    )


def _slice_lines(new: EvaluatedModel, old: EvaluatedModel, tolerance: float) -> list[Line]:
    """Compare the margin on each slice of at least MIN_PAIRS pairs."""
    members: dict[tuple[str, str], list[int]] = {}
    for kind in new.slice_rows:
        members.setdefault((kind.slice, kind.word), []).append(kind.pair)
    lines = []
    for (name, word), pairs in sorted(members.items()):
        if len(pairs) < MIN_PAIRS:
            continue
        ours, theirs = ([evaluated.rows[pair] for pair in pairs] for evaluated in (new, old))
        paired = _paired(_MARGIN, ours, theirs)
        assert paired is not None  # every row has a margin
        values = [float(np.mean([row.margin for row in rows])) for rows in (ours, theirs)]
        lines.append(_evaluated_line(f"{name}: {word}, margin", values, *paired, tolerance))
    return lines


def _words(line: Line) -> str:
    if line.gain is None:
        return f"{line.name} {line.rule}"
    interval = f" ({line.interval[0]:.4g} to {line.interval[1]:.4g})" if line.interval else ""
    return f"{line.name} {line.rule}, its gain is {line.gain:.4g}{interval}"
