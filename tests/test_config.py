"""Validation of params.yaml, with one-line errors that name the field."""

import functools
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from swapcore.cli.settings import apply_settings
from swapcore.cli.stages import stage_command
from swapcore.config import NetworkParams, Params, Section, TrainParams, read_params, read_section
from swapcore.errors import ArtifactError, ParamsError

PARAMS = Path(__file__).parents[1] / "params.yaml"


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A section and every section below it."""
    found = [model]
    for field in model.model_fields.values():
        options = getattr(field.annotation, "__args__", (field.annotation,))
        for option in options:
            if isinstance(option, type) and issubclass(option, BaseModel):
                found += sections(option)
    return found


def changed(tmp_path: Path, section: str, key: str, value: object) -> Path:
    document = yaml.safe_load(PARAMS.read_text())
    *parents, field = key.split(".")
    functools.reduce(dict.__getitem__, parents, document[section])[field] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_shipped_params_are_valid() -> None:
    assert read_params(PARAMS).register.model_name == "swapcore"


@pytest.mark.parametrize("section", sections(Params), ids=lambda section: section.__name__)
def test_every_section_is_strict_frozen_and_without_defaults(section: type[Section]) -> None:
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["frozen"]
    assert all(field.is_required() for field in section.model_fields.values())


@pytest.mark.parametrize(
    ("section", "key", "value", "named"),
    [
        ("train", "lrr", 1, "train.lrr"),
        ("train", "steps", 0, "train.steps"),
        ("train", "steps", "many", "train.steps"),
        ("train", "schedule.learning_rate", float("nan"), "train.schedule.learning_rate"),
        ("train", "device", "gpu", "train.device"),
        ("crop", "size_px", 100, "crop.size_px"),
        ("crop", "several_faces", "first", "crop.several_faces"),
        ("groups", "teacher", "magic", "groups.teacher"),
        ("photographs", "input", None, "photographs.input"),
        ("crop", "recognizer", {"kind": "dlib", "path": "x", "sha256": None}, "crop.recognizer"),
    ],
)
def test_an_invalid_key_or_value_is_named_on_one_line(
    tmp_path: Path, section: str, key: str, value: object, named: str
) -> None:
    path = changed(tmp_path, section, key, value)
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [
        ("train", "stpes", "train.steps"),
        ("train", "learning_rate", "train.schedule.learning_rate"),
        ("groups", "size", "groups.size_px"),
        ("groups", "zebra", None),
        ("evaluate", "bootstrap_sample", "evaluate.bootstrap_samples"),
    ],
)
def test_an_unknown_key_names_the_nearest_key(tmp_path: Path, section: str, key: str, meant: str | None) -> None:
    with pytest.raises(ParamsError, match=f"{section}.{key}: no such key") as caught:
        read_params(changed(tmp_path, section, key, 1))
    assert str(caught.value).endswith(f"; did you mean {meant}?" if meant else "no such key")


@pytest.mark.parametrize("text", ["", "just text", "a: [", "\x00"])
def test_a_file_without_a_mapping_is_a_one_line_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_option_to_use(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="--params"):
        read_params(tmp_path / "nowhere.yaml")


def test_the_digest_depends_on_values_only() -> None:
    document = yaml.safe_load(PARAMS.read_text())["train"]
    as_kfp_gives = {k: float(v) if type(v) is int else v for k, v in document.items()}
    same = TrainParams.model_validate(as_kfp_gives)
    other = TrainParams.model_validate(document | {"seed": document["seed"] + 1})
    assert same.digest() == TrainParams.model_validate(document).digest()
    assert same.digest() != other.digest()


def test_frozen_networks_need_a_sample_in_each_step() -> None:
    document = yaml.safe_load(PARAMS.read_text())["train"]
    document["step"]["frozen_network_every"] = 3
    with pytest.raises(ValidationError, match=r"step\.frozen_network_every must not be greater than batch_size"):
        TrainParams.model_validate(document | {"batch_size": 2})


def test_the_real_label_must_have_the_larger_weight() -> None:
    document = yaml.safe_load(PARAMS.read_text())["train"]
    document["weights"]["pixel_fake"] = document["weights"]["pixel_real"]
    with pytest.raises(ValidationError, match="real label weighs more"):
        TrainParams.model_validate(document)


def test_a_custom_network_needs_path_and_hash() -> None:
    with pytest.raises(ValidationError, match="needs path and sha256"):
        NetworkParams(kind="onnx", path=Path("x.onnx"), sha256=None)


def test_a_section_is_read_from_a_file_with_this_section_only(tmp_path: Path) -> None:
    """The form in which nodes of a TrainJob get their params."""
    whole = read_params(PARAMS)
    alone = tmp_path / "params.json"
    alone.write_text(json.dumps({"train": whole.train.model_dump(mode="json")}))
    assert read_section(alone, "train") == whole.train == read_section(PARAMS, "train")
    with pytest.raises(ParamsError, match="crop"):
        read_section(alone, "crop")
    alone.write_text(json.dumps({"train": {"steps": "many"}}))
    with pytest.raises(ParamsError, match=r"train\.steps"):
        read_section(alone, "train")


def test_a_stages_command_accepts_a_file_with_its_section_only(tmp_path: Path) -> None:
    alone = tmp_path / "params.json"
    alone.write_text(json.dumps({"train": read_params(PARAMS).train.model_dump(mode="json")}))
    result = CliRunner().invoke(
        stage_command("train"), ["--groups", str(tmp_path), "--model", str(tmp_path / "model"), "--params", str(alone)]
    )
    assert isinstance(result.exception, ArtifactError)  # the params were accepted; the groups are missing


UNREADABLE = ["2030-13-45", "2030-02-30 25:61:61", "0000-01-01", "2001-12-14t21:59:43.10-99:99", "!!int x", "!!float x", "!!bool x",
              "!!timestamp x", "9" * 5000, "[" * 3000, "&x [*x]", "!!python/object:os.system x", "\x07"]  # fmt: skip
"""Values for which yaml raises errors of many types."""


@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: value[:20])
def test_a_value_that_yaml_cannot_read_is_one_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"(?m)^  seed: 1$", lambda _: f"  seed: {value}", PARAMS.read_text(), count=1))
    assert path.read_text() != PARAMS.read_text()
    with pytest.raises(ParamsError, match=r"params\.yaml: ") as caught:
        read_params(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ParamsError):
        apply_settings(path, ["train.steps=7"])


def test_a_key_that_occurs_twice_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace("  seed: 1\n", "  seed: 1\n  seed: 2\n", 1))
    before = path.read_bytes()
    with pytest.raises(ParamsError, match='found duplicate key "seed"') as caught:
        apply_settings(path, ["train.steps=7"])
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
