"""The gate: whether a judged model may take the champion's place, from the two reports alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from swapcore.config import GateParams
from swapcore.errors import ParamsError
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.slices import MIN_PAIRS
from swapcore.evaluation.summary import FIGURES, PERCENT, Figure
from swapcore.ops.metrics import Interval, crossed_bootstrap_interval
from swapcore.registry.evaluated import Judged, differences

NUM_SAMPLES, SEED = 2000, 0
_FIGURE = {figure.name: figure for figure in FIGURES}
_MARGIN = _FIGURE["identity/margin"]


@dataclass(frozen=True)
class Line:
    """One figure of both, and what was asked of it."""

    name: str
    challenger: float | None
    champion: float | None
    """None: the report does not have it."""
    gain: float | None
    """By how much the challenger is better: the sign is turned where lower is better."""
    interval: tuple[float, float] | None
    """95 % of the gain, pair by pair, people drawn anew; None for a figure that is no mean over pairs."""
    rule: str
    """What is asked, in words; empty: shown only."""
    passed: bool


@dataclass(frozen=True)
class Decision:
    """What becomes of a model, and why."""

    outcome: Literal["champion", "challenger", "refused"]
    reason: str
    """One line."""
    against: str | None = None
    """The champion's version that it was compared with."""
    lines: tuple[Line, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def decide(new: Judged, old: Judged, version: str, params: GateParams) -> Decision:
    """Compare a model with the champion.

    It wins if each figure of gate.better is better beyond the interval of the paired difference, no figure of
    gate.not_worse is worse by more than its tolerance, and on no kind of pairs (of MIN_PAIRS pairs or more) the margin is lower
    by more than gate.slice_tolerance.

    Args:
        new: the challenger's report.
        old: the champion's report.
        version: the champion's version.
        params: the section register.gate.

    Raises:
        ParamsError: the section names a figure that does not exist.
    """
    wanted = _rules(params)
    apart = differences(new, old)
    if apart:
        reason = f"cannot be compared with version {version}, for it was judged otherwise: {'; '.join(apart)}"
        return Decision("challenger", reason, version)
    lines = [line for name, rule in wanted.items() if (line := _line(_FIGURE[name], rule, new, old))]
    slices = _slice_lines(new, old, params.slice_tolerance)
    if not any(line.name in params.better for line in lines):
        reason = f"the reports hold none of the figures of register.gate.better: {', '.join(params.better)}"
        return Decision("challenger", reason, version, (*lines, *slices))
    failed = [line for line in [*lines, *slices] if not line.passed]
    if failed:
        return Decision("challenger", "; ".join(map(_words, failed)), version, (*lines, *slices))
    better = ", ".join(f"{line.name} by {line.gain:.4g}" for line in lines if line.name in params.better)
    return Decision("champion", f"better than version {version}: {better}", version, (*lines, *slices))


def _rules(params: GateParams) -> dict[str, float | None]:
    """Figure to its tolerance; None: it must be better. All others that are a mean over pairs are shown."""
    for field, names in (("better", params.better), ("not_worse", params.not_worse)):
        for name in names:
            if name not in _FIGURE or (field == "better" and not _FIGURE[name].column):
                known = ", ".join(name for name, figure in _FIGURE.items() if field == "not_worse" or figure.column)
                raise ParamsError(f"register.gate.{field}: {name} is none of the figures it can name: {known}")
    return {**dict.fromkeys(params.better), **params.not_worse}


def _line(figure: Figure, tolerance: float | None, new: Judged, old: Judged) -> Line | None:
    """A figure of both; None where neither report has it."""
    known = [figure.name in judged.metrics for judged in (new, old)]
    if not any(known):
        return None
    if not all(known):
        challenger, champion = (judged.metrics.get(figure.name) for judged in (new, old))
        return Line(figure.name, challenger, champion, None, None, "must be in both reports", False)
    sign = 1.0 if figure.better == "higher" else -1.0
    values = [judged.metrics[figure.name] for judged in (new, old)]
    if not figure.column:
        return _judged_line(figure.name, values, sign * (values[0] - values[1]), None, tolerance)
    paired = _paired(figure, new.rows, old.rows)
    if paired is None:
        return Line(figure.name, values[0], values[1], None, None, "must be known of the same pairs", False)
    gain, interval = paired
    return _judged_line(figure.name, values, gain, interval, tolerance)


def _judged_line(
    name: str, values: Sequence[float], gain: float, interval: Interval | None, tolerance: float | None
) -> Line:
    if tolerance is None:
        rule, passed = "must be better beyond its interval", interval is not None and interval.low > 0
    else:
        rule, passed = f"may be worse by {tolerance:g} at most", gain >= -tolerance
    spread = (interval.low, interval.high) if interval else None
    return Line(name, values[0], values[1], gain, spread, rule, passed)


def _paired(figure: Figure, new: Sequence[ScoreRow], old: Sequence[ScoreRow]) -> tuple[float, Interval] | None:
    """Mean gain over the pairs that both have the figure of, and its interval over people."""
    known = [
        (one, other, getattr(one, figure.column), getattr(other, figure.column))
        for one, other in zip(new, old, strict=True)
        if getattr(one, figure.column) is not None and getattr(other, figure.column) is not None
    ]
    if not known:
        return None
    scale = (100.0 if figure.column in PERCENT else 1.0) * (1.0 if figure.better == "higher" else -1.0)
    gains = scale * np.array([first - second for _, _, first, second in known], dtype=np.float64)
    sources = np.array([row.source_identity for row, *_ in known])
    templates = np.array([row.template_identity for row, *_ in known])
    return float(gains.mean()), crossed_bootstrap_interval(
        gains, sources, templates, num_samples=NUM_SAMPLES, seed=SEED
    )


def _slice_lines(new: Judged, old: Judged, tolerance: float) -> list[Line]:
    """The margin on each kind of pairs that is large enough to be named."""
    members: dict[tuple[str, str], list[int]] = {}
    for kind in new.kinds:
        members.setdefault((kind.slice, kind.word), []).append(kind.pair)
    lines = []
    for (name, word), pairs in sorted(members.items()):
        if len(pairs) < MIN_PAIRS:
            continue
        ours, theirs = ([judged.rows[pair] for pair in pairs] for judged in (new, old))
        paired = _paired(_MARGIN, ours, theirs)
        assert paired is not None  # every row has a margin
        values = [float(np.mean([row.margin for row in rows])) for rows in (ours, theirs)]
        lines.append(_judged_line(f"{name}: {word}, margin", values, *paired, tolerance))
    return lines


def _words(line: Line) -> str:
    if line.gain is None:
        return f"{line.name} {line.rule}"
    interval = f" ({line.interval[0]:.4g} to {line.interval[1]:.4g})" if line.interval else ""
    return f"{line.name} {line.rule}, and its gain is {line.gain:.4g}{interval}"
