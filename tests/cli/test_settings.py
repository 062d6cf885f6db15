"""`swapcore configure`: values change, comments stay, mistakes change nothing."""

from pathlib import Path

import pytest
from commands import ROOT, committed

from swapcore.cli.settings import apply_settings, photograph_settings
from swapcore.config import read_params
from swapcore.errors import InputError, ParamsError


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_bytes(committed("params.yaml"))
    return path


def test_values_change_and_all_else_stays(params: Path) -> None:
    before = params.read_text().splitlines()
    apply_settings(params, ["train.steps=7", "train.weights.feature=0.25"])
    after = params.read_text().splitlines()
    assert read_params(params).train.steps == 7
    assert read_params(params).train.weights.feature == 0.25
    assert len([1 for old, new in zip(before, after, strict=True) if old != new]) == 2


def test_setting_a_value_to_what_it_is_changes_no_byte(params: Path) -> None:
    before = params.read_bytes()
    apply_settings(params, [f"train.seed={read_params(params).train.seed}"])
    assert params.read_bytes() == before


def test_going_to_photographs_of_ones_own_and_back_leaves_the_file_as_it_was(params: Path, tmp_path: Path) -> None:
    before, steps = params.read_bytes(), read_params(params).train.steps
    demo = ["photographs.input=data/people", "photographs.folder=data/people", "photographs.synthetic=[data/people]"]
    oracle = ["groups.teacher=oracle", "groups.references_per_label=2", "groups.sources_per_template=2"]
    for _ in range(2):
        apply_settings(params, [*demo, *oracle, "train.steps=7"])
        apply_settings(params, [*photograph_settings(tmp_path, params), "train.steps=8"])
        assert read_params(params).photographs.synthetic == ()
    apply_settings(params, [*demo, f"train.steps={steps}"])
    assert params.read_bytes().split() == before.split(), "only the column of a comment may have moved"


@pytest.mark.parametrize(
    "setting", ["train.steps", "train.lrr=1", "trian.steps=1", "steps=1", "train.steps=0", "train.steps=[", "train=1"]
)
def test_a_mistake_is_one_line_and_changes_nothing(params: Path, setting: str) -> None:
    before = params.read_bytes()
    with pytest.raises(ParamsError) as caught:
        apply_settings(params, ["train.seed=99", setting])
    assert "\n" not in str(caught.value)
    assert params.read_bytes() == before


def test_photographs_keep_the_teacher_that_was_chosen_for_them(params: Path, tmp_path: Path) -> None:
    apply_settings(params, ["groups.references_per_label=3"])
    apply_settings(params, photograph_settings(tmp_path, params))
    assert read_params(params).groups.references_per_label == 3
    apply_settings(params, ["groups.teacher=oracle"])
    apply_settings(params, photograph_settings(tmp_path, params))
    groups = read_params(params).groups
    assert (groups.teacher, groups.references_per_label, groups.sources_per_template) == ("classical", 6, 4)


def test_make_demo_asks_for_what_the_params_know(params: Path) -> None:
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("DEMO := "))
    before = read_params(params)
    apply_settings(params, line.removeprefix("DEMO := ").split())
    assert read_params(params).groups.teacher == "oracle"
    apply_settings(params, photograph_settings(params.parent, params))
    after = read_params(params).model_copy(update={"photographs": before.photographs})
    assert after == before, "going to photographs undoes all that the demo had changed"


@pytest.mark.parametrize("name", ["photos", "my photos", "Zoë's 🙂", "a#b: c"])
def test_photographs_of_ones_own(params: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    table = folder / "people.csv"
    table.touch()
    apply_settings(params, photograph_settings(table, params))
    assert read_params(params).photographs.input == table
    assert read_params(params).photographs.folder == folder
    assert read_params(params).photographs.synthetic == ()


def test_photographs_that_are_not_there_or_cannot_be_handed_on(params: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        photograph_settings(tmp_path / "nowhere", params)
    (tmp_path / 'a"b').mkdir()
    with pytest.raises(InputError, match="shell"):
        photograph_settings(tmp_path / 'a"b', params)
