"""The evaluate stage as a KFP component."""

from components.base import HTML, Artifact, Dataset, Input, Metrics, Model, Output, component


@component
def evaluate(
    params: dict,
    faces: Input[Dataset],
    model: Input[Model],
    report: Output[Artifact],
    metrics: Output[Metrics],
    page: Output[HTML],
) -> None:
    """Judge the model on people it never saw; the report's page is shown by KFP."""
    from components.run_stage import run_stage

    run_stage("evaluate", params, metrics, page, faces=faces, model=model, report=report)
