"""The tasks of the pipeline as typed components: the stages, the gate before the registry, and a record of the end."""

import os
from functools import partial
from typing import List  # noqa: UP035  # kfp knows no other list of artifacts

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Model, Output, PipelineTaskFinalStatus

from swapcore import __version__

# Part of every task's cache key: a new version under a new tag runs anew. kfp wants "python" in it for local runs.
IMAGE = os.environ.get("SWAPCORE_IMAGE", f"swapcore-python:{__version__}")


def run_stage(*arguments: object, **ports: object) -> None:
    """Stands before each component's code, since a task knows no other file than its image's."""
    from components.run_stage import run_stage

    run_stage(*arguments, **ports)


component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
stage = partial(component, additional_funcs=[run_stage])


@stage
def synthesize(
    params: dict, uri: str, fingerprint: str, photographs: Output[Dataset], metrics: Output[Metrics]
) -> None:
    """Photograph people who do not exist, or bring photographs that exist: anew whenever their fingerprint is new."""
    given = {"run": "swapcore.cropping.arrival:bring", "uri": uri, "fingerprint": fingerprint} if uri else {}
    run_stage("synthesize", params, metrics, **given, photographs=photographs)


@stage
def cut_photographs(
    params: dict, shard: int, shards: int, photographs: Input[Dataset], part: Output[Dataset], metrics: Output[Metrics]
) -> None:
    """Find, align and cut the faces of one shard of the photographs."""
    ports = {"photographs": photographs, "shard": shard, "shards": shards, "part": part}
    run_stage("crop", params, metrics, run="swapcore.stages.crop:cut", **ports)


@stage
def crop(params: dict, parts: Input[List[Dataset]], faces: Output[Dataset], metrics: Output[Metrics]) -> None:  # noqa: UP006
    """Join the shards: what only all photographs tell."""
    run_stage("crop", params, metrics, run="swapcore.stages.crop:join", parts=parts, faces=faces)


@stage
def groups(
    params: dict, faces: Input[Dataset], groups: Output[Dataset], metrics: Output[Metrics], teacher: Input[Model] = None
) -> None:
    """Make sample groups of the faces."""
    run_stage("groups", params, metrics, faces=faces, teacher=teacher, groups=groups)


@stage
def train(
    params: dict, job: str, groups: Input[Dataset],
    model: Output[Model], metrics: Output[Metrics], initial: Input[Model] = None,
) -> None:  # fmt: skip
    """Train a generator on the groups: in this task, or by the TrainJob that `job` describes."""
    ports = {"groups": groups, "initial": initial, "model": model}
    if job:
        uris = {port: artifact.uri for port, artifact in ports.items() if artifact}
        ports = {"job": job, "uris": uris, "model": model}
    run_stage("train", params, metrics, run="trainer.train_job:run" if job else "", **ports)


@stage
def evaluate(
    params: dict, faces: Input[Dataset], model: Input[Model],
    report: Output[Artifact], metrics: Output[Metrics], page: Output[HTML],
) -> None:  # fmt: skip
    """Judge the model on people it never saw; the report's page is shown by KFP."""
    run_stage("evaluate", params, metrics, page, faces=faces, model=model, report=report)


@stage
def register(
    params: dict, model: Input[Model], report: Input[Artifact], registration: Output[Artifact], metrics: Output[Metrics]
) -> None:
    """Enter the model in MLflow's registry."""
    run_stage("register", params, metrics, model=model, report=report, registration=registration)


@component
def good_enough(params: dict, report: Input[Artifact], champion: Input[Artifact] = None) -> bool:
    """Whether a model deserves the registry; the single return value is what `dsl.If` sees in a local run, too."""
    from components.run_stage import call

    found = call("register", params, "swapcore.registry.bounds:objections", report=report, champion=champion)
    print("\n".join(f"FAILED: {words}" for words in found) or "passed")
    return not found


@component
def bring_champion(uri: str, model: Output[Model]) -> None:
    """Bring the first teacher of a series of rounds: a model artifact's folder or s3:// prefix."""
    from shutil import copytree

    from swapcore.cli.main import report_errors
    from swapcore.hub.references import locate_model

    with report_errors("swapcore"):
        copytree(locate_model(uri), model.path)


@component
def record_ending(status: PipelineTaskFinalStatus, ending: Output[Markdown]) -> None:
    """Write the run's last state and its error where KFP shows them, and into the log as one line of JSON."""
    import json
    from datetime import UTC, datetime
    from pathlib import Path

    facts = {"state": status.state, "error": status.error_message or "", "run": status.pipeline_job_resource_name}
    facts["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    ending.metadata.update(facts)
    Path(ending.path).write_text("\n".join(f"- **{name}**: {value}" for name, value in facts.items()), encoding="utf-8")
    print(json.dumps(facts))
