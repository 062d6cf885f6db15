"""Batch swaps: one row per template, resuming, and results of different settings kept apart."""

import csv
import errno
import os
import shutil

import pytest

from swapcore.cli import main as cli
from swapcore.errors import InputError
from swapcore.files import locked
from swapcore.inference.batch import JOURNAL, swap_many
from swapcore.inference.journal import Journal
from swapcore.inference.listing import list_files


@pytest.fixture
def templates(photographs, tmp_path):
    folder = tmp_path / "templates"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(photographs / "template.png", folder / "a.png")
    shutil.copy(photographs / "template.png", folder / "deep" / "b.png")
    shutil.copy(photographs / "no_face.png", folder / "no_face.png")
    (folder / "notes.txt").write_text("not a photograph")
    (folder / "text.jpg").write_text("nor this")
    return folder


def read_rows(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_template_has_a_row_and_every_swap_a_file(model, photographs, templates, tmp_path):
    out = tmp_path / "out"
    swap_many(photographs / "source.png", str(templates), out, model=model)
    rows = {row["file"]: row for row in read_rows(out / JOURNAL)}
    assert {name: (row["status"], row["reason"]) for name, row in rows.items()} == {
        "a.png": ("swapped", ""),
        "deep/b.png": ("swapped", ""),
        "no_face.png": ("refused", "no-face"),
        "notes.txt": ("refused", "not-an-image"),
        "text.jpg": ("refused", "not-an-image"),
    }
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == ["a.png", "deep/b.png", JOURNAL]


def test_an_interrupted_command_continues_and_a_finished_one_does_nothing(model, photographs, templates, tmp_path):
    out = tmp_path / "out"
    ask = {"source": photographs / "source.png", "templates": str(templates), "out": out, "model": model}
    swap_many(**ask)
    journal = (out / JOURNAL).read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(journal) if line.startswith("deep/b.png"))
    (out / JOURNAL).write_text("".join(journal[:place]) + journal[place][:20])  # interrupted in mid-line
    kept = (out / "a.png").stat().st_mtime_ns
    rows = swap_many(**ask)
    assert (out / "a.png").stat().st_mtime_ns == kept
    assert sorted(row.file for row in rows if row.status == "swapped") == ["a.png", "deep/b.png"]
    assert len(read_rows(out / JOURNAL)) == 5


def test_other_settings_need_another_folder(model, photographs, templates, tmp_path):
    out = tmp_path / "out"
    swap_many(photographs / "source.png", str(templates / "a*.png"), out, model=model)
    with pytest.raises(InputError, match="another source"):
        swap_many(photographs / "template.png", str(templates / "a*.png"), out, model=model)
    rows = swap_many(photographs / "template.png", str(templates / "a*.png"), out, model=model, overwrite=True)
    assert [row.status for row in rows] == ["swapped"]


def test_a_file_without_a_row_is_not_replaced(model, photographs, templates, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"precious")
    rows = swap_many(photographs / "source.png", str(templates / "a*.png"), out, model=model)
    assert [(row.status, "exists already" in row.detail) for row in rows] == [("refused", True)]
    assert (out / "a.png").read_bytes() == b"precious"


def test_results_are_not_taken_for_templates(templates):
    names = [item.name for item in list_files(str(templates), exclude=templates / "deep")]
    assert names == ["a.png", "no_face.png", "notes.txt", "text.jpg"]
    assert [item.name for item in list_files(str(templates / "*" / "*.png"))] == ["deep/b.png"]


def test_a_folder_or_pattern_without_files_is_one_line(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="no such file"):
        list_files(str(loop))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no such file"):
        list_files(str(tmp_path / "empty"))


def test_an_unreadable_folder_is_a_row(templates, monkeypatch):
    import os

    scandir = os.scandir

    def refuse(path):  # root can read everything, so the system's error is simulated
        if str(path).endswith("deep"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (row,) = (item for item in list_files(str(templates)) if item.reason)
    assert (row.name, row.reason, row.detail) == ("deep", "unreadable", "cannot be listed (Permission denied)")


def test_a_journal_with_other_columns_is_refused(tmp_path, model, photographs, templates):
    out = tmp_path / "out"
    out.mkdir()
    (out / JOURNAL).write_text("file,mood\na.png,good\n")
    with pytest.raises(InputError, match="its columns are not"):
        swap_many(photographs / "source.png", str(templates), out, model=model)


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(["-q", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_errors_of_the_command_are_one_line(model, photographs, templates, tmp_path, capsys):
    source, template = str(photographs / "source.png"), str(photographs / "template.png")
    good = ["swap", source, template, "--model", str(model), "--output", str(tmp_path / "c.png")]
    assert run(capsys, *good)[0] == 0
    code, _, printed = run(capsys, *good)
    assert (code, printed.count("\n"), "pass --overwrite" in printed) == (2, 1, True)
    assert run(capsys, *good, "--overwrite")[0] == 0
    code, _, printed = run(capsys, *good[:2], str(templates), "--model", str(model), "--output", str(tmp_path / "out"))
    assert (code, printed.count("\n"), "3 of 5 files were refused" in printed) == (2, 1, True)
    code, _, printed = run(capsys, *good[:3], "--output", str(tmp_path / "d.png"), "--model", "models:/none")
    assert (code, printed.count("\n")) == (2, 1)
    code, _, printed = run(capsys, *good, "--face", "some")
    assert code == 2


def test_a_full_disk_leaves_no_partial_file(model, photographs, tmp_path, capsys, monkeypatch):
    from pathlib import Path

    write_bytes = Path.write_bytes

    def full(path, data):
        write_bytes(path, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    source, template = str(photographs / "source.png"), str(photographs / "template.png")
    out = tmp_path / "c.png"
    code, _, printed = run(capsys, "swap", source, template, "--model", str(model), "--output", str(out))
    assert (code, "free some space" in printed) == (1, True)
    assert not list(tmp_path.iterdir())


def test_a_journal_keeps_types(tmp_path):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Entry:
        name: str
        share: float
        good: bool

    Entry.__annotations__ = {"name": str, "share": float, "good": bool}
    with Journal(tmp_path / "j.csv", Entry) as journal:
        journal.add(Entry('a, "b"\nc', 0.25, True))
        journal.add(Entry("d", 1.0, False))
        journal.add(Entry("e\rf\r\ng", 0.5, False))
    written = (tmp_path / "j.csv").read_bytes()
    rows = [Entry('a, "b"\nc', 0.25, True), Entry("d", 1.0, False), Entry("e\rf\r\ng", 0.5, False)]
    assert Journal(tmp_path / "j.csv", Entry).rows == rows
    for length in range(len(written)):  # interrupted anywhere, also inside a name with a line break
        (tmp_path / "j.csv").write_bytes(written[:length])
        found = Journal(tmp_path / "j.csv", Entry).rows
        assert found == rows[: len(found)]


def test_names_of_every_length_and_kind_are_processed_or_one_row(model, photographs, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    data = (photographs / "template.png").read_bytes()
    names = [
        "n" * 251 + ".png",
        "é" * 125 + ".jfif",
        "no suffix",
        "wrong.jpg",
        "x.gif",
        "x.gif.png",
        "line\nbreak\r.png",
    ]
    for name in names:
        (folder / name).write_bytes(data)
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(data)
    source = photographs / "source.png"
    rows = {row.file: row for row in swap_many(source, str(folder), out, model=model)}
    assert {name for name, row in rows.items() if row.status == "swapped"} == set(names)
    assert rows["caf\\udce9.png"].reason == "bad-name"
    assert len({row.out for row in rows.values() if row.out}) == len(names)
    assert all((out / row.out).is_file() for row in rows.values() if row.out)
    written = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != JOURNAL}
    assert len(written) == len(names)
    swap_many(source, str(folder), out, model=model)  # finds its own rows again
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != JOURNAL} == written


def test_a_second_command_into_the_same_folder_is_refused(model, photographs, templates, tmp_path, capsys):
    with locked(tmp_path / "out"):
        words = [str(photographs / "source.png"), str(templates), "--model", str(model), "-o", str(tmp_path / "out")]
        code, _, printed = run(capsys, "swap", *words)
    assert (code, printed.count("\n"), "another command is writing there" in printed) == (2, 1, True)


def test_a_folder_without_images_is_rows_and_exit_code_2(model, photographs, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no image")
    words = [str(photographs / "source.png"), str(tmp_path / "in"), "--model", str(model), "-o", str(tmp_path / "out")]
    code, printed, _ = run(capsys, "swap", *words)
    assert (code, "0 images swapped" in printed) == (2, True)
    assert [row["reason"] for row in read_rows(tmp_path / "out" / JOURNAL)] == ["not-an-image"]


def test_an_input_is_not_replaced(model, photographs, tmp_path, capsys):
    template = tmp_path / "t.png"
    shutil.copy(photographs / "template.png", template)
    (tmp_path / "alias.png").symlink_to(template)
    before = template.read_bytes()
    words = [str(photographs / "source.png"), str(template), "--model", str(model), "--overwrite"]
    for out in (template, tmp_path / "alias.png"):
        code, _, printed = run(capsys, "swap", *words, "-o", str(out))
        assert (code, "is an input of the swap" in printed) == (2, True)
    assert template.read_bytes() == before
