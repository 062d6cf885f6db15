"""Validated changes to params.yaml that keep its comments."""

import io
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from swapcore.config import Params, describe, did_you_mean, read_params
from swapcore.errors import InputError, ParamsError
from swapcore.files import atomic_path

_UNDO_DEMO = [
    "groups.teacher=warp", "groups.references_per_label=6", "groups.sources_per_template=4",
    "groups.checks.max_changed_outside=1.0", "synthesize.size_px=256", "groups.size_px=256", "train.size_px=112",
    "train.steps=300", "train.schedule.learning_rate=0.0008", "train.weights.identity_source=1.0",
    "train.weights.identity_template=0.8",
]  # fmt: skip
"""Values that undo `make demo`, whose oracle teacher works on rendered images only and whose sizes keep it to minutes."""


def photograph_settings(photographs: Path | None, params: Path) -> list[str]:
    """The settings for a pipeline that starts from the user's own images.

    Args:
        photographs: a folder or a CSV file; None returns no settings.
        params: the params file; if its teacher is the oracle, the demo's values are undone too.

    Raises:
        InputError: there is no such file or folder, or DVC cannot pass its path to a shell.
    """
    if photographs is None:
        return []
    if not photographs.exists():
        raise InputError(
            f"{photographs}: no such file or folder; give a folder of people or a CSV file,identity[,split]"
        )
    if set(str(photographs)) & set('"$`\\\n'):
        raise InputError(
            f"{photographs}: DVC passes this path to a shell; rename it without quotes, $, ` and backslashes"
        )
    undo = _UNDO_DEMO if read_params(params).groups.teacher == "oracle" else []
    folder = photographs.parent if photographs.is_file() else photographs
    return [
        f"photographs.input={photographs}",
        f"photographs.folder={folder}",
        "photographs.synthetic=[]",
        *undo,
    ]


def apply_settings(path: Path, settings: list[str]) -> None:
    """Write KEY=VALUE settings (KEY dotted, VALUE in YAML) into a params file, all or none.

    Raises:
        ParamsError: a setting is not KEY=VALUE, has an unknown key, or a value that is not allowed.
    """
    read_params(path)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
    yaml.representer.add_representer(
        type(None), lambda make, _: make.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    try:
        document = yaml.load(path.read_text(encoding="utf-8"))
    except YAMLError as error:  # stricter than read_params: a key may occur once
        raise ParamsError(f"{path}: cannot be changed: {' '.join(str(error).split())}") from None
    for setting in settings:
        _apply(document, setting, path)
    try:
        params = Params.model_validate(document)
    except ValidationError as error:
        raise ParamsError(f"{path}: {describe(error)}; the file is unchanged") from None
    text = io.StringIO()
    yaml.dump(document, text)
    with atomic_path(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8")
        if read_params(partial) != params:
            raise AssertionError(f"{partial} differs from the requested params")


def _apply(document: Any, setting: str, path: Path) -> None:
    key, equals, text = setting.partition("=")
    if not equals:
        raise ParamsError(f"{setting}: expected KEY=VALUE, as in train.steps=2000")
    *sections, name = key.split(".")
    place = document
    for section in sections:
        place = place.get(section) if isinstance(place, dict) else None
    if not isinstance(place, dict) or name not in place:
        raise ParamsError(f"{path}: {key}: no such key{did_you_mean(key)}; the file is unchanged")
    # A path may contain YAML syntax (": ", "#"), so these two are not parsed.
    literal = key in {"photographs.input", "photographs.folder"}
    try:
        value = text if literal else YAML(typ="safe").load(text)
    except YAMLError:
        raise ParamsError(f"{key}: {text!r} is not a YAML value; the file is unchanged") from None
    place[name] = _flow_list(value, place[name]) if isinstance(value, list) else value


def _flow_list(items: list[Any], before: Any) -> CommentedSeq:
    """A list written as [a, b], with the comment of the value that it replaces."""
    sequence = CommentedSeq(items)
    sequence.fa.set_flow_style()
    if isinstance(before, CommentedSeq):
        before.copy_attributes(sequence)
    return sequence
