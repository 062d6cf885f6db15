"""The register stage as a KFP component."""

from components.base import Artifact, Input, Metrics, Model, Output, component


@component
def register(
    params: dict, model: Input[Model], report: Input[Artifact], registration: Output[Artifact], metrics: Output[Metrics]
) -> None:
    """Enter the model in MLflow's registry."""
    from components.run_stage import run_stage

    run_stage("register", params, metrics, model=model, report=report, registration=registration)
