"""Params that Makefile, scripts, CI and documentation set are keys of params.yaml."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from swapcore.config import read_params

ROOT = Path(__file__).parents[2]
SETTING = re.compile(r"(?<![\w./-])((?:[a-z]\w*\.)+[a-z]\w*)=")


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [
        name
        for name in listed
        if name in ("Makefile", ".ci/small-settings", ".ci/run", "README.md")
        or (name.startswith("infra/") and "." not in Path(name).name)
        or (name.startswith("docs/") and name.endswith(".md") and not name.startswith("docs/decisions/"))
    ]


def settings_in(text: str) -> set[str]:
    sections = set(yaml.safe_load((ROOT / "params.yaml").read_text()))
    return {key for key in SETTING.findall(text) if key.split(".")[0] in sections}


def test_files_with_settings_are_found() -> None:
    found = {name: settings_in((ROOT / name).read_text()) for name in tracked_files()}
    assert {"Makefile", ".ci/small-settings", "infra/train-starter"} <= {name for name, keys in found.items() if keys}


def keys_of(values: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for name, value in values.items():
        keys |= {prefix + name} | (keys_of(value, f"{prefix}{name}.") if isinstance(value, dict) else set())
    return keys


@pytest.mark.parametrize("name", tracked_files())
def test_settings_are_keys_of_params(name: str) -> None:
    params = keys_of(read_params(ROOT / "params.yaml").model_dump())
    assert settings_in((ROOT / name).read_text()) - params == set()
