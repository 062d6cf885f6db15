"""The train stage as a KFP component."""

from components.base import Dataset, Input, Metrics, Model, Output, component


@component
def train(
    params: dict,
    groups: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    initial: Input[Model] = None,
) -> None:
    """Train a generator on the groups."""
    from components.run_stage import run_stage

    run_stage("train", params, metrics, groups=groups, initial=initial, model=model)
