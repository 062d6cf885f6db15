"""The graph in kfp's SubprocessRunner, with stub stages."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from swapcore.config import read_params
from swapcore.data.artifact import content_digest, read_card
from tests.registry.small_reports import make_rows, write_chain, write_figures

ROOT = Path(__file__).parents[2]
Run = Callable[..., SimpleNamespace]


def artifacts(folder: Path) -> dict[str, Path]:
    """Task and output -> path, of the one run below folder."""
    (root,) = (folder / "local_outputs").iterdir()
    return {path.relative_to(root).as_posix(): path for path in root.glob("*/*")}


def succeeded(done: SimpleNamespace) -> list[str]:
    lines = [line for line in done.out.splitlines() + done.error.splitlines() if "finished with status" in line]
    return [line.split("'")[1] for line in lines if "SUCCESS" in line and "Task" in line]


def ending(done: SimpleNamespace) -> dict[str, str]:
    (line,) = [line.strip() for line in done.out.splitlines() if line.strip().startswith('{"state"')]
    return json.loads(line)


def test_a_model_within_the_bounds_is_registered(pipelines: Run, tmp_path: Path) -> None:
    done = pipelines("run", GAIN="0.5", SWAPCORE_CROP_SHARDS="3")
    assert done.code == 0, done.error[-2000:]
    stages = ["synthesize", "crop", "groups", "train", "evaluate", "good-enough", "register", "record-ending"]
    # The log lines of parallel shards can be mixed, so their artifacts are counted instead.
    assert [task for task in succeeded(done) if task != "crop-shard"] == stages
    assert len(list((tmp_path / "local_outputs").glob("*/*/crop-shard/part/card.json"))) == 3
    made = artifacts(tmp_path)
    assert "register/registration" in made
    assert made["evaluate/page"].read_text() == "<h1>report</h1>"
    assert "SUCCEEDED" in made["record-ending/ending"].read_text()
    assert ending(done)["state"] == "SUCCEEDED"


@pytest.mark.parametrize("gain", ["-0.01", "nan"])
def test_a_model_outside_of_the_bounds_is_not_registered(pipelines: Run, tmp_path: Path, gain: str) -> None:
    done = pipelines("run", GAIN=gain)
    assert done.code == 0, done.error[-2000:]
    assert "good-enough" in succeeded(done)
    assert "register" not in succeeded(done)
    assert "register/registration" not in artifacts(tmp_path)
    assert "FAILED: identity/gain" in done.out


@pytest.mark.slow
def test_rounds_end_when_a_challenger_is_not_better(pipelines: Run, tmp_path: Path) -> None:
    """The first challenger is better than the champion, the second is not, so no third is trained."""
    champion = write_chain(tmp_path / "before")
    (champion / "line").write_text("0")
    for number, margin in enumerate([0.25, 0.5, 0.5]):
        (tmp_path / f"reports/{number}").mkdir(parents=True)
        write_figures(tmp_path / f"reports/{number}", make_rows(margin))
    done = pipelines("run", SWAPCORE_ROUNDS="3", SWAPCORE_CHAMPION=str(champion))
    assert done.code == 0, done.error[-2000:]
    tasks = [task.rstrip("-0123456789") for task in succeeded(done)]
    counts = {name: tasks.count(name) for name in ("bring-champion", "groups", "train", "evaluate", "register")}
    assert counts == {"bring-champion": 1, "groups": 2, "train": 2, "evaluate": 3, "register": 1}
    assert "FAILED: identity/margin must be better" in done.out
    models = sorted((tmp_path / "local_outputs").glob("*/**/model/line"))
    assert sorted(path.read_text() for path in models) == ["0", "1", "2"]
    by_line = {
        path.read_text(): read_card(path.parent, "model") for path in models if path.parts[-3] != "bring-champion"
    }
    # Each starts from the weights of the previous model, which is also its teacher.
    assert by_line["1"].inputs["initial"] == content_digest(champion)
    assert set(by_line["2"].inputs) == {"groups", "initial"}


@pytest.mark.slow
def test_bounds_are_read_from_the_params(pipelines: Run, tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["register"]["bounds"] = {"identity/gain": [None, 0.4]}
    (tmp_path / "strict.yaml").write_text(yaml.safe_dump(params))
    assert "register" not in succeeded(pipelines("run", "--params", "strict.yaml", GAIN="0.5"))
    params["register"]["bounds"] = {"identity/gian": [0.0, None]}
    (tmp_path / "typo.yaml").write_text(yaml.safe_dump(params))
    done = pipelines("run", "--params", "typo.yaml", "--root", "other")
    assert done.code != 0
    assert "register.bounds: unknown metric identity/gian; use one of the report's: identity/gain" in done.out


@pytest.mark.slow
def test_the_users_images_replace_synthetic_people(pipelines: Run, tmp_path: Path) -> None:
    (tmp_path / "people/ann").mkdir(parents=True)
    for name in ("1.png", "2.png"):
        (tmp_path / "people/ann" / name).write_bytes(b"picture")
    (tmp_path / "people/list.csv").write_text("file,identity\nann/1.png,ann\n")
    done = pipelines("run", "--photographs", "people/list.csv")
    assert done.code == 0, done.error[-2000:]
    photographs = artifacts(tmp_path)["synthesize/photographs"]
    assert {path.name for path in photographs.rglob("*") if path.is_file()} == {"1.png", "photographs.csv"}
    assert (photographs / "ann/1.png").read_bytes() == b"picture"


def test_a_failure_is_one_line_and_is_recorded(pipelines: Run, tmp_path: Path) -> None:
    done = pipelines("run", FAIL="groups")
    assert done.code == 1
    assert "swapcore: data: the stub stage failed on request" in done.out
    assert "Traceback" not in done.out + done.error
    assert done.error.strip().splitlines()[-1].startswith("Error: the run failed: ")
    assert "train" not in succeeded(done)
    assert ending(done)["state"] == "FAILED"


def test_missing_photographs_are_one_line(pipelines: Run) -> None:
    done = pipelines("run", "--photographs", "missing")
    assert done.code == 1
    assert "missing" in done.out
    assert "Traceback" not in done.out + done.error


def test_invalid_params_are_one_line(pipelines: Run, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("crop: 1\n")
    done = pipelines("run", "--params", "wrong.yaml")
    assert done.code == 2
    assert done.error.startswith("python -m pipelines: wrong.yaml: ")
    assert done.error.count("\n") == 1


@pytest.mark.slow
def test_a_run_makes_the_same_bytes_as_direct_calls(pipelines: Run, tmp_path: Path) -> None:
    """None, integers that KFP converts to floats, and ports arrive unchanged."""
    assert pipelines("run").code == 0
    params, hand = read_params(ROOT / "params.yaml"), tmp_path / "hand"
    ports = {
        "synthesize": ["photographs"],
        "crop": ["photographs", "faces"],
        "groups": ["faces", "groups"],
        "train": ["groups", "model"],
        "evaluate": ["faces", "model", "report"],
        "register": ["model", "report", "registration"],
    }
    for stage, names in ports.items():
        spec = importlib.util.spec_from_file_location(f"stub_{stage}", tmp_path / "stages" / f"{stage}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.run(getattr(params, stage), **{name: hand / name for name in names})
        for file in ("made", "card.json"):
            by_kfp = artifacts(tmp_path)[f"{stage}/{names[-1]}"] / file
            assert by_kfp.read_bytes() == (hand / names[-1] / file).read_bytes()
