"""The train stage, with dlib's recognizer and drawn people."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from swapcore.config import Params, TrainParams, read_params
from swapcore.data.artifact import artifact_digest, file_digest, partial_folder, read_card
from swapcore.errors import ArtifactError, InputError, ParamsError
from swapcore.models.artifact import load_generator
from swapcore.stages import train
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, NoTracking
from swapcore.training.checkpoint import FOLDER, fingerprint
from tests.training.conftest import merged
from tests.training.small_groups import write_groups

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
TINY: dict[str, Any] = {
    "initial": None, "size_px": 64, "steps": 10, "batch_size": 2, "precision": "fp32", "device": "cpu", "threads": 1,
    "schedule": {"warmup_steps": 2, "adversarial_start": 0.5}, "checkpoint": {"every": 2},
    "loop": {"log_every": 2, "sample_every": 5, "validation_groups": 1},
    "model": {"kind": "pixels", "compose_scale": 1, "max_flow": 0.04, "width": 8, "num_levels": 1,
              "num_fusion_blocks": 1, "unshuffle": 4, "window": 0.75, "copies_source": True,
              "moves_template": True, "discriminator_width": 8},
}  # fmt: skip
SCRIPT = """
import contextlib, sys
from pathlib import Path
from swapcore.config import TrainParams
from swapcore.stages import train
from swapcore.tracking import NoTracking
train.track = lambda *_, **__: contextlib.nullcontext(NoTracking())
train.run(TrainParams.model_validate_json(Path(sys.argv[1]).read_text()), groups=Path(sys.argv[2]), model=Path(sys.argv[3]))
"""


class Notebook(NoTracking):
    """A tracker that keeps tags, datasets and the names of files."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.datasets: list[tuple[str, str]] = []
        self.files: list[str] = []

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.tags |= tags

    def log_dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        self.datasets.append((name, digest))

    def log_file(self, path: Path, folder: str = "") -> None:
        self.files.append(f"{folder}/{path.name}")


@pytest.fixture(autouse=True, scope="module")
def notebook() -> Iterator[Notebook]:
    """Log the runs of this file to a notebook instead of MLflow."""
    kept = Notebook()

    @contextlib.contextmanager
    def track(name: str, tags: Mapping[str, str], *, resume: str) -> Iterator[Notebook]:
        assert (name, resume) == ("train", "unfinished")
        kept.tags = dict(tags)
        yield kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "track", track)
        yield kept


@pytest.fixture(scope="module")
def pipeline_params() -> Params:
    return read_params(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def tiny(pipeline_params: Params) -> Callable[..., TrainParams]:
    def make(**changes: Any) -> TrainParams:
        return TrainParams.model_validate(merged(pipeline_params.train.model_dump(mode="json"), TINY, changes))

    return make


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory, pipeline_params: Params) -> Path:
    return write_groups(tmp_path_factory.mktemp("data") / "groups", pipeline_params, embedding_size=128)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[..., TrainParams], groups: Path) -> Path:
    model = tmp_path_factory.mktemp("models") / "whole"
    train.run(tiny(), groups=groups, model=model)
    return model


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_model_folder_is_complete_and_has_no_checkpoint(trained: Path) -> None:
    assert set(digests(trained)) == {
        "card.json", "losses.csv", "model.json", "recognizer.json", "weights.safetensors",
        "sheets/step-00000005.png", "sheets/step-00000010.png", "lineage/groups.json",
    }  # fmt: skip
    assert not partial_folder(trained).exists()


def test_the_card_names_params_and_groups(trained: Path, tiny: Callable[..., TrainParams], groups: Path) -> None:
    card = read_card(trained, "model")
    assert TrainParams.model_validate(card.params) == tiny()
    assert card.inputs == {"groups": file_digest(groups / "card.json")}
    assert card.counts["steps"] == 10


def test_the_run_can_be_found_by_its_model_and_its_training(
    tmp_path: Path, tiny: Callable[..., TrainParams], groups: Path, notebook: Notebook
) -> None:
    params = tiny(steps=2, loop={"sample_every": 1})
    train.run(params, groups=groups, model=tmp_path / "model")
    digest = artifact_digest(groups)
    assert notebook.tags == {TRAINING_TAG: fingerprint(params, digest), MODEL_TAG: artifact_digest(tmp_path / "model")}
    assert notebook.datasets[-1] == ("groups", digest)
    assert notebook.files[-3:] == ["sheets/step-00000001.png", "sheets/step-00000002.png", "/losses.csv"]


def test_the_saved_generator_swaps(trained: Path) -> None:
    generator, configuration = load_generator(trained)
    assert configuration.size_px == 64
    description = torch.zeros(1, generator.description.size)
    assert generator(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64), description).image.shape == (1, 3, 64, 64)


def test_the_metrics_are_the_last_row(tmp_path: Path, tiny: Callable[..., TrainParams], groups: Path) -> None:
    metrics = train.run(tiny(steps=2), groups=groups, model=tmp_path / "model")
    header, *rows = (tmp_path / "model" / "losses.csv").read_text().splitlines()
    last = dict(zip(header.split(","), rows[-1].split(","), strict=True))
    assert last.pop("step") == "2"
    assert {name: float(value) for name, value in last.items()} == metrics
    assert {"loss/pixel", "loss/feature", "loss/identity_source", "validation/identity_source"} <= set(metrics)


def test_the_same_run_gives_the_same_bytes(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    train.run(tiny(), groups=groups, model=tmp_path / "again")
    assert digests(tmp_path / "again") == digests(trained)


def test_training_starts_from_a_model(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    params = tiny(steps=1, schedule={"learning_rate": 1e-9})
    train.run(params, groups=groups, initial=trained, model=tmp_path / "continued")
    train.run(params, groups=groups, model=tmp_path / "random")
    first, continued, random_start = (
        load_generator(folder)[0].state_dict() for folder in (trained, tmp_path / "continued", tmp_path / "random")
    )
    assert all(torch.allclose(first[name], continued[name], atol=1e-6) for name in first)
    assert not all(torch.allclose(first[name], random_start[name], atol=1e-3) for name in first)
    inputs = read_card(tmp_path / "continued", "model").inputs
    assert inputs == {"groups": artifact_digest(groups), "initial": artifact_digest(trained)}


def test_an_initial_model_of_another_shape_is_refused(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    wider = tiny(model={"width": 16})
    with pytest.raises(ParamsError, match=r"train\.model: has another shape than .*whole"):
        train.run(wider, groups=groups, initial=trained, model=tmp_path / "model")
    with pytest.raises(InputError, match="no such model"):
        train.run(tiny(), groups=groups, initial=tmp_path / "nothing", model=tmp_path / "model")


def test_a_crop_larger_than_the_groups_is_refused(
    tmp_path: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    with pytest.raises(ParamsError, match=r"train\.size_px: composed at 80 px, more than the groups' 64"):
        train.run(tiny(size_px=80), groups=groups, model=tmp_path / "model")


def test_no_groups(tmp_path: Path, tiny: Callable[..., TrainParams]) -> None:
    with pytest.raises(ArtifactError, match="no finished groups artifact"):
        train.run(tiny(), groups=tmp_path / "nothing", model=tmp_path / "model")


def start(tmp_path: Path, params: TrainParams, groups: Path, model: Path) -> subprocess.Popen[bytes]:
    (tmp_path / "params.json").write_text(json.dumps(params.model_dump(mode="json")))
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "params.json"), str(groups), str(model)],
        env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for_checkpoint(process: subprocess.Popen[bytes], model: Path, number: int) -> None:
    """Wait for the number-th checkpoint, or for the end of the process."""
    wanted = partial_folder(model) / FOLDER / f"step-{2 * number:08d}.pt"
    while process.poll() is None and not wanted.exists():
        time.sleep(0.002)


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again_gives_the_same_bytes(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    model = tmp_path / "killed"
    chance = random.Random(hashlib.sha256(b"moments").digest())
    for number in (1, 2, 4):
        process = start(tmp_path, tiny(), groups, model)
        wait_for_checkpoint(process, model, number)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not model.exists()
    assert start(tmp_path, tiny(), groups, model).wait() == 0
    assert digests(model) == digests(trained)


@pytest.mark.slow
def test_a_checkpoint_of_other_params_is_never_resumed(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path
) -> None:
    """DVC's `exp run` may leave the folder of another experiment behind: it must not be used."""
    model = tmp_path / "model"
    process = start(tmp_path, tiny(schedule={"learning_rate": 0.01}), groups, model)
    wait_for_checkpoint(process, model, 2)
    process.kill()
    process.wait()
    assert (partial_folder(model) / FOLDER).is_dir()
    train.run(tiny(), groups=groups, model=model)
    assert digests(model) == digests(trained)


def test_a_checkpoint_of_other_groups_is_never_resumed(
    tmp_path: Path, trained: Path, tiny: Callable[..., TrainParams], groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    other = tmp_path / "other"
    shutil.copytree(groups, other)
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"rejections": {"unchanged": 1}}))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "write_model", die)
        patch.setattr("swapcore.training.checkpoint.CheckpointStore.remove", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            train.run(tiny(), groups=other, model=model)
    assert (partial_folder(model) / FOLDER).is_dir()
    train.run(tiny(), groups=groups, model=model)
    assert digests(model) == digests(trained)
