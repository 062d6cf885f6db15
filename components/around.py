"""What surrounds the stages on Kubeflow: photographs brought in, the gate before the registry, a record of the end."""

from kfp.dsl import PipelineTaskFinalStatus

from components.base import Dataset, Input, Markdown, Metrics, Output, component


@component
def bring_photographs(uri: str, fingerprint: str, photographs: Output[Dataset]) -> None:
    """Copy the photographs; the fingerprint, taken at submission, makes a changed prefix a new cache key."""
    import shutil
    import sys
    from pathlib import Path

    from swapcore import storage

    try:
        if not storage.is_remote(uri):
            shutil.copytree(uri, photographs.path)
        elif fingerprint and storage.fingerprint(uri) != fingerprint:
            sys.exit(f"swapcore: {uri}: was changed after the run was submitted; submit it again")
        else:
            storage.fetch(uri, Path(photographs.path))
    except (OSError, storage.StorageError) as error:
        sys.exit(f"swapcore: {error}")
    photographs.metadata.update(origin=uri, fingerprint=fingerprint)


@component
def good_enough(metrics: Input[Metrics], params: dict) -> bool:
    """Whether each figure lies within its bounds; the single return value is what `dsl.If` sees in a local run, too."""
    import sys

    from components.run_stage import replaced

    outside = 0
    for name, (least, most) in replaced(params["bounds"], "null", None).items():
        if name not in metrics.metadata:
            sys.exit(
                f"swapcore: register.bounds: {name} is none of the report's figures: {', '.join(sorted(metrics.metadata))}"
            )
        value = float(metrics.metadata[name])
        within = (least is None or value >= least) and (most is None or value <= most)
        print(f"{'passed' if within else 'FAILED'}: {name} = {value:g}, bounds {least} to {most}")
        outside += not within
    return outside == 0


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
