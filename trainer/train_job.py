"""Training on one or more nodes by a Kubeflow TrainJob."""

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
MAX_MISSED_POLLS = 24  # consecutive failed polls before a job counts as lost


def run(params: TrainParams, *, job: str, uris: dict[str, str], model: Path) -> dict[str, float]:
    """Train as the stage does, on the nodes of a TrainJob, which read and write s3://; then fetch the model.

    Args:
        params: the section `train`.
        job: the deployment, as YAML (trainer/train_job.yaml).
        uris: port to s3:// URI.
        model: local folder for the trained model.

    Returns:
        The losses of the last logged step.

    Raises:
        TrainingError: a port is not on S3, or the job failed or was lost.
        StorageError: the model cannot be fetched.
    """
    ports = {port: uri.replace("minio://", "s3://", 1) for port, uri in uris.items()}
    if local := [uri for uri in ports.values() if not storage.is_remote(uri)]:
        raise TrainingError(f"{local[0]}: a TrainJob's nodes share S3 only; set KFP's pipeline root to s3://…")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` deletes the job of a terminated run
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
    """Create the TrainJob that a deployment describes, and return its name.

    Args:
        client: of Kubeflow Trainer.
        job: the deployment (trainer/train_job.yaml).
        params: the section `train`.
        ports: port to s3:// URI.
    """
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
    """Print the first node's log until the job is complete."""
    shown = missing = 0
    while missing < MAX_MISSED_POLLS:
        try:
            status, missing = client.get_job(name).status, 0
            for number, line in enumerate(client.get_job_logs(name, follow=status == "Running")):
                if number >= shown:
                    print(line, flush=True)
                    shown = number + 1
            if status == "Complete":
                return status
            if status == "Failed":
                raise TrainingError(f"TrainJob {name} failed; see its log above")
        except (RuntimeError, TimeoutError) as error:
            missing += 1
            print(f"{error}; failed poll {missing} of {MAX_MISSED_POLLS}", flush=True)
        time.sleep(POLL_S)
    raise TrainingError(f"TrainJob {name}: no answer from the cluster; check the job and run the pipeline again")
