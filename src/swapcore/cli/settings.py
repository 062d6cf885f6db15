"""Changing params.yaml from the command line: comments stay, and nothing is written that does not validate."""

import io
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from swapcore.config import Params, describe, read_params
from swapcore.errors import InputError, ParamsError
from swapcore.files import in_place

_DEMO_IS_OVER = [
    "groups.teacher=classical", "groups.references_per_label=6", "groups.sources_per_template=4",
    "groups.checks.max_changed_outside=1.0", "synthesize.size_px=256", "groups.size_px=128", "train.size_px=112",
    "train.steps=900", "train.weights.identity_source=0.3",
]  # fmt: skip
"""What `make demo` had changed for the oracle, who knows rendered pictures only, renders each of his fakes, and rightly moves jaw
and shadow outside of the face's outline; and so that it is done in minutes."""


def photograph_settings(photographs: Path | None, params: Path) -> list[str]:
    """The settings that make the pipeline start from the user's own photographs.

    Args:
        photographs: a folder or a CSV file; None changes nothing.
        params: the params file; where it names the demo's oracle as teacher, the classical one takes over.

    Raises:
        InputError: there is no such file or folder, or its path cannot be handed on.
    """
    if photographs is None:
        return []
    if not photographs.exists():
        raise InputError(
            f"{photographs}: no such file or folder; give a folder of people or a CSV file,identity[,split]"
        )
    if set(str(photographs)) & set('"$`\\\n'):
        raise InputError(
            f"{photographs}: DVC hands this path to a shell; give one without quotes, $, ` and backslashes"
        )
    over = _DEMO_IS_OVER if read_params(params).groups.teacher == "oracle" else []
    folder = photographs.parent if photographs.is_file() else photographs
    return [
        f"photographs.input={photographs}",
        f"photographs.folder={folder}",
        "photographs.synthetic=[]",
        *over,
    ]


def apply_settings(path: Path, settings: list[str]) -> None:
    """Write KEY=VALUE settings (KEY dotted, VALUE as in YAML) into a params file, all or none.

    Raises:
        ParamsError: a setting is no KEY=VALUE, names an unknown key, or has a value that is not allowed.
    """
    read_params(path)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
    yaml.representer.add_representer(
        type(None), lambda make, _: make.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(path.read_text(encoding="utf-8"))
    for setting in settings:
        _apply(document, setting, path)
    try:
        params = Params.model_validate(document)
    except ValidationError as error:
        raise ParamsError(f"{path}: {describe(error)}; nothing was changed") from None
    text = io.StringIO()
    yaml.dump(document, text)
    with in_place(path) as beside:
        beside.write_text(text.getvalue(), encoding="utf-8")
        if read_params(beside) != params:
            raise AssertionError(f"{beside} does not say what was asked for")


def _apply(document: Any, setting: str, path: Path) -> None:
    key, equals, text = setting.partition("=")
    if not equals:
        raise ParamsError(f"{setting}: expected KEY=VALUE, as in train.steps=2000")
    *sections, name = key.split(".")
    place = document
    for section in sections:
        place = place.get(section) if isinstance(place, dict) else None
    if not isinstance(place, dict) or name not in place:
        raise ParamsError(f"{path}: {key}: no such key; nothing was changed")
    # A path may hold what YAML reads as syntax (": ", "#"), so paths of the photographs are taken as they are.
    literal = key in {"photographs.input", "photographs.folder"}
    try:
        value = text if literal else YAML(typ="safe").load(text)
    except YAMLError:
        raise ParamsError(f"{key}: {text!r} is not a YAML value; nothing was changed") from None
    place[name] = _in_line(value, place[name]) if isinstance(value, list) else value


def _in_line(items: list[Any], before: Any) -> CommentedSeq:
    """A list to be written as [a, b], with the comment that stood behind the value before it."""
    sequence = CommentedSeq(items)
    sequence.fa.set_flow_style()
    if isinstance(before, CommentedSeq):
        before.copy_attributes(sequence)
    return sequence
