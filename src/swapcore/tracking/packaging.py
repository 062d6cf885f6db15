"""Registration of model packages in MLflow's registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from swapcore.tracking.runs import MODEL_TAG, origin
from swapcore.tracking.spool import ROOT
from swapcore.tracking.store import connect, experiment_id, newest_run, registry_error, tracking_uri
from swapcore.tracking.uploader import upload_abandoned


@dataclass(frozen=True)
class ModelPackage:
    """Contents of a registered model."""

    script: Path
    """The "models from code" script; its typed predict method gives the signature."""
    files: Path
    """Folder that the script gets as the artifact ``model``."""
    code: Path
    """Python package that the script imports; a copy is stored with the model."""
    requirements: Sequence[str]
    """Distributions that the code needs; pinned to the installed versions."""
    example: list[dict[str, str | bool]]
    """Example request for predict."""


def register_version(
    name: str,
    packaged: ModelPackage,
    *,
    run_tags: Mapping[str, str],
    tags: Mapping[str, str],
    alias: str,
    description: str,
) -> str:
    """Register a model as a new version, or reuse a version that has all these tags.

    A register stage that is killed and run again therefore creates one version only.

    Args:
        name: registered model; created if missing.
        packaged: script, files, code, requirements, example.
        run_tags: tags of the run that made the model; a run is created if there is none.
        tags: tags of the version.
        alias: alias to set on the version.
        description: description of the version, Markdown.

    Returns:
        The version's number.

    Raises:
        TrackingError: the registry rejected a request or cannot be reached.
    """
    uri = tracking_uri()
    try:
        client = connect(uri)
        upload_abandoned(client, ROOT.absolute(), uri)  # the training's run may still be in the spool
        found = _existing(client, name, tags) or _create(client, uri, name, packaged, run_tags, tags, description)
        client.set_registered_model_alias(name, alias, found.version)
    except Exception as error:  # mlflow, the database driver and the network have no common base class
        raise registry_error(error, uri) from error
    return str(found.version)


def _existing(client: Any, name: str, tags: Mapping[str, str]) -> Any | None:
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.status == "READY" and tags.items() <= version.tags.items():
            return version
    return None


def _create(
    client: Any,
    uri: str,
    name: str,
    packaged: ModelPackage,
    run_tags: Mapping[str, str],
    tags: Mapping[str, str],
    description: str,
) -> Any:
    experiment = experiment_id(client)
    run_id = _run_of(client, experiment, run_tags)
    logged = _log_model(uri, experiment, run_id, name, packaged)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    return client.create_model_version(
        name,
        logged.model_uri,
        run_id,
        tags=dict(tags),
        model_id=logged.model_id,
        await_creation_for=60,
        description=description,
    )


def _run_of(client: Any, experiment: str, run_tags: Mapping[str, str]) -> str:
    """Return the run that made the model; create one for an untracked model."""
    run = newest_run(client, experiment, dict(run_tags))
    if run is None:
        run = client.create_run(experiment, tags={**run_tags, **origin("register")}, run_name="register")
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _log_model(uri: str, experiment: str, run_id: str, name: str, packaged: ModelPackage) -> Any:
    """Log a pyfunc model without activating the run, which would change its status and end time."""
    import mlflow
    from mlflow.models import Model

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=experiment)
    return Model.log(
        None,
        name=name,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        python_model=str(packaged.script),
        artifacts={"model": str(packaged.files)},
        code_paths=[str(packaged.code)],
        pip_requirements=[f"{each}=={installed_version(each).split('+')[0]}" for each in packaged.requirements],
        input_example=packaged.example,
    )


__all__ = ["MODEL_TAG", "ModelPackage", "register_version"]
