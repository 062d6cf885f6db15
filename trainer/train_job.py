"""Training handed to Kubeflow Trainer: a TrainJob on one or more nodes, watched until it ends; the task ends as it does."""

import csv
import json
import os
import signal
import sys
import time
from pathlib import Path

import yaml
from kubeflow.trainer import CustomTrainerContainer, TrainerClient
from kubeflow.trainer.options import RuntimePatch, TrainerArgs, TrainerCommand

from swapcore import storage
from swapcore.config import TrainParams
from swapcore.errors import TrainingError

POLL_S = 5
PATIENCE = 24  # questions about a job that may go unanswered, one after the other, before it counts as lost


def run(params: TrainParams, *, job: str, uris: dict[str, str], model: Path) -> dict[str, float]:
    """Train as the stage does, from and to s3://, where the nodes of a TrainJob reach the ports; then fetch the model."""
    ports = {port: uri.replace("minio://", "s3://", 1) for port, uri in uris.items()}
    if elsewhere := [uri for uri in ports.values() if not storage.is_remote(uri)]:
        raise TrainingError(f"{elsewhere[0]}: a TrainJob's nodes share S3 only; set KFP's pipeline root to s3://…")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a terminated run takes its job along, below
    client, status = TrainerClient(), ""
    name = start(client, yaml.safe_load(job), params, ports)
    try:
        status = follow(client, name)
    finally:
        if status != "Complete":
            client.delete_job(name)
    storage.fetch(ports["model"], model)
    with (model / "losses.csv").open(encoding="utf-8") as stream:
        *_, last = csv.DictReader(stream)
    return {term: float(value) for term, value in last.items() if value and term != "step"}


def start(client: TrainerClient, job: dict, params: TrainParams, ports: dict[str, str]) -> str:
    """Make the TrainJob that a deployment describes (trainer/train_job.yaml); its name."""
    env = {**job["env"], "SWAPCORE_PARAMS": json.dumps({"train": params.model_dump(mode="json")})}
    resources = {name: str(amount) for name, amount in job["resources"].items()}
    container = CustomTrainerContainer(os.environ["SWAPCORE_IMAGE"], job["nodes"], resources, env)
    processes = str(job["processes_per_node"])
    command = ["--nproc-per-node", processes, "--module", "swapcore", "train", "--params", "params.json"]
    node = {"name": "node", "template": {"spec": {"template": {"spec": job["pod"]}}}}
    options = [
        TrainerCommand(["sh", "-euc", job["start"], "start"]),
        TrainerArgs([*command, *(word for port, uri in ports.items() for word in (f"--{port}", uri))]),
        RuntimePatch({"template": {"spec": {"replicatedJobs": [node]}}}),
    ]
    name = client.train(job["runtime"], trainer=container, options=options)
    print(f"TrainJob {name}: {job['nodes']} nodes, {processes} processes each", flush=True)
    return name


def follow(client: TrainerClient, name: str) -> str:
    """Print the first node's log as it grows, until the job is complete."""
    shown = missing = 0
    while missing < PATIENCE:
        try:
            status, missing = client.get_job(name).status, 0
            for number, line in enumerate(client.get_job_logs(name, follow=status == "Running")):
                if number >= shown:
                    print(line, flush=True)
                    shown = number + 1
            if status == "Complete":
                return status
            if status == "Failed":
                raise TrainingError(f"TrainJob {name} failed; its log stands above")
        except (RuntimeError, TimeoutError) as error:
            missing += 1
            print(f"{error}; asked {missing} of {PATIENCE} times", flush=True)
        time.sleep(POLL_S)
    raise TrainingError(f"TrainJob {name}: the cluster does not answer for it any more")
