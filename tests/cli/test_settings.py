"""`swapcore configure`: values change, comments remain, invalid settings change nothing."""

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


def test_only_the_given_values_change(params: Path) -> None:
    before = params.read_text().splitlines()
    apply_settings(params, ["train.steps=7", "train.weights.feature=0.25"])
    after = params.read_text().splitlines()
    assert read_params(params).train.steps == 7
    assert read_params(params).train.weights.feature == 0.25
    assert len([1 for old, new in zip(before, after, strict=True) if old != new]) == 2


def test_setting_the_current_value_changes_no_byte(params: Path) -> None:
    before = params.read_bytes()
    apply_settings(params, [f"train.seed={read_params(params).train.seed}"])
    assert params.read_bytes() == before


def test_switching_to_own_images_and_back_restores_the_file(params: Path, tmp_path: Path) -> None:
    before, steps = params.read_bytes(), read_params(params).train.steps
    demo = ["photographs.input=data/people", "photographs.folder=data/people", "photographs.synthetic=[data/people]"]
    oracle = ["groups.teacher=oracle", "groups.references_per_label=2", "groups.sources_per_template=2"]
    for _ in range(2):
        apply_settings(params, [*demo, *oracle, "train.steps=7"])
        apply_settings(params, [*photograph_settings(tmp_path, params), "train.steps=8"])
        assert read_params(params).photographs.synthetic == ()
    apply_settings(params, [*demo, f"train.steps={steps}"])
    assert params.read_bytes().split() == before.split(), "only the column of a comment may change"


@pytest.mark.parametrize(
    "setting", ["train.steps", "train.lrr=1", "trian.steps=1", "steps=1", "train.steps=0", "train.steps=[", "train=1"]
)
def test_an_invalid_setting_is_one_line_and_leaves_the_file_unchanged(params: Path, setting: str) -> None:
    before = params.read_bytes()
    with pytest.raises(ParamsError) as caught:
        apply_settings(params, ["train.seed=99", setting])
    assert "\n" not in str(caught.value)
    assert params.read_bytes() == before


def test_own_images_keep_the_configured_teacher(params: Path, tmp_path: Path) -> None:
    apply_settings(params, ["groups.references_per_label=3"])
    apply_settings(params, photograph_settings(tmp_path, params))
    assert read_params(params).groups.references_per_label == 3
    apply_settings(params, ["groups.teacher=oracle"])
    apply_settings(params, photograph_settings(tmp_path, params))
    groups = read_params(params).groups
    assert (groups.teacher, groups.references_per_label, groups.sources_per_template) == ("warp", 6, 4)


def test_the_settings_of_make_demo_are_valid_and_reversible(params: Path) -> None:
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("DEMO := "))
    before = read_params(params)
    apply_settings(params, line.removeprefix("DEMO := ").split())
    assert read_params(params).groups.teacher == "oracle"
    apply_settings(params, photograph_settings(params.parent, params))
    after = read_params(params).model_copy(update={"photographs": before.photographs})
    assert after == before, "switching to own images restores all values of the demo"


@pytest.mark.parametrize("name", ["photos", "my photos", "Zoë's 🙂", "a#b: c"])
def test_own_images_set_input_and_folder(params: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    table = folder / "people.csv"
    table.touch()
    apply_settings(params, photograph_settings(table, params))
    assert read_params(params).photographs.input == table
    assert read_params(params).photographs.folder == folder
    assert read_params(params).photographs.synthetic == ()


def test_missing_images_and_unsafe_paths_are_refused(params: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        photograph_settings(tmp_path / "nowhere", params)
    (tmp_path / 'a"b').mkdir()
    with pytest.raises(InputError, match="shell"):
        photograph_settings(tmp_path / 'a"b', params)
