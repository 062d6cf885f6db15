"""The crop stage as a KFP component."""

from components.base import Dataset, Input, Metrics, Output, component


@component
def crop(params: dict, photographs: Input[Dataset], faces: Output[Dataset], metrics: Output[Metrics]) -> None:
    """Find, align and check the faces of the photographs."""
    from components.run_stage import run_stage

    run_stage("crop", params, metrics, photographs=photographs, faces=faces)
