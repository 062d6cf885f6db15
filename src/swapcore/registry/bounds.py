"""What a model's figures must keep to before it is registered at all."""

from collections.abc import Mapping
from pathlib import Path

from swapcore.config import RegisterParams
from swapcore.errors import ParamsError
from swapcore.evaluation.figures import read_figures

Bounds = Mapping[str, tuple[float | None, float | None]]


def outside_bounds(metrics: Mapping[str, float], bounds: Bounds) -> list[str]:
    """The figures that lie outside of register.bounds, in words.

    Raises:
        ParamsError: a bound names none of the report's figures.
    """
    found = []
    for name, (least, most) in bounds.items():
        if name not in metrics:
            known = ", ".join(sorted(figure for figure in metrics if not figure.endswith(("/low", "/high"))))
            raise ParamsError(f"register.bounds: {name} is none of the report's figures: {known}")
        value = metrics[name]
        # Written so that a figure that is no number lies outside.
        if not ((least is None or value >= least) and (most is None or value <= most)):
            found.append(f"{name} = {value:.4g} lies outside of {least} to {most}")
    return found


def objections(params: RegisterParams, *, report: Path, champion: Path | None = None) -> list[str]:
    """What speaks against registering a model, in words: figures outside of the bounds, or a champion that is not beaten.

    Args:
        params: the section register.
        report: the report on the model.
        champion: the report on the champion that it must beat, if there is one.

    Raises:
        ParamsError: bounds or gate name a figure that does not exist.
        ArtifactError: a report is missing or damaged.
    """
    found = outside_bounds(read_figures(report), params.bounds)
    if champion is not None:
        from swapcore.registry.evaluated import read_judged
        from swapcore.registry.gate import decide  # imports torch, seconds that a task without a champion is spared

        decision = decide(read_judged(report), read_judged(champion), "of the round before", params.gate)
        found += [] if decision.outcome == "champion" else [decision.reason]
    return found
