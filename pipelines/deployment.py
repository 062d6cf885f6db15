"""Placement of tasks on a cluster, set by environment variables at compile time."""

import os
from pathlib import Path
from typing import Any

from kfp import kubernetes
from kfp.dsl import PipelineTask

from components.stages import IMAGE

GPUS = int(os.environ.get("SWAPCORE_GPUS", "1"))  # per training and evaluation task; 0 = no GPU
GPU_NODES = os.environ.get("SWAPCORE_GPU_NODES", "nvidia.com/gpu.present=true")  # the label that NVIDIA's operator sets
SHARED_MEMORY = os.environ.get("SWAPCORE_SHARED_MEMORY", "8Gi")
CROP_SHARDS = int(os.environ.get("SWAPCORE_CROP_SHARDS", "4"))  # parallel crop tasks
NUM_ROUNDS = int(os.environ.get("SWAPCORE_ROUNDS", "0"))  # maximum number of self-training rounds; 0 = one training
CHAMPION = os.environ.get("SWAPCORE_CHAMPION", "models/swap")  # the rounds' first teacher
_job = os.environ.get(
    "SWAPCORE_TRAIN_JOB"
)  # path of a file like trainer/train_job.yaml; unset = training in its own task
TRAIN_JOB = Path(_job).read_text(encoding="utf-8") if _job else ""
TRAIN_NEEDS = {"cpu": "1", "memory": "4Gi"} if _job else {"cpu": "4", "memory": "32Gi", "gpu": True, "mlflow": True}
S3 = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")
MLFLOW_LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def task(
    component: Any, cpu: str, memory: str, *, gpu: bool = False, mlflow: bool = False, **arguments: Any
) -> PipelineTask:
    """Make a task of a component, with retries, secrets and resources.

    Args:
        component: the KFP component.
        cpu: requested cores.
        memory: requested and maximum memory.
        gpu: whether it needs a GPU and shared memory.
        mlflow: whether it needs the tracking server's secret.
        **arguments: the component's arguments; None is left out.
    """
    made: PipelineTask = component(**{name: value for name, value in arguments.items() if value is not None})
    made.set_env_variable("SWAPCORE_IMAGE", IMAGE)  # stored with the registered version, and used by a TrainJob's nodes
    made.set_retry(2, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s")
    made.set_cpu_request(cpu).set_memory_request(memory).set_memory_limit(memory)
    # Optional: a task that needs S3 then fails with one line, where a required secret would leave its pod pending.
    kubernetes.use_secret_as_env(made, "swapcore-s3", {name: name for name in S3}, optional=True)
    if mlflow:  # required: without the server's address the model would be lost with the pod
        kubernetes.use_secret_as_env(made, "swapcore-mlflow", {"MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI"})
        kubernetes.use_secret_as_env(made, "swapcore-mlflow", {name: name for name in MLFLOW_LOGIN}, optional=True)
    if gpu and GPUS:
        made.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(GPUS)
        kubernetes.add_node_selector(made, *GPU_NODES.split("=", 1))
        kubernetes.add_toleration(made, key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")
    if gpu:  # data loaders pass batches through /dev/shm, of which a container has 64 MB
        kubernetes.empty_dir_mount(made, "shared-memory", "/dev/shm", medium="Memory", size_limit=SHARED_MEMORY)
    return made
