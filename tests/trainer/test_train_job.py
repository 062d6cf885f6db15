"""Training by a TrainJob, against local stubs of Kubernetes and S3."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob

from swapcore.config import TrainParams, section_of
from swapcore.errors import TrainingError
from swapcore.storage import upload
from trainer import train_job

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("train_job.golden.yaml")
JOB = (ROOT / "trainer/train_job.yaml").read_text()
PARAMS: TrainParams = section_of("train", yaml.safe_load((ROOT / "params.yaml").read_text())["train"])
LOG = ["step 20: loss/total 1.5", "step 40: loss/total 1.25"]


@pytest.fixture(autouse=True)
def _fast_polling(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(train_job, "POLL_S", 0.01)
    monkeypatch.setenv("SWAPCORE_IMAGE", "team/python-swapcore:1")
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def train(bucket: str, folder: Path, **uris: str) -> dict[str, float]:
    ports = {"groups": "minio://box/groups", "model": f"{bucket}/model", **uris}
    return train_job.run(PARAMS, job=JOB, uris=ports, model=folder / "model")


def trained(bucket: str, folder: Path) -> None:
    """Upload what the first rank writes."""
    (folder / "made").mkdir()
    (folder / "made/card.json").write_text("{}")
    (folder / "made/losses.csv").write_text("step,loss/feature,loss/total\n20,,1.5\n40,,1.25\n")
    upload(folder / "made", f"{bucket}/model")


def test_the_job_is_followed_and_the_model_fetched(cluster: Any, bucket: str, tmp_path: Path, capsys: Any) -> None:
    cluster.log = LOG
    trained(bucket, tmp_path)
    assert train(bucket, tmp_path) == {"loss/total": 1.25}
    assert (tmp_path / "model/losses.csv").is_file()
    assert cluster.deleted == []
    assert capsys.readouterr().out.splitlines()[1:] == LOG


def test_the_job_matches_the_golden_file_and_the_schema(cluster: Any, bucket: str, tmp_path: Path) -> None:
    trained(bucket, tmp_path)
    train(bucket, tmp_path, initial="s3://box/older")
    body = cluster.job
    assert TrainerV1alpha1TrainJob.from_dict(body).to_dict() == body, "a field that the resource does not have"
    (params,) = [env for env in body["spec"]["trainer"]["env"] if env["name"] == "SWAPCORE_PARAMS"]
    assert section_of("train", yaml.safe_load(params["value"])["train"]) == PARAMS
    params["value"] = "…"  # params.yaml may change, the rest of the job may not
    body["metadata"]["name"] = "name"
    assert body == yaml.safe_load(GOLDEN.read_text())


def test_a_failed_job_fails_the_task_and_is_deleted(cluster: Any, bucket: str, tmp_path: Path, capsys: Any) -> None:
    cluster.states, cluster.log = ["Running", "Failed"], [*LOG, "swapcore: loss/total is not finite"]
    with pytest.raises(TrainingError, match=r"TrainJob \w+ failed; see its log above"):
        train(bucket, tmp_path)
    assert capsys.readouterr().out.splitlines()[1:] == cluster.log
    assert cluster.deleted == [cluster.job["metadata"]["name"]]
    assert not (tmp_path / "model").exists()


def test_a_broken_log_stream_is_resumed(cluster: Any, bucket: str, tmp_path: Path, capsys: Any) -> None:
    cluster.states, cluster.log, cluster.cut_after = ["Running", "Complete"], LOG, 1
    trained(bucket, tmp_path)
    train(bucket, tmp_path)
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line in LOG] == LOG


def test_a_temporarily_unreachable_cluster_is_polled_again(
    cluster: Any, bucket: str, tmp_path: Path, capsys: Any
) -> None:
    cluster.states, cluster.log = ["Running", *["500"] * 5, "Running", "500", "Complete"], LOG
    trained(bucket, tmp_path)
    assert train(bucket, tmp_path) == {"loss/total": 1.25}
    assert "failed poll 5 of" in capsys.readouterr().out


def test_a_lost_job_fails_the_task(cluster: Any, bucket: str, tmp_path: Path) -> None:
    cluster.states = ["Running", "404"]
    with pytest.raises(TrainingError, match="no answer from the cluster"):
        train(bucket, tmp_path)


def test_sigterm_deletes_the_job(cluster: Any, bucket: str, tmp_path: Path) -> None:
    cluster.states, cluster.log = ["Running"], LOG
    cluster.on_follow = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit) as ending:
        train(bucket, tmp_path)
    assert ending.value.code == 143
    assert cluster.deleted == [cluster.job["metadata"]["name"]]


def test_ports_outside_of_s3_are_refused(cluster: Any, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gs://box/groups: a TrainJob's nodes share S3 only"):
        train(bucket, tmp_path, groups="gs://box/groups")
    assert cluster.job is None


def test_the_start_script_reads_secrets_and_params(tmp_path: Path) -> None:
    for name, value in {"s3/AWS_ACCESS_KEY_ID": "k e y", "mlflow/MLFLOW_TRACKING_URI": "http://mlflow"}.items():
        (tmp_path / "secrets" / name).parent.mkdir(parents=True)
        (tmp_path / "secrets" / name).write_text(value)
    torchrun = tmp_path / "torchrun"
    torchrun.write_text('#!/bin/sh\nprintf "%s|" "$AWS_ACCESS_KEY_ID" "$MLFLOW_TRACKING_URI" "$@"; cat params.json\n')
    torchrun.chmod(0o755)
    script = (
        yaml.safe_load(JOB)["start"].replace("/secrets", f"{tmp_path}/secrets").replace("cd /tmp", f"cd {tmp_path}")
    )
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SWAPCORE_PARAMS": '{"train": "%s"}'}
    done = subprocess.run(
        ["sh", "-euc", script, "start", "--module", "swapcore"], env=env, capture_output=True, check=True
    )
    assert done.stdout.decode() == 'k e y|http://mlflow|--module|swapcore|{"train": "%s"}'
