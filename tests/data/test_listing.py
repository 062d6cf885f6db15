"""Files below a folder: hidden names, links and loops, names that are no text, long and deep folders."""

import logging
import os
import unicodedata
from pathlib import Path

import pytest

from swapcore import files
from swapcore.data.listing import ListedFile, find_files
from swapcore.errors import InputError
from swapcore.files import fit_name, locked, printable
from swapcore.inference.listing import is_several, list_files, name_results


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def listed(folder, exclude=None):
    return {item.name: item.reason for item in find_files(folder, exclude)}


def test_hidden_and_system_files_are_named_once(tmp_path, caplog):
    touch(tmp_path / "ann/1.jpg")
    for name in (
        ".ipynb_checkpoints/1.jpg",
        "ann/@eaDir/1.jpg",
        "__MACOSX/ann/1.jpg",
        ".Trash-1000/1.jpg",
        "ann/Thumbs.db",
    ):
        touch(tmp_path / name)
    with caplog.at_level(logging.WARNING):
        assert listed(tmp_path) == {"ann/1.jpg": ""}
    (record,) = caplog.records
    assert (
        "skipped, as hidden or made by the system: .Trash-1000, .ipynb_checkpoints, __MACOSX and 2 more"
        in record.getMessage()
    )


def test_every_folder_is_listed_once_and_loops_end(tmp_path):
    touch(tmp_path / "in/zoe/1.jpg")
    touch(tmp_path / "elsewhere/2.jpg")
    (tmp_path / "in/also zoe").symlink_to(tmp_path / "in/zoe")
    (tmp_path / "in/bob").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/zoe/up").symlink_to(tmp_path / "in")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/broken").symlink_to(tmp_path / "none")
    assert listed(tmp_path / "in") == {
        "zoe/1.jpg": "", "bob/2.jpg": "", "also zoe": "listed-twice", "zoe/up": "link-loop", "bob/back": "link-loop",
        "broken": "",
    }  # fmt: skip


def test_links_cannot_multiply_files(tmp_path):
    for number in range(12):
        (tmp_path / f"in/{number:02d}").mkdir(parents=True)
    touch(tmp_path / "in/11/1.jpg")
    for number in range(11):
        for side in "ab":
            (tmp_path / f"in/{number:02d}/{side}").symlink_to(tmp_path / f"in/{number + 1:02d}")
    assert len(listed(tmp_path / "in")) == 1 + 22


def test_a_name_that_is_no_text_is_a_row(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")))
    assert listed(tmp_path) == {"a.jpg": "", "caf\\udce9.jpg": "bad-name"}


def test_the_results_are_excluded_also_by_another_path(tmp_path):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "out/a.jpg")
    (tmp_path / "alias").symlink_to(tmp_path / "out")
    assert listed(tmp_path, tmp_path / "alias") == {"a.jpg": ""}
    with pytest.raises(InputError, match="no such file"):
        list_files(str(tmp_path / "*" / "*.jpg"), tmp_path / "alias")


def test_very_deep_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(30):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    os.chdir(tmp_path)
    (row,) = find_files(tmp_path)
    assert row.reason == "unreadable"
    assert "File name too long" in row.detail


def test_a_folder_that_cannot_be_listed(tmp_path):
    with pytest.raises(InputError, match="cannot be listed"):
        find_files(tmp_path / "none")


def results(*names, taken=None):
    return {item.name: item.result_name for item in name_results([ListedFile(None, name) for name in names], taken)}


def test_every_result_has_a_name_of_its_own():
    assert results("x.gif", "x.gif.png", "y.png", "z.heic") == {
        "x.gif": "x.gif.2.png", "x.gif.png": "x.gif.png", "y.png": "y.png", "z.heic": "z.heic.png",
    }  # fmt: skip
    assert results("A.png", "a.png") == {"A.png": "A.png", "a.png": "a.2.png"}
    forms = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    assert len({unicodedata.normalize("NFC", name) for name in results(*forms).values()}) == 2
    assert results("a.gif", "a.gif.png/b.png")["a.gif"] == "a.gif.2.png"
    assert results("x.gif", "x.gif.png", taken={"x.gif": "x.gif.png"})["x.gif.png"] == "x.gif.2.png"


@pytest.mark.parametrize("length", [244, 246, 247, 250, 251, 255])
def test_long_names_fit(length):
    for suffix in (".png", ".gif"):
        name = "é" * ((length - 4) // 2) + "x" * (length % 2) + suffix
        (result,) = results(name).values()
        assert len(os.fsencode(result)) <= 255
        assert result.endswith(".png")
    assert len(os.fsencode(fit_name("n" * length, ".", ".partial"))) <= 255
    assert fit_name("a" * 255, ".", ".x") != fit_name("a" * 254 + "b", ".", ".x")


def test_files_and_folders_named_like_patterns(tmp_path):
    touch(tmp_path / "photos [2024]/a.png")
    touch(tmp_path / "what?.png")
    touch(tmp_path / "[ab]*.png")
    assert not is_several(str(tmp_path / "what?.png"))
    assert not is_several(str(tmp_path / "[ab]*.png"))
    assert [item.name for item in list_files(str(tmp_path / "photos [2024]" / "*.png"))] == ["a.png"]
    assert [item.name for item in list_files(str(tmp_path / "photos*" / "*.png"))] == ["photos [2024]/a.png"]


def test_a_pattern_follows_links_once(tmp_path):
    touch(tmp_path / "in/a.png")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    assert [item.name for item in list_files(str(tmp_path / "in" / "**" / "*.png"))] == ["a.png"]


def test_a_locked_folder_is_refused_and_released(tmp_path):
    with (
        locked(tmp_path / "out"),
        pytest.raises(InputError, match="another command is writing there"),
        locked(tmp_path / "out"),
    ):
        pass
    with locked(tmp_path / "out"):
        pass
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("happens", ["renamed", "deleted"])
def test_a_folder_that_is_replaced_before_it_is_locked_is_locked_again(tmp_path, monkeypatch, happens):
    folder, locks = tmp_path / "out.partial", []
    lock = files._lock

    def replaced_first(descriptor, target):
        if not locks:  # the command that held the lock ends between opening and locking
            folder.rename(tmp_path / "out") if happens == "renamed" else folder.rmdir()
        locks.append(target)
        lock(descriptor, target)

    monkeypatch.setattr(files, "_lock", replaced_first)
    with locked(folder, tmp_path / "out"):
        assert locks == [tmp_path / "out"] * 2
        with pytest.raises(InputError, match="out: another command is writing there"), locked(folder, tmp_path / "out"):
            pass


def test_printable_is_one_line():
    assert printable("a\nb\r\x1b[2Jé👩‍🚀\udce9") == "a\\nb\\r\\x1b[2Jé👩‍🚀\\udce9"
