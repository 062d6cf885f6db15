"""Rounds on drawn people with tiny models: the real stages and the real gate, none of the quality."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from swapcore.cli.main import commands
from swapcore.config import FakeChecks, Params, read_params
from swapcore.data.artifact import artifact_digest, read_card, write_card
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.errors import ArtifactError, InputError, ParamsError
from swapcore.rounds import DECISION, Round, run_rounds
from swapcore.stages import evaluate, groups, train
from swapcore.tracking import NoTracking
from tests.card_facts import model_facts
from tests.drawn_faces import Look, write_faces
from tests.inference.small_model import SIZE_PX, TINY, write_model

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
LOOKS = [
    *[Look(person, picture, "train") for person in range(4) for picture in range(2)],
    *[Look(person, picture, "test") for person in range(4, 10) for picture in range(2)],
]


def small(**gate: Any) -> Params:
    """Everything small; the gate asks for one figure that every bit of training mends: noise outside the face."""
    document = read_params(ROOT / "params.yaml").model_dump(mode="json")
    anything = FakeChecks(min_changed_inside=0, max_changed_outside=255, min_identity_gain=-2).model_dump()
    document["groups"] |= {"size_px": 64, "references_per_label": 1, "sources_per_template": 1, "checks": anything}
    document["groups"]["workers"] = 1
    document["train"] |= {
        "initial": None,
        "size_px": 64,
        "steps": 25,
        "batch_size": 4,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    document["train"]["schedule"] |= {"warmup_steps": 0, "learning_rate": 0.01}
    document["train"]["loop"] |= {"log_every": 5, "sample_every": 25, "validation_groups": 1}
    document["train"]["checkpoint"] |= {"every": 5}
    document["train"]["model"] |= TINY
    document["train"]["weights"] |= {"feature": 0.0, "adversarial": 0.0}
    document["evaluate"] |= {"pairs_per_template": 1, "bootstrap_samples": 100, "sheet_rows": 2, "device": "cpu"}
    rule: dict[str, Any] = {"better": ["outside/l1"], "not_worse": {}, "slice_tolerance": 100.0}
    document["register"]["gate"] = rule | gate
    return Params.model_validate(document)


@pytest.fixture(scope="module", autouse=True)
def _nothing_tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The real tracker has tests of its own."""

    @contextlib.contextmanager
    def track(*_: object, **__: object) -> Iterator[NoTracking]:
        yield NoTracking()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("working"))
        patch.setattr(train, "track", track)
        patch.setattr(evaluate, "track", track)
        torch.set_num_threads(1)
        yield


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("drawn") / "faces", LOOKS, small())


@pytest.fixture(scope="module")
def first(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first champion, an untrained model."""
    folder = write_model(tmp_path_factory.mktemp("models") / "first", read_recognizer_file(faces).network)
    (folder / "losses.csv").write_text("step,loss/total\n1,2.5\n2,2.0\n")
    facts = model_facts(SIZE_PX, inputs={}, params={})
    write_card(folder, "model", small().train, inputs={}, counts={}, facts=facts)
    return folder


@pytest.fixture(scope="module")
def played(faces: Path, first: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Round]]:
    folder = tmp_path_factory.mktemp("series") / "rounds"
    return folder, list(run_rounds(2, small(), faces=faces, champion=first, folder=folder))


def test_each_round_is_taught_by_the_last_champion_and_starts_from_it(
    played: tuple[Path, list[Round]], faces: Path, first: Path
) -> None:
    folder, rounds = played
    assert rounds[0].improved, rounds[0].decision
    champions = [first, folder / "01" / "model"]
    for number, champion in enumerate(champions[: len(rounds)], 1):
        place, digest = folder / f"{number:02d}", artifact_digest(champion)
        made = read_card(place / "groups", "groups")
        assert made.inputs == {"faces": artifact_digest(faces), "teacher": digest}
        assert made.facts["teacher"] == {"name": "registered", "version": digest}
        assert read_card(place / "model", "model").inputs == {
            "groups": artifact_digest(place / "groups"),
            "initial": digest,
        }
        evaluated = read_card(place / "report", "report").inputs
        assert evaluated == {"faces": artifact_digest(faces), "model": artifact_digest(place / "model")}
    assert json.loads((folder / "01" / DECISION).read_text()) == json.loads(json.dumps(rounds[0].decision.document()))
    assert rounds[0].champion == folder / "01" / "model"


def test_played_again_nothing_is_made_again(
    played: tuple[Path, list[Round]], faces: Path, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rounds = played

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a stage ran")

    for stage in (groups, train, evaluate):
        monkeypatch.setattr(stage, "run", never)
    assert list(run_rounds(2, small(), faces=faces, champion=first, folder=folder)) == rounds


def test_killed_in_the_middle_it_goes_on_there(
    played: tuple[Path, list[Round]], faces: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = played
    folder, run_stage, seen = tmp_path / "rounds", evaluate.run, []

    def die_at_the_second(*arguments: Any, **ports: Any) -> dict[str, float]:
        seen.append(ports["model"])
        if len(seen) == 2:
            raise KeyboardInterrupt
        return run_stage(*arguments, **ports)

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "run", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            list(run_rounds(1, small(), faces=faces, champion=first, folder=folder))
    assert not (folder / "01" / "report").exists()
    with monkeypatch.context() as patch:
        patch.setattr(groups, "run", None)
        patch.setattr(train, "run", None)
        list(run_rounds(1, small(), faces=faces, champion=first, folder=folder))
    for name in ("groups", "model", "report"):
        assert artifact_digest(folder / "01" / name) == artifact_digest(whole / "01" / name)


def test_a_round_that_brings_nothing_ends_the_series_and_the_champion_stays(
    played: tuple[Path, list[Round]], faces: Path, first: Path, tmp_path: Path
) -> None:
    """The same round under a gate that asks for something else: only the decision is made again."""
    folder = shutil.copytree(played[0], tmp_path / "rounds")
    (folder / "03").mkdir()
    rounds = list(run_rounds(5, small(better=["inside/l1"]), faces=faces, champion=first, folder=folder))
    assert [played.improved for played in rounds] == [False]
    assert rounds[0].champion == first
    assert "inside/l1 must be better beyond its interval" in rounds[0].decision.reason
    assert sorted(path.name for path in folder.iterdir()) == ["00", "01"]


def test_what_cannot_be_played_is_refused_before_anything_is_made(faces: Path, first: Path, tmp_path: Path) -> None:
    larger = small().model_copy(update={"train": small().train.model_copy(update={"size_px": 96})})
    with pytest.raises(ParamsError, match=r"train\.size_px: 96, but .*first works at 64 px"):
        next(run_rounds(1, larger, faces=faces, champion=first, folder=tmp_path / "rounds"))
    with pytest.raises(InputError, match=r"is inside .*, where the rounds are written"):
        next(run_rounds(1, small(), faces=faces, champion=first, folder=first.parent))
    with pytest.raises(ArtifactError, match="no finished faces artifact"):
        next(run_rounds(1, small(), faces=tmp_path / "nothing", champion=first, folder=tmp_path / "rounds"))
    assert not (tmp_path / "rounds").exists()


def test_the_command_refuses_in_one_line(faces: Path, tmp_path: Path) -> None:
    nothing = [
        "rounds",
        "1",
        "--faces",
        str(faces),
        "--champion",
        str(tmp_path / "nothing"),
        "--output",
        str(tmp_path / "r"),
    ]
    refused = CliRunner().invoke(commands, [*nothing, "--params", str(ROOT / "params.yaml")])
    assert isinstance(refused.exception, InputError)
    assert "no such model" in str(refused.exception)
