"""Entering a model in MLflow's registry: its files, the script that runs them, tags, alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from swapcore.errors import TrackingError, first_line
from swapcore.tracking.delivery import deliver_abandoned
from swapcore.tracking.runs import MODEL_TAG, origin
from swapcore.tracking.spool import ROOT
from swapcore.tracking.store import connect, experiment_id, newest_run, shown, tracking_uri


@dataclass(frozen=True)
class Packaged:
    """What a registered model consists of."""

    script: Path
    """The "models from code" script: its typed predict gives the signature."""
    files: Path
    """A folder that the script finds as the artifact ``model``."""
    code: Path
    """The package that the script imports; it travels with the model."""
    requirements: Sequence[str]
    """Distributions that the code needs, pinned to what is installed."""
    example: list[dict[str, str | bool]]
    """A request that predict takes."""


@dataclass(frozen=True)
class Version:
    """A version in the registry."""

    name: str
    version: str
    run_id: str
    """The run that made the model."""


def register_version(
    name: str, packaged: Packaged, *, run_tags: Mapping[str, str], tags: Mapping[str, str], alias: str, description: str
) -> Version:
    """Enter a model as a new version; one that carries all these tags already is taken instead.

    So a register stage that is killed and run again leaves one version, not two.

    Args:
        name: of the registered model, made if it is not there.
        packaged: script, files, code, requirements, example.
        run_tags: of the run that made the model; where there is none, one is made.
        tags: of the version.
        alias: given to the version.
        description: of the version, Markdown.

    Raises:
        TrackingError: the server or registry refused or could not be reached.
    """
    uri = tracking_uri()
    try:
        client = connect(uri)
        deliver_abandoned(client, ROOT.absolute(), uri)  # the training's run may wait there
        found = _existing(client, name, tags) or _create(client, uri, name, packaged, run_tags, tags, description)
        client.set_registered_model_alias(name, alias, found.version)
    except Exception as error:  # mlflow, the database driver and the network each raise their own
        problem = first_line(error).replace(uri, shown(uri))
        raise TrackingError(
            f"model registry {shown(uri)}: {type(error).__name__}: {problem}; correct MLFLOW_TRACKING_URI or the server, "
            "then run register again"
        ) from error
    return Version(name, str(found.version), found.run_id)


def _existing(client: Any, name: str, tags: Mapping[str, str]) -> Any | None:
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.status == "READY" and tags.items() <= version.tags.items():
            return version
    return None


def _create(
    client: Any,
    uri: str,
    name: str,
    packaged: Packaged,
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
    """The run that made the model; a model that nobody tracked gets a run here."""
    run = newest_run(client, experiment, dict(run_tags))
    if run is None:
        run = client.create_run(experiment, tags={**run_tags, **origin("register")}, run_name="register")
        client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _log_model(uri: str, experiment: str, run_id: str, name: str, packaged: Packaged) -> Any:
    """Log as pyfunc without making the run active, which would change its status and end."""
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


__all__ = ["MODEL_TAG", "Packaged", "Version", "register_version"]
