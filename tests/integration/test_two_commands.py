"""Two commands that write to one output at once: the second is refused in one line, and the first is not disturbed."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import ROOT, environment, in_folder

from swapcore.config import read_params
from swapcore.data.artifact import artifact_digest, partial_folder, read_card
from swapcore.files import hidden_sibling, locked
from swapcore.ops.image import encode_png
from swapcore.stages import synthesize
from tests.drawn_photographs import draw_face
from tests.video.clips import write_clip

pytestmark = pytest.mark.slow

STAGES = {
    "synthesize": ([], "--photographs"),
    "crop": (["--photographs", "data/people"], "--faces"),
    "groups": (["--faces", "data/faces"], "--groups"),
    "train": (["--groups", "data/groups"], "--model"),
    "evaluate": (["--faces", "data/faces", "--model", "models/swap"], "--report"),
}


def below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_refused(done: subprocess.CompletedProcess[str], out: Path) -> None:
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning")]
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), done.stderr
    assert f"{out}: another command is writing there; wait for it, or name another output" in lines[0]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_refused_while_its_output_is_written(workspace: Path, tmp_path: Path, stage: str) -> None:
    inputs, port = STAGES[stage]
    out = tmp_path / "out"
    with locked(partial_folder(out)):
        for work in (partial_folder(out), hidden_sibling(out, "part")):
            work.mkdir(exist_ok=True)
            (work / "of-the-first").write_bytes(b"kept")
        before = below(tmp_path)
        check_refused(in_folder(workspace)("swapcore", "-q", stage, *inputs, port, str(out), fails=True), out)
        assert below(tmp_path) == before


def test_a_video_is_refused_while_its_parts_are_written(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    (tmp_path / "source.png").write_bytes(encode_png(draw_face(3)[0]))
    write_clip(tmp_path / "clip.mp4", [draw_face(4, size_px=176, eye_distance_px=36)[0]] * 2)
    with locked(hidden_sibling(out, "parts")):
        check_refused(
            in_folder(tmp_path)("swapcore", "-q", "video", "source.png", "clip.mp4", "-o", str(out), fails=True), out
        )
    assert not out.exists()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """params.yaml, and the artifact of a command that runs alone."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copy(ROOT / "params.yaml", folder)
    few = ["num_people=2", "images_per_person=2", "size_px=128"]
    in_folder(folder)("swapcore", "configure", *(f"synthesize.{setting}" for setting in few))
    params = read_params(folder / "params.yaml").synthesize
    synthesize.run(params.model_copy(update={"workers": 1}), photographs=folder / "alone")
    return folder


@pytest.mark.parametrize("second", ["synthesize", "crop"])
def test_the_first_command_is_not_disturbed_by_a_second(alone: Path, tmp_path: Path, second: str) -> None:
    shutil.copytree(alone, tmp_path, dirs_exist_ok=True)
    run, out = in_folder(tmp_path), tmp_path / "out"
    first = subprocess.Popen(
        ["swapcore", "-q", "synthesize", "--photographs", str(out)],
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
    )
    try:
        while not partial_folder(out).exists():
            assert first.poll() is None
            time.sleep(0.02)
        os.killpg(first.pid, signal.SIGSTOP)  # so that it does not end before the second begins
        words = (
            ["--photographs", str(out)] if second == "synthesize" else ["--photographs", "alone", "--faces", str(out)]
        )
        check_refused(run("swapcore", "-q", second, *words, fails=True), out)
        os.killpg(first.pid, signal.SIGCONT)
        assert first.wait(timeout=300) == 0
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
    assert read_card(out, "photographs").counts["people"] == 2
    assert artifact_digest(out) == artifact_digest(tmp_path / "alone")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out"]
