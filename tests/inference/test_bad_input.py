"""Bad input to each command: one line, an exit code that is not 0, no traceback, no partial files."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from swapcore.anonymization import replacements
from swapcore.cli import main as cli
from swapcore.faces import cnn_detector
from swapcore.ops.image import encode_png
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render
from tests.drawn_photographs import draw_face
from tests.inference.test_image_swapper import bomb, small_face
from tests.video.conftest import SIDE_PX, write_video


class Place(NamedTuple):
    """The folders of a test."""

    inputs: Path
    out: Path
    model: Path
    other_alignment: Path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, two_faces) -> Path:
    """A file for each kind of bad input, and a short video of a drawn face."""
    folder = tmp_path_factory.mktemp("bad")
    profile = render(draw_identity(np.random.default_rng(4)), NEUTRAL.but(yaw_deg=85.0), 128).image
    for name, data in {
        "good.png": encode_png(draw_face(5)[0]),
        "template.png": encode_png(draw_face(6)[0]),
        "no_face.png": encode_png(np.full((200, 200, 3), 90, np.uint8)),
        "several.png": encode_png(two_faces),
        "small.png": encode_png(small_face()),
        "profile.png": encode_png(profile),
        "corrupt.png": encode_png(draw_face(1)[0])[:60] + b"garbage" * 50,
        "truncated.png": encode_png(draw_face(1)[0])[:3000],
        "bomb.png": bomb(),
        "text.jpg": b"dear photograph\n" * 20,
    }.items():
        (folder / name).write_bytes(data)
    frames = [draw_face(7, size_px=SIDE_PX, eye_distance_px=36)[0]] * 4
    write_video(folder / "clip.mp4", frames, sound=False)
    return folder


@pytest.fixture
def place(inputs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(replacements, "MAX_PEOPLE", 2)
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", 96)
    other = tmp_path / "other-alignment"
    shutil.copytree(model, other)
    document = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps(document | {"alignment": "arcface"}))
    return Place(inputs, tmp_path / "out", model, other)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Run a command; return its exit code and stderr."""
    code = 0
    try:
        cli.main(["-q", *map(str, words)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, capsys.readouterr().err


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def refused(place: Place, capsys: pytest.CaptureFixture[str], message: str, *words: object, code: int = 2) -> None:
    """Check that a command fails with one line and leaves the disk unchanged."""
    before = files_below(place.out.parent)
    found, line = run(capsys, *words)
    assert (found, line.count("\n"), "Traceback" in line) == (code, 1, False), line
    assert message in line
    assert files_below(place.out.parent) == before


BAD_PHOTOGRAPHS = {
    "no_face.png": "no face",
    "several.png": "2 faces were found, one is needed",
    "small.png": "px apart",
    "corrupt.png": "cut off or damaged",
    "truncated.png": "cut off or damaged",
    "bomb.png": "20000 x 20000 px",
    "text.jpg": "is none of JPEG",
    "missing.png": "no such file; give the path of an image",
}


@pytest.mark.parametrize("role", ["source", "template"])
@pytest.mark.parametrize("name", [*BAD_PHOTOGRAPHS, "profile.png"])
def test_swap_refuses_a_bad_photograph(place, capsys, role, name):
    good = {"source": "good.png", "template": "template.png"} | {role: name}
    message = BAD_PHOTOGRAPHS.get(name, "profile.png: ")  # either no face is found or it is turned too far
    words = [place.inputs / good[key] for key in ("source", "template")]
    refused(place, capsys, message, "swap", *words, "--output", place.out.with_suffix(".png"), "--model", place.model)


@pytest.mark.parametrize("name", [*BAD_PHOTOGRAPHS, "profile.png"])
def test_video_refuses_a_bad_source(place, capsys, name):
    message = BAD_PHOTOGRAPHS.get(name, "profile.png: ")
    out = place.out.with_suffix(".mp4")
    words = (place.inputs / name, place.inputs / "clip.mp4", "--output", out, "--model", place.model)
    refused(place, capsys, message, "video", *words)


@pytest.mark.parametrize("name", ["text.jpg", "truncated.mp4", "missing.mp4"])
def test_video_refuses_a_file_that_is_not_a_video(place, capsys, name, inputs):
    (inputs / "truncated.mp4").write_bytes((inputs / "clip.mp4").read_bytes()[:600])
    out = place.out.with_suffix(".mp4")
    refused(place, capsys, name, "video", inputs / "good.png", inputs / name, "--output", out, "--model", place.model)


def test_anonymize_counts_unusable_files_and_does_not_copy_them(place, capsys, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("no_face.png", "corrupt.png", "truncated.png", "bomb.png", "text.jpg", "small.png"):
        shutil.copy(place.inputs / name, folder / name)
    (folder / "notes.txt").write_text("not an image")
    code, line = run(capsys, "anonymize", folder, "--output", place.out, "--model", place.model)
    assert (code, line.count("\n")) == (2, 1), line
    assert "6 files have no result (no-face 1, not-an-image 2, too-large 1, truncated 2)" in line
    assert "files.csv for the reasons" in line
    results = {name for name in files_below(place.out) if name.endswith((".png", ".jpg"))}
    assert results == {"small.png"}  # blurred


def commands(place: Place, model: object, results: Path) -> Iterator[tuple[object, ...]]:
    """The three commands with good input, which write out.png, out and out.mp4 below results."""
    photos = place.out.parent / "photos"
    photos.mkdir(exist_ok=True)
    shutil.copy(place.inputs / "good.png", photos / "good.png")
    source, template = place.inputs / "good.png", place.inputs / "template.png"
    yield "swap", source, template, "--output", results / "out.png", "--model", model
    yield "anonymize", photos, "--output", results / "out", "--model", model
    yield "video", source, place.inputs / "clip.mp4", "--output", results / "out.mp4", "--model", model


def test_every_command_refuses_an_unknown_model_or_one_of_another_alignment(place, capsys, tmp_path):
    for words in commands(place, "no/such/model", tmp_path):
        refused(place, capsys, "no such model", *words)
    for words in commands(place, place.other_alignment, tmp_path):
        refused(place, capsys, "alignment: made for crops aligned as 'arcface'", *words)


def test_no_command_replaces_existing_files(place, capsys, tmp_path):
    (tmp_path / "out").mkdir()
    precious = [tmp_path / "out.png", tmp_path / "out" / "precious.txt", tmp_path / "out.mp4"]
    for there in precious:
        there.write_text("precious")
    for words in list(commands(place, place.model, tmp_path)):
        refused(place, capsys, "pass --overwrite", *words)
    assert [there.read_text() for there in precious] == ["precious"] * 3


def test_a_folder_without_permission_is_one_line(place, capsys, monkeypatch, tmp_path):
    photos, locked = tmp_path / "photos", tmp_path / "locked"
    one, folder, video = commands(place, place.model, locked)
    scandir, mkdir = os.scandir, Path.mkdir

    def no_reading(path: str) -> object:  # root has every permission, so the system's error is simulated
        if str(path) == str(photos):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    def no_writing(path: Path, *arguments: object, **options: object) -> None:
        if path.is_relative_to(locked):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", no_writing)
    for words in (one, folder, video):
        refused(place, capsys, "Permission denied", *words, code=1)
    monkeypatch.setattr(os, "scandir", no_reading)
    many = ("swap", place.inputs / "good.png", photos, "--output", tmp_path / "many")
    for words in (folder, (*many, "--model", place.model)):
        refused(place, capsys, "photos: cannot be listed (Permission denied)", *words)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mounted], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no permission to mount a file system: {done.stderr.strip()}")
    yield mounted
    subprocess.run(["umount", mounted], check=True)


def test_a_full_disk_is_one_line_and_leaves_no_result(place, capsys, full_disk):
    for words in list(commands(place, place.model, full_disk)):
        (full_disk / "ballast").write_bytes(bytes(60_000))
        code, line = run(capsys, *words)
        assert (code, line.count("\n"), "Traceback" in line) == (1, 1, False), line
        assert "No space left on device; free some space" in line
        left = {found for found in files_below(full_disk) if found.endswith((".png", ".mp4", ".mkv", ".partial"))}
        assert left == set()
        for found in full_disk.iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
