"""Tracked runs are complete in MLflow: default store, killed process, unavailable server."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.config import read_params
from swapcore.ops.image import decode
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, NoTracking, Tracker, track, uploader, warn_if_uncommitted
from swapcore.tracking.runs import flatten
from swapcore.tracking.spool import ROOT, Spool
from swapcore.tracking.store import tracking_uri

PARAMS = Path(__file__).parents[2] / "params.yaml"


def client(uri: str = "") -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=uri or tracking_uri())


def runs(uri: str = "", tags: str = "") -> list:
    experiment = client(uri).get_experiment_by_name("swapcore")
    return client(uri).search_runs([experiment.experiment_id], tags) if experiment else []


def spooled() -> list[Path]:
    return sorted(ROOT.glob("*-*"))


def test_all_logged_values_are_uploaded(workspace):
    section = read_params(PARAMS).train
    picture = np.full((8, 8, 3), 200, np.uint8)
    (workspace / "kept").mkdir()
    (workspace / "kept" / "one.txt").write_text("1")
    with track("train", {TRAINING_TAG: "t1"}, resume="no") as tracker:
        tracker.log_params("train", section)
        for step in range(1500):
            tracker.log_metrics({"loss/total": 1.0 / (step + 1), "loss/identity": float("nan")}, step)
        tracker.set_tags({MODEL_TAG: "m1"})
        tracker.log_text("card.md", "# Card")
        tracker.log_image("sheets/000200.png", picture)
        tracker.log_file(workspace / "kept", "data")
        tracker.log_file(workspace / "kept" / "one.txt")
        (workspace / "kept" / "one.txt").write_text("changed afterwards")
        tracker.log_dataset("groups", workspace / "groups", "f" * 64, "training")
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train"
    assert run.data.params == dict(flatten(section.model_dump(mode="json"), "train"))
    assert run.data.params["train.model.width"] == str(section.model.width)
    history = client().get_metric_history(run.info.run_id, "loss/total")
    assert sorted((m.step, m.value) for m in history) == [(step, 1.0 / (step + 1)) for step in range(1500)]
    assert np.isnan(run.data.metrics["loss/identity"])
    assert {MODEL_TAG: "m1", TRAINING_TAG: "t1", "swapcore.stage": "train"}.items() <= run.data.tags.items()
    folder = Path(client().download_artifacts(run.info.run_id, ""))
    assert (folder / "card.md").read_text() == "# Card"
    assert np.array_equal(decode((folder / "sheets/000200.png").read_bytes()), picture)
    assert (folder / "data/kept/one.txt").read_text() == (folder / "one.txt").read_text() == "1"
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("groups", "f" * 36)
    assert json.loads(dataset.dataset.profile) == {"sha256": "f" * 64}
    assert dataset.tags[0].value == "training"
    assert spooled() == []


def test_failed_run_has_status_failed(workspace):
    with pytest.raises(ZeroDivisionError), track("train", {}, resume="no"):
        raise ZeroDivisionError
    assert runs()[0].info.status == "FAILED"


def test_resume_selects_the_run(workspace):
    def once(tags, resume, fail=False):
        try:
            with track("train", tags, resume=resume) as tracker:
                tracker.log_metrics({"seen": 1}, 0)
                if fail:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    tags = {TRAINING_TAG: "a"}
    once(tags, "unfinished", fail=True)
    once(tags, "unfinished")  # continues the failed run
    assert [run.info.status for run in runs()] == ["FINISHED"]
    ended = runs()[0].info.end_time
    once(tags, "any")  # extends it and keeps its end time
    assert [run.info.end_time for run in runs()] == [ended]
    once(tags, "unfinished")  # a finished run is not continued
    once({TRAINING_TAG: "b"}, "any")
    once({TRAINING_TAG: "b"}, "no")
    assert len(runs()) == 4
    assert len(runs(tags=f"tags.`{TRAINING_TAG}` = 'b'")) == 2


def test_concurrent_sessions_are_independent(workspace):
    with track("train", {}, resume="no") as first, track("evaluate", {}, resume="no") as second:
        first.log_metrics({"a": 1}, 0)
        second.log_metrics({"b": 2}, 0)
    assert sorted(tuple(run.data.metrics.items()) for run in runs()) == [(("a", 1.0),), (("b", 2.0),)]


def test_events_of_a_killed_process_are_uploaded_at_the_next_start(workspace):
    program = """
        import os, signal, sys
        from swapcore.tracking import uploader, track
        uploader.upload_events = lambda client, spool: None  # killed before the first upload
        with track("train", {"swapcore.training": "x"}, resume="no") as tracker:
            for step in range(10):
                tracker.log_metrics({"loss": step}, step)
            tracker.log_text("note.txt", "from a killed process")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=120)
    assert done.returncode == -signal.SIGKILL
    (folder,) = spooled()
    with (folder / "events.jsonl").open("a") as stream:
        stream.write('{"do": "metrics", "val')  # an incomplete last line
    assert runs() == []
    with track("train", {TRAINING_TAG: "x"}, resume="unfinished") as tracker:
        tracker.log_metrics({"loss": 10}, 10)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert [m.value for m in client().get_metric_history(run.info.run_id, "loss")] == list(range(11))
    assert [file.path for file in client().list_artifacts(run.info.run_id)] == ["note.txt"]
    assert spooled() == []


@pytest.mark.slow
def test_server_killed_during_training_loses_no_events(workspace, server, monkeypatch, caplog):
    monkeypatch.setattr(uploader, "INTERVAL_S", 0.2)
    monkeypatch.setattr(uploader, "RETRY_S", 0.5)
    real = server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", real.uri)
    real.start()
    with track("train", {TRAINING_TAG: "s"}, resume="unfinished") as tracker:
        tracker.log_metrics({"loss": 0}, 0)
        tracker.log_text("before.txt", "before")
        wait_for(lambda: runs(real.uri) and "loss" in runs(real.uri)[0].data.metrics)
        real.kill()
        began = time.monotonic()
        for step in range(1, 101):
            tracker.log_metrics({"loss": step}, step)
        tracker.log_text("during.txt", "during")
        assert time.monotonic() - began < 1  # a dead server does not delay the training
        wait_for(lambda: "the run continues" in caplog.text)
    assert len(spooled()) == 1
    assert caplog.text.count("tracking server http://127.0.0.1") == 1
    real.start()
    with track("train", {TRAINING_TAG: "s"}, resume="unfinished") as tracker:
        tracker.log_metrics({"loss": 101}, 101)
    uploaded = runs(real.uri)
    whole = uploaded[-1]  # the first run was finished, so the second session has its own
    history = client(real.uri).get_metric_history(whole.info.run_id, "loss")
    assert sorted(m.step for m in history) == list(range(101))
    assert whole.info.status == "FINISHED"
    assert {f.path for f in client(real.uri).list_artifacts(whole.info.run_id)} == {"before.txt", "during.txt"}
    assert uploaded[0].data.metrics == {"loss": 101}
    assert spooled() == []


@pytest.mark.slow
def test_server_down_at_the_start_gets_the_events_later(workspace, server, monkeypatch, caplog, capfd):
    real = server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", real.uri.replace("//", "//user:secret@"))
    with track("train", {}, resume="no") as tracker:
        tracker.log_metrics({"loss": 3}, 0)
    assert len(spooled()) == 1
    assert "secret" not in caplog.text + capfd.readouterr().out
    assert "secret" not in (spooled()[0] / "events.jsonl").read_text()
    real.start()
    with track("evaluate", {}, resume="no"):
        pass
    assert [run.data.metrics for run in runs(real.uri) if run.info.run_name == "train"] == [{"loss": 3}]
    assert "secret" not in "".join(capfd.readouterr())


def test_unresponsive_server_only_delays_the_end(workspace, monkeypatch, caplog):
    """The server accepts connections and never responds."""
    import socket

    monkeypatch.setattr(uploader, "END_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with track("train", {}, resume="no") as tracker:
            for step in range(200):
                tracker.log_metrics({"loss": step}, step)
        assert time.monotonic() - began < 10
        assert "no response for 0 s" in caplog.text
        assert len(spooled()) == 1


def test_events_for_another_server_are_kept(workspace, monkeypatch):
    spool = Spool.create(ROOT)
    spool.append({"do": "start", "name": "train", "store": "0" * 64})
    spool.close()
    with track("train", {}, resume="no"):
        pass
    assert spooled() == [spool.folder]


def test_rejected_events_are_logged_and_the_rest_is_uploaded(workspace, caplog):
    with track("train", {}, resume="no") as tracker:
        tracker.log_metrics({"a name with a † in it": 1}, 0)
        tracker.set_tags({"good": "yes"})
        tracker.log_metrics({"loss": 2}, 1)
    (run,) = runs()
    assert run.data.tags["good"] == "yes"
    assert "tracking server rejected metrics" in caplog.text
    assert spooled() == []


def test_disk_errors_do_not_stop_the_run(workspace, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", full)
    with track("train", {}, resume="no") as tracker:
        tracker.log_metrics({"loss": 1}, 0)
        tracker.log_text("a.txt", "a")
    monkeypatch.setattr(Spool, "create", full)
    with track("train", {}, resume="no") as tracker:
        assert isinstance(tracker, NoTracking)
    assert "No space left on device; the run continues with an incomplete log" in caplog.text
    assert "No space left on device; the run continues untracked" in caplog.text


def test_no_tracking_has_all_methods_of_tracker():
    methods = [name for name in vars(Tracker) if name.startswith(("log_", "set_"))]
    assert len(methods) == 7
    assert all(callable(getattr(NoTracking(), name)) for name in methods)


def test_commit_of_the_working_directory_is_recorded(workspace, caplog):
    git = {
        **os.environ,
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@e",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@e",
    }
    (workspace / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], check=True, env=git)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    for content, dirty in (("1", "false"), ("2", "true")):
        (workspace / "file").write_text(content)
        with track("train", {"content": content}, resume="no"):
            warn_if_uncommitted("train")
        (run,) = runs(tags=f"tags.content = '{content}'")
        assert run.data.tags["mlflow.source.git.commit"] == head
        assert run.data.tags["swapcore.git_dirty"] == dirty
        assert ("register will refuse the model" in caplog.text) == (dirty == "true")


@given(
    st.recursive(
        st.integers(), lambda inner: st.dictionaries(st.text("abc", min_size=1), inner, max_size=3), max_leaves=12
    )
)
def test_flatten_returns_every_leaf_once(tree):
    def count(node):
        return sum(map(count, node.values())) if isinstance(node, dict) else 1

    leaves = flatten(tree, "root")
    assert len(leaves) == len(dict(leaves)) == count(tree)
    assert all(name.startswith("root") for name, _ in leaves)


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
