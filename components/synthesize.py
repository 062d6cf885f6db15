"""The synthesize stage as a KFP component."""

from components.base import Dataset, Metrics, Output, component


@component
def synthesize(params: dict, photographs: Output[Dataset], metrics: Output[Metrics]) -> None:
    """Photograph people who do not exist."""
    from components.run_stage import run_stage

    run_stage("synthesize", params, metrics, photographs=photographs)
