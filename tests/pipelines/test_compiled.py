"""The compiled pipeline against training.yaml, Kubeflow's schema and the placement rules."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

from components.run_stage import replaced
from swapcore.config import Params
from swapcore.stages import STAGES

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "pipelines/training.yaml"
Spec = dict[str, Any]


def compiled(to: Path, **environment: str) -> tuple[Spec, Spec]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SWAPCORE_")}
    clean["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    command = [sys.executable, "-m", "pipelines", "compile", "--to", str(to / "training.yaml")]
    subprocess.run(command, env={**clean, **environment}, check=True)
    return documents(to / "training.yaml")


def documents(path: Path) -> tuple[Spec, Spec]:
    spec, platform = yaml.safe_load_all(path.read_text())
    return spec, platform


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def fresh(folder: Path) -> tuple[Spec, Spec]:
    return compiled(folder)


@pytest.fixture(scope="module")
def golden() -> tuple[Spec, Spec]:
    return documents(GOLDEN)


def without_defaults(spec: Spec) -> Spec:
    """Remove the defaults, which are params.yaml's values; only the graph is compared."""
    for parameter in spec["root"]["inputDefinitions"]["parameters"].values():
        parameter.pop("defaultValue", None)
    return spec


def dags(spec: Spec) -> dict[str, Spec]:
    found = {name: component["dag"] for name, component in spec["components"].items() if "dag" in component}
    return {"root": spec["root"]["dag"], **found}


def test_training_yaml_is_up_to_date(fresh: tuple[Spec, Spec], golden: tuple[Spec, Spec]) -> None:
    assert without_defaults(fresh[0]) == without_defaults(golden[0]), "run `python -m pipelines compile`"
    assert fresh[1] == golden[1], "run `python -m pipelines compile`"


def test_the_header_is_deterministic(fresh: tuple[Spec, Spec], folder: Path) -> None:
    golden, compiled_again = (
        path.read_text().partition("components:")[0] for path in (GOLDEN, folder / "training.yaml")
    )
    assert golden == compiled_again


def test_the_defaults_of_training_yaml_are_valid() -> None:
    parameters = documents(GOLDEN)[0]["root"]["inputDefinitions"]["parameters"]
    for stage in STAGES:
        section: Any = Params.model_fields[stage].annotation
        section.model_validate(replaced(parameters[stage]["defaultValue"], "null", None))


def test_kubeflow_can_read_it(golden: tuple[Spec, Spec]) -> None:
    spec = json_format.ParseDict(golden[0], PipelineSpec())
    assert spec.pipeline_info.name == "swapcore-training"
    json_format.ParseDict(golden[1], PlatformSpec())
    executors = golden[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor in executors.values():
        json_format.ParseDict(executor, KubernetesExecutorConfig())
    assert set(executors) <= set(golden[0]["deploymentSpec"]["executors"])


def test_every_reference_in_the_pipeline_exists(golden: tuple[Spec, Spec]) -> None:
    components, executors = golden[0]["components"], golden[0]["deploymentSpec"]["executors"]
    used = set()
    for dag in dags(golden[0]).values():
        for task in dag["tasks"].values():
            used.add(task["componentRef"]["name"])
            assert set(task.get("dependentTasks", [])) <= set(dag["tasks"])
            inputs = task.get("inputs", {})
            for source in [*inputs.get("artifacts", {}).values(), *inputs.get("parameters", {}).values()]:
                for kind in ("taskOutputArtifact", "taskOutputParameter"):
                    if kind in source:
                        assert source[kind]["producerTask"] in dag["tasks"]
    assert used == set(components)
    labels = [component["executorLabel"] for component in components.values() if "dag" not in component]
    assert set(labels) == set(executors)


def executor(golden: tuple[Spec, Spec], name: str) -> tuple[Spec, Spec]:
    label = f"exec-{name}"
    platform = golden[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return golden[0]["deploymentSpec"]["executors"][label]["container"], platform[label]


def stage_executors(golden: tuple[Spec, Spec]) -> list[str]:
    return [label.removeprefix("exec-") for label in golden[0]["deploymentSpec"]["executors"]]


def test_only_training_and_evaluation_request_a_gpu_and_shared_memory(golden: tuple[Spec, Spec]) -> None:
    names = stage_executors(golden)
    assert {"train", "evaluate", "crop", "crop-shard", "register"} <= set(names)
    for name in names:
        container, platform = executor(golden, name)
        wants = name.split("-")[0] in {"train", "evaluate"}
        accelerator = container["resources"].get("accelerator", {})
        assert accelerator.get("resourceType") == ("nvidia.com/gpu" if wants else None)
        assert platform.get("nodeSelector") == ({"labels": {"nvidia.com/gpu.present": "true"}} if wants else None)
        mounts = [(mount["mountPath"], mount["medium"]) for mount in platform.get("emptyDirMounts", [])]
        assert mounts == ([("/dev/shm", "Memory")] if wants else [])
        assert "memoryLimit" in container["resources"]
        assert container["image"].startswith("swapcore-python:")
        assert "pip install" not in " ".join(container["command"])


def test_the_s3_secret_is_optional_and_the_mlflow_secret_required_where_needed(golden: tuple[Spec, Spec]) -> None:
    for name in stage_executors(golden):
        secrets = {
            (secret["secretName"], pair["envVar"]): secret.get("optional", False)
            for secret in executor(golden, name)[1]["secretAsEnv"]
            for pair in secret["keyToEnv"]
        }
        assert secrets["swapcore-s3", "AWS_SECRET_ACCESS_KEY"] is True
        needs_registry = name.split("-")[0] in {"train", "evaluate", "register"}
        assert secrets.get(("swapcore-mlflow", "MLFLOW_TRACKING_URI")) == (False if needs_registry else None)


def test_every_task_is_retried_and_all_but_the_record_are_cached(golden: tuple[Spec, Spec]) -> None:
    components = golden[0]["components"]
    for dag in dags(golden[0]).values():
        for name, task in dag["tasks"].items():
            if "dag" not in components[task["componentRef"]["name"]]:
                assert task["retryPolicy"]["maxRetryCount"] == 2
                assert task["cachingOptions"].get("enableCache", False) == (name != "record-ending")


INSIDE = "comp-exit-handler-1"


def test_a_task_sees_only_its_own_section(golden: tuple[Spec, Spec]) -> None:
    tasks = dags(golden[0])[INSIDE]["tasks"]
    for stage in STAGES[:-1]:  # register: see below
        parameters = tasks[stage]["inputs"]["parameters"]
        assert parameters["params"] == {"componentInputParameter": f"pipelinechannel--{stage}"}
        others = {"synthesize": {"uri", "fingerprint"}, "train": {"job"}}
        assert set(parameters) - {"params"} == others.get(stage, set())
    loop = [name for name, dag in dags(golden[0]).items() if "crop-shard" in dag["tasks"]]
    cut = dags(golden[0])[loop[0]]["tasks"]["crop-shard"]["inputs"]["parameters"]
    assert cut["params"] == {"componentInputParameter": "pipelinechannel--crop"}
    assert set(cut) == {"params", "uri", "shard", "shards"}


def test_images_are_cropped_in_shards_that_are_joined(golden: tuple[Spec, Spec]) -> None:
    tasks = dags(golden[0])[INSIDE]["tasks"]
    (loop,) = [task for task in tasks.values() if "parameterIterator" in task]
    assert json.loads(loop["parameterIterator"]["items"]["raw"]) == [0, 1, 2, 3]
    joined = tasks["crop"]["inputs"]["artifacts"]["parts"]["taskOutputArtifact"]
    assert tasks[joined["producerTask"]] is loop
    assert golden[0]["components"]["comp-crop"]["inputDefinitions"]["artifacts"]["parts"]["isArtifactList"] is True


def test_registration_depends_on_the_bounds(golden: tuple[Spec, Spec]) -> None:
    tasks = dags(golden[0])[INSIDE]["tasks"]
    assert "register" not in tasks
    (condition,) = [task for task in tasks.values() if "triggerPolicy" in task]
    assert "Output'] == true" in condition["triggerPolicy"]["condition"]
    inside = golden[0]["components"][condition["componentRef"]["name"]]["dag"]["tasks"]
    assert list(inside) == ["register"]
    assert list(inside["register"]["inputs"]["parameters"]) == ["params"]


def test_training_with_a_train_job_requests_no_gpu(tmp_path: Path) -> None:
    spec, platform = compiled(tmp_path, SWAPCORE_TRAIN_JOB=str(ROOT / "trainer/train_job.yaml"))
    task = dags(spec)[INSIDE]["tasks"]["train"]
    assert yaml.safe_load(task["inputs"]["parameters"]["job"]["runtimeValue"]["constant"])["nodes"] == 2
    container, placed = executor((spec, platform), "train")
    assert {"name": "SWAPCORE_IMAGE", "value": container["image"]} in container["env"]
    assert "accelerator" not in container["resources"]
    assert "nodeSelector" not in placed


def test_each_round_depends_on_the_gate_of_the_previous_one(tmp_path: Path) -> None:
    spec, _ = compiled(tmp_path, SWAPCORE_ROUNDS="2", SWAPCORE_CHAMPION="s3://box/model")
    json_format.ParseDict(spec, PipelineSpec())
    first = dags(spec)[INSIDE]["tasks"]
    assert first["bring-champion"]["cachingOptions"] == {}
    assert first["bring-champion"]["inputs"]["parameters"]["uri"]["runtimeValue"]["constant"] == "s3://box/model"
    assert first["groups"]["inputs"]["artifacts"]["teacher"]["taskOutputArtifact"]["producerTask"] == "bring-champion"
    (condition,) = [task for task in first.values() if "triggerPolicy" in task]
    second = dags(spec)[condition["componentRef"]["name"]]["tasks"]
    assert {"register", "groups-2", "train-2", "evaluate-3", "good-enough-2"} <= set(second)
    for task, port in (("groups-2", "teacher"), ("train-2", "initial")):
        given = second[task]["inputs"]["artifacts"][port]["componentInputArtifact"]
        assert given == "pipelinechannel--train-model", "the promoted challenger"


def test_a_cluster_without_gpus_and_another_image(tmp_path: Path) -> None:
    spec, platform = compiled(tmp_path, SWAPCORE_GPUS="0", SWAPCORE_IMAGE="registry.example/team/python-swapcore:7")
    text = yaml.safe_dump([spec, platform])
    assert "nvidia" not in text
    images = {item["container"]["image"] for item in spec["deploymentSpec"]["executors"].values()}
    assert images == {"registry.example/team/python-swapcore:7"}
    assert "/dev/shm" in text
