"""Stub stages with the real signatures and artifacts, so that a run of the graph takes seconds."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., SimpleNamespace]

PORTS = {
    # An optional port ends in a question mark.
    "synthesize": ([], "photographs"),
    "crop": (["photographs"], "faces"),
    "groups": (["faces", "teacher?"], "groups"),
    "train": (["groups", "initial?"], "model"),
    "evaluate": (["faces", "model"], "report"),
    "register": (["model", "report"], "registration"),
}

STAGE = """
import json, os, shutil
from pathlib import Path
from swapcore.config import {section}, InputPath, OptionalInputPath, OutputPath
from swapcore.data.artifact import building, content_digest, read_card, write_card
from swapcore.errors import ArtifactError

def run(params: {section}, *, {signature}) -> dict[str, float]:
    if os.environ.get("FAIL") == "{stage}":
        raise ArtifactError("data: the stub stage failed on request")
    given = {{name: path for name, path in {{{inputs}}}.items() if path}}
    inputs = {{name: content_digest(path) for name, path in given.items()}}
    assert all(any(path.iterdir()) for path in given.values())
    # Number of models trained before this one, each from the previous one.
    line = [int((path / "line").read_text()) for name, path in given.items() if name in ("initial", "model")]
    gains = [float(word) for word in os.environ.get("GAIN", "0.5").split()]
    gain = gains[min(sum(line), len(gains) - 1)]
    with building({output}) as folder:
        if "{stage}" == "train":
            (folder / "line").write_text(str(sum(line) + 1))
        if "{stage}" == "evaluate":
            (folder / "metrics.json").write_text(json.dumps({{"identity/gain": gain}}))
        tables = Path("reports") / str(sum(line))
        if "{stage}" == "evaluate" and tables.is_dir():  # what the gate reads in rounds
            shutil.copytree(tables, folder, dirs_exist_ok=True)
        (folder / "made").write_text("{stage} " + params.digest() + repr(inputs))
        (folder / "report.html").write_text("<h1>report</h1>")
        facts = {{"recognizer": "stub", "self_evaluated": True, "size_px": 64, "worst_slice": None, "champion": None}}
        card = {{"counts": {{"made": 1}}, "rejections": {{"none": 0}}, "facts": facts | {{"protocol": {{}}}}}}
        write_card(folder, "{output}", params, inputs=inputs, **card)
    return {{"identity/gain": gain, "loss/nan": float("nan")}}
"""

SHARDS = """

def crop_shard(params: CropParams, *, photographs: InputPath, part: OutputPath, shard: int, shards: int) -> dict[str, float]:
    assert any(photographs.iterdir())
    with building(part) as folder:
        (folder / "made").write_text(content_digest(photographs))
        write_card(folder, "part", params, inputs={}, counts={"shard": shard, "shards": shards})
    return {}

def merge_shards(params: CropParams, *, parts: list[Path], faces: OutputPath) -> dict[str, float]:
    counts = [read_card(part, "part").counts for part in parts]
    assert sorted(each["shard"] for each in counts) == list(range(counts[0]["shards"])), counts
    (digest,) = {(part / "made").read_text() for part in parts}
    with building(faces) as folder:
        (folder / "made").write_text("crop " + params.digest() + repr({"photographs": digest}))
        (folder / "report.html").write_text("<h1>report</h1>")
        facts = {"recognizer": "stub", "self_evaluated": True, "size_px": 64, "worst_slice": None, "champion": None}
        card = {"counts": {"made": 1}, "rejections": {"none": 0}, "facts": facts | {"protocol": {}}}
        write_card(folder, "faces", params, inputs={"photographs": digest}, **card)
    return {}
"""


def write_stages(folder: Path) -> None:
    """Write modules that replace swapcore.stages in every Python process with this folder on its path."""
    (folder / "stages").mkdir()
    for stage, (inputs, output) in PORTS.items():
        ports = [
            f"{name[:-1]}: OptionalInputPath = None" if name.endswith("?") else f"{name}: InputPath" for name in inputs
        ]
        ports += [f"{output}: OutputPath"]
        names = [name.rstrip("?") for name in inputs]
        source = STAGE.format(
            stage=stage,
            section=f"{stage.capitalize()}Params",
            signature=", ".join(ports),
            inputs=", ".join(f"{name!r}: {name}" for name in names),
            output=output,
        )
        if stage == "crop":
            source += SHARDS
        (folder / "stages" / f"{stage}.py").write_text(source)
    (folder / "sitecustomize.py").write_text(
        f"import swapcore.stages\nswapcore.stages.__path__.insert(0, {str(folder / 'stages')!r})\n"
    )


@pytest.fixture
def pipelines(tmp_path: Path) -> Run:
    """`python -m pipelines …` with the stub stages."""
    write_stages(tmp_path)

    def run(*arguments: str, **environment: str) -> SimpleNamespace:
        path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "src")])
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "SWAPCORE_CROP_SHARDS": "2", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, error=done.stderr)

    return run
