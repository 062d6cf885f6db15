"""Artifact folders: atomic, described by a typed card, found by digest."""

import shutil

import pytest

from swapcore.config import SplitParams
from swapcore.data import artifact
from swapcore.data.artifact import (
    CARD,
    Facts,
    artifact_digest,
    building,
    content_digest,
    partial_folder,
    read_card,
    write_card,
)
from swapcore.errors import ArtifactError

PARAMS = SplitParams(validation=0.1, test=0.2, seed=0)


class Speed(Facts):
    frames: int


class Report(Facts):
    speed: Speed


def make(target, text="content", kind="report"):
    with building(target) as folder:
        (folder / "file.txt").write_text(text)
        write_card(folder, kind, PARAMS, inputs={"model": "0" * 64}, counts={"files": 1})


def test_built_in_a_sibling_then_renamed(tmp_path):
    target = tmp_path / "deep/er/out"
    with building(target) as folder:
        assert folder == partial_folder(target)
        assert not target.exists()
        (folder / "file.txt").write_text("x")
        card = write_card(folder, "report", PARAMS, inputs={}, counts={"files": 1}, facts={"a": [1, 2]})
    assert read_card(target, "report") == card
    assert card.params == {"validation": 0.1, "test": 0.2, "seed": 0}
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_an_error_leaves_what_stood_there(tmp_path):
    make(tmp_path / "out", "old")
    with pytest.raises(RuntimeError, match="half"), building(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "file.txt").write_text("new")
        raise RuntimeError("half")
    assert (tmp_path / "out/file.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_partial_folder_can_be_kept(tmp_path):
    for text in ("first", "second"):
        with pytest.raises(RuntimeError), building(tmp_path / "out", keep_partial=True) as folder:  # noqa: PT012
            (folder / text).touch()
            raise RuntimeError
    assert sorted(p.name for p in partial_folder(tmp_path / "out").iterdir()) == ["first", "second"]


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    partial = partial_folder(tmp_path / "out")
    partial.mkdir()
    (partial / "stale").touch()
    make(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [CARD, "file.txt"]


def test_a_replaced_artifact_is_never_seen_half_removed(tmp_path, monkeypatch):
    """A kill while the old artifact is being deleted leaves the new one complete."""
    make(tmp_path / "out", "old")

    def killed(path, ignore_errors=False):
        if path.exists():
            assert (tmp_path / "out/file.txt").read_text() == "new"
            raise KeyboardInterrupt

    monkeypatch.setattr(artifact.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out", "new")
    monkeypatch.undo()
    assert read_card(tmp_path / "out", "report").content == content_digest(tmp_path / "out")
    make(tmp_path / "out", "newer")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_an_existing_target_is_replaced(tmp_path, what):
    target, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    {"file": target.touch, "link": lambda: target.symlink_to(other), "folder": target.mkdir}[what]()
    make(target)
    assert read_card(target, "report")
    assert list(other.iterdir()) == []


def test_no_card_is_a_mistake_of_the_stage(tmp_path):
    with pytest.raises(AssertionError, match="write_card"), building(tmp_path / "out"):
        pass
    assert not (tmp_path / "out").exists()


def test_content_digest_sees_names_and_bytes_and_not_the_place(tmp_path):
    make(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert content_digest(tmp_path / "a") == content_digest(tmp_path / "b")
    assert artifact_digest(tmp_path / "a") == artifact_digest(tmp_path / "b")
    (tmp_path / "b/file.txt").write_text("other")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")
    (tmp_path / "b/file.txt").write_text("content")
    (tmp_path / "b/file.txt").rename(tmp_path / "b/renamed.txt")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")


def test_reading_errors_are_one_line(tmp_path):
    with pytest.raises(ArtifactError, match="no finished report artifact"):
        read_card(tmp_path / "missing", "report")
    make(tmp_path / "out")
    with pytest.raises(ArtifactError, match="holds a report artifact where faces is needed"):
        read_card(tmp_path / "out", "faces")
    for damage in (b"{", b"\xff", b'{"kind": "report"}'):
        (tmp_path / "out" / CARD).write_bytes(damage)
        with pytest.raises(ArtifactError, match="cannot be read") as error:
            read_card(tmp_path / "out", "report")
        assert "\n" not in str(error.value)


def test_facts_are_read_as_their_type(tmp_path):
    with building(tmp_path / "out") as folder:
        write_card(folder, "report", PARAMS, inputs={}, counts={}, facts=Report(speed=Speed(frames=25)))
    card = read_card(tmp_path / "out", "report", Report)
    assert card.facts == Report(speed=Speed(frames=25))
    assert read_card(tmp_path / "out", "report").facts == {"speed": {"frames": 25}}
    record = card.record()
    assert record.facts.speed.frames == 25
    assert set(record.model_dump()) == set(card.model_dump()) - {"kind", "content"}


@pytest.mark.parametrize("facts", [{}, {"speed": {}}, {"speed": {"frames": 1}, "unknown": 2}])
def test_facts_of_another_version_are_refused_by_field(tmp_path, facts):
    with building(tmp_path / "out") as folder:
        write_card(folder, "report", PARAMS, inputs={}, counts={}, facts=facts)
    with pytest.raises(ArtifactError, match=r"card.json: cannot be read \(facts\.[a-z.]+: .*run the stage"):
        read_card(tmp_path / "out", "report", Report)
