"""Metric bounds for registration."""

from collections.abc import Mapping
from pathlib import Path

from swapcore.config import RegisterParams
from swapcore.errors import ParamsError
from swapcore.evaluation.metrics_file import read_metrics

Bounds = Mapping[str, tuple[float | None, float | None]]


def outside_bounds(metrics: Mapping[str, float], bounds: Bounds) -> list[str]:
    """Describe the metrics outside register.bounds.

    Raises:
        ParamsError: a bound has an unknown metric.
    """
    found = []
    for name, (least, most) in bounds.items():
        if name not in metrics:
            known = ", ".join(sorted(metric for metric in metrics if not metric.endswith(("/low", "/high"))))
            raise ParamsError(f"register.bounds: unknown metric {name}; use one of the report's: {known}")
        value = metrics[name]
        # Written so that NaN is outside.
        if not ((least is None or value >= least) and (most is None or value <= most)):
            found.append(f"{name} = {value:.4g} is outside {least} to {most}")
    return found


def objections(params: RegisterParams, *, report: Path, champion: Path | None = None) -> list[str]:
    """Describe why a model should not be registered: metrics outside the bounds, or not better than the champion.

    Args:
        params: the section register.
        report: the report about the model.
        champion: the report about the champion that it must surpass, if there is one.

    Raises:
        ParamsError: bounds or gate have an unknown metric.
        ArtifactError: a report is missing or damaged.
    """
    found = outside_bounds(read_metrics(report), params.bounds)
    if champion is not None:
        from swapcore.registry.gate import (
            decide,  # imports torch, which takes seconds and is needed for a champion only
        )
        from swapcore.registry.reports import read_evaluated

        decision = decide(read_evaluated(report), read_evaluated(champion), "of the round before", params.gate)
        found += [] if decision.outcome == "champion" else [decision.reason]
    return found
