"""The groups stage as a KFP component."""

from components.base import Dataset, Input, Metrics, Model, Output, component


@component
def groups(
    params: dict,
    faces: Input[Dataset],
    groups: Output[Dataset],
    metrics: Output[Metrics],
    teacher: Input[Model] = None,
) -> None:
    """Make sample groups of the faces."""
    from components.run_stage import run_stage

    run_stage("groups", params, metrics, faces=faces, teacher=teacher, groups=groups)
