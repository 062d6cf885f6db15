"""KFP components: the stages, the bounds check before registration, and the final record."""

import os
from functools import partial
from typing import List  # noqa: UP035  # kfp accepts no other list of artifacts

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Model, Output, PipelineTaskFinalStatus

from swapcore import __version__

# Part of every task's cache key: a new tag runs every task again. kfp requires "python" in it for local runs.
IMAGE = os.environ.get("SWAPCORE_IMAGE", f"swapcore-python:{__version__}")


def run_stage(*arguments: object, **ports: object) -> None:
    """Import and call run_stage; kfp copies this function in front of each component's code."""
    from components.run_stage import run_stage

    run_stage(*arguments, **ports)


component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
stage = partial(component, additional_funcs=[run_stage])


@stage
def synthesize(
    params: dict, uri: str, fingerprint: str, photographs: Output[Dataset], metrics: Output[Metrics]
) -> None:
    """Render synthetic people, or fetch the user's images; a new fingerprint invalidates the cache."""
    given = {"run": "swapcore.cropping.ingest:ingest", "uri": uri, "fingerprint": fingerprint} if uri else {}
    run_stage("synthesize", params, metrics, **given, photographs=photographs)


@stage
def crop_shard(
    params: dict, uri: str, shard: int, shards: int,
    photographs: Input[Dataset], part: Output[Dataset], metrics: Output[Metrics],
) -> None:  # fmt: skip
    """Find, align and crop the faces of one shard of the images; of images on S3, fetch only these."""
    where, given = ("cropping.remote", {"uri": uri}) if uri.startswith("s3://") else ("stages.crop", {})
    ports = {**given, "photographs": photographs, "shard": shard, "shards": shards, "part": part}
    run_stage("crop", params, metrics, run=f"swapcore.{where}:crop_shard", **ports)


@stage
def crop(params: dict, parts: Input[List[Dataset]], faces: Output[Dataset], metrics: Output[Metrics]) -> None:  # noqa: UP006
    """Join the shards: duplicates, wrong labels and splits, which need all images."""
    run_stage("crop", params, metrics, run="swapcore.stages.crop:merge_shards", parts=parts, faces=faces)


@stage
def groups(
    params: dict, faces: Input[Dataset], groups: Output[Dataset], metrics: Output[Metrics], teacher: Input[Model] = None
) -> None:
    """Make sample groups from the faces."""
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
    """Evaluate the model on the test people; KFP shows the report's page."""
    run_stage("evaluate", params, metrics, page, faces=faces, model=model, report=report)


@stage
def register(
    params: dict, model: Input[Model], report: Input[Artifact], registration: Output[Artifact], metrics: Output[Metrics]
) -> None:
    """Register the model in MLflow."""
    run_stage("register", params, metrics, model=model, report=report, registration=registration)


@component
def good_enough(params: dict, report: Input[Artifact], champion: Input[Artifact] = None) -> bool:
    """Return whether the model is within register.bounds; `dsl.If` needs a single return value in local runs."""
    from components.run_stage import call

    found = call("register", params, "swapcore.registry.bounds:objections", report=report, champion=champion)
    print("\n".join(f"FAILED: {words}" for words in found) or "passed")
    return not found


@component
def bring_champion(uri: str, model: Output[Model]) -> None:
    """Fetch the first teacher of a series of rounds from a model folder or s3:// prefix."""
    from shutil import copytree

    from swapcore.cli.main import report_errors
    from swapcore.hub.references import locate_model

    with report_errors("swapcore"):
        copytree(locate_model(uri), model.path)


@component
def record_ending(status: PipelineTaskFinalStatus, ending: Output[Markdown]) -> None:
    """Record the run's final state and error in KFP's user interface, and in the log as one line of JSON."""
    import json
    from datetime import UTC, datetime
    from pathlib import Path

    facts = {"state": status.state, "error": status.error_message or "", "run": status.pipeline_job_resource_name}
    facts["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    ending.metadata.update(facts)
    Path(ending.path).write_text("\n".join(f"- **{name}**: {value}" for name, value in facts.items()), encoding="utf-8")
    print(json.dumps(facts))
