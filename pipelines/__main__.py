"""`python -m pipelines`: compile, run here, or submit to Kubeflow Pipelines."""

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import kfp
import requests
from kfp import compiler, local
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from pipelines.training import PARAMS, sections, training
from swapcore import storage
from swapcore.cli.log import configure_logging
from swapcore.cli.main import report_errors

params_option = click.option("--params", default=PARAMS, help="The params file; by default params.yaml.", type=Path)
photographs_option = click.option(
    "--photographs", default="", help="Images: a folder or CSV, local or on s3://; by default synthetic people."
)


def arguments(params: Path, photographs: str) -> dict[str, Any]:
    """The pipeline's arguments; images on S3 are fetched again if they changed, local ones in every run."""
    fingerprint = photographs and datetime.now(UTC).isoformat()
    if storage.is_remote(photographs):
        fingerprint = storage.fingerprint(photographs)
    return {"photographs": photographs, "fingerprint": fingerprint, **sections(params)}


@click.group()
def commands() -> None:
    """Train, evaluate and register a model by Kubeflow Pipelines."""


@commands.command("compile")
@click.option(
    "--to",
    default=Path(__file__).with_name("training.yaml"),
    help="The file to write; by default pipelines/training.yaml.",
    type=Path,
)
def compile_(to: Path) -> None:
    """Compile the pipeline to YAML, with params.yaml as defaults."""
    compiler.Compiler().compile(training, str(to))
    lines = to.read_text(encoding="utf-8").splitlines(keepends=True)
    # kfp repeats the defaults in a header whose order changes from run to run.
    to.write_text("".join(line for line in lines if not line.startswith("#    ")), encoding="utf-8")


@commands.command()
@params_option
@photographs_option
@click.option("--root", default=Path("local_outputs"), show_default=True, type=Path, help="Folder for the artifacts.")
def run(params: Path, photographs: str, root: Path) -> None:
    """Run the pipeline on this machine without Docker, one process per task."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PARAMS.parent), os.environ.get("PYTHONPATH")]))
    if photographs and not storage.is_remote(photographs):
        photographs = str(Path(photographs).resolve())
    for component in training.pipeline_spec.components.values():
        for task in component.dag.tasks.values():
            task.ClearField("retry_policy")  # its delays are meant for clusters
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    try:
        training(**arguments(params, photographs))
    except RuntimeError as error:  # kfp has printed the task's log with the reason
        raise click.ClickException(f"the run failed: {error}") from None


@commands.command()
@params_option
@photographs_option
@click.option("--experiment", default="swapcore", show_default=True, help="The KFP experiment of the run.")
@click.option("--name", help="The run's name; by default swapcore and the time.")
@click.option("--cache/--no-cache", default=True, show_default=True, help="Reuse tasks whose inputs are unchanged.")
def submit(params: Path, photographs: str, experiment: str, name: str | None, cache: bool) -> None:
    """Submit the pipeline to KFP_ENDPOINT (with KFP_NAMESPACE, KFP_TOKEN, KFP_CA) and print the run's page."""
    host = os.environ.get("KFP_ENDPOINT", "").rstrip("/")
    namespace, token, ca = (os.environ.get(f"KFP_{of}") for of in ("NAMESPACE", "TOKEN", "CA"))
    values = arguments(params, photographs)
    name = name or f"swapcore {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    login = {"Authorization": f"Bearer {token}"} if token else {}
    query = {"page_size": "1", "namespace": namespace}
    try:  # kfp.Client would retry for 30 s, print each traceback, and accept a login page as an answer
        url = f"{host}/apis/v2beta1/experiments"
        reply = requests.get(url, query, headers=login, verify=ca or True, timeout=30, allow_redirects=False)
        reply.raise_for_status()
        reply.json()
        client = kfp.Client(host, existing_token=token, ssl_ca_cert=ca, namespace=namespace or "kubeflow")
        choices = {"namespace": namespace, "enable_caching": cache}
        client.create_run_from_pipeline_func(training, values, name, experiment, **choices)
    except (ApiException, HTTPError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise click.ClickException(
            f"KFP_ENDPOINT={host}: {reason}; check it, KFP_TOKEN, KFP_NAMESPACE, KFP_CA"
        ) from None


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=FutureWarning, module="kfp")
    configure_logging()
    with report_errors("python -m pipelines"):
        commands(prog_name="python -m pipelines")
