"""`python -m pipelines compile | run | submit`: the pipeline as a file, on this machine, or on Kubeflow Pipelines."""

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
from swapcore.cli.main import report_errors

params_option = click.option("--params", default=PARAMS, help="default: params.yaml", type=Path)
photographs_option = click.option("--photographs", default="", help="folder or CSV, here or on s3://; none = synthetic")


def arguments(params: Path, photographs: str) -> dict[str, Any]:
    """The pipeline's arguments; changed photographs, or a folder that cannot be looked into, are brought anew."""
    fingerprint = photographs and datetime.now(UTC).isoformat()
    if storage.is_remote(photographs):
        fingerprint = storage.fingerprint(photographs)
    return {"photographs": photographs, "fingerprint": fingerprint, **sections(params)}


@click.group()
def commands() -> None:
    """Train, judge and register a model by Kubeflow Pipelines."""


@commands.command("compile")
@click.option(
    "--to", default=Path(__file__).with_name("training.yaml"), help="default: pipelines/training.yaml", type=Path
)
def compile_(to: Path) -> None:
    """Write the pipeline as YAML, with the defaults of params.yaml."""
    compiler.Compiler().compile(training, str(to))
    lines = to.read_text(encoding="utf-8").splitlines(keepends=True)
    # kfp heads the file with the defaults again, in an order that changes from run to run.
    to.write_text("".join(line for line in lines if not line.startswith("#    ")), encoding="utf-8")


@commands.command()
@params_option
@photographs_option
@click.option("--root", default=Path("local_outputs"), show_default=True, type=Path, help="where the artifacts go")
def run(params: Path, photographs: str, root: Path) -> None:
    """Run the pipeline here, each task in a process of its own, without Docker."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PARAMS.parent), os.environ.get("PYTHONPATH")]))
    if photographs and not storage.is_remote(photographs):
        photographs = str(Path(photographs).resolve())
    for component in training.pipeline_spec.components.values():
        for task in component.dag.tasks.values():
            task.ClearField("retry_policy")  # its waiting is for clusters
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    try:
        training(**arguments(params, photographs))
    except RuntimeError as error:  # kfp has printed the task's log, with the reason, above
        raise click.ClickException(f"the run failed: {error}") from None


@commands.command()
@params_option
@photographs_option
@click.option("--experiment", default="swapcore", show_default=True)
@click.option("--name", help="the run's; default: swapcore and the time")
@click.option("--cache/--no-cache", default=True, show_default=True, help="reuse the tasks whose inputs are the same")
def submit(params: Path, photographs: str, experiment: str, name: str | None, cache: bool) -> None:
    """Start the pipeline at KFP_ENDPOINT (KFP_NAMESPACE, KFP_TOKEN, KFP_CA); kfp prints the run's page."""
    host = os.environ.get("KFP_ENDPOINT", "").rstrip("/")
    namespace, token, ca = (os.environ.get(f"KFP_{of}") for of in ("NAMESPACE", "TOKEN", "CA"))
    values = arguments(params, photographs)
    name = name or f"swapcore {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    login = {"Authorization": f"Bearer {token}"} if token else {}
    asked = {"page_size": "1", "namespace": namespace}
    try:  # kfp.Client would try for half a minute and print every traceback; a login page it would take for an answer
        url = f"{host}/apis/v2beta1/experiments"
        reply = requests.get(url, asked, headers=login, verify=ca or True, timeout=30, allow_redirects=False)
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
    with report_errors("python -m pipelines"):
        commands(prog_name="python -m pipelines")
