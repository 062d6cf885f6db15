"""Files of the cache: complete or absent, written once, refused without space."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from swapcore import cache
from swapcore.cache import CACHE, cached_file, remove_unused
from swapcore.errors import InputError

USE = {"what": "the crops", "without": "set x to 0"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_is_written_once(folder: Path) -> None:
    written = []

    def write(path: Path) -> None:
        written.append(path)
        path.write_bytes(b"data")

    first, second = (cached_file("a/name", 4, write, **USE) for _ in range(2))
    assert first == second == folder / "a" / "name"
    assert first.read_bytes() == b"data"
    assert len(written) == 1


def test_an_interrupted_file_does_not_appear(folder: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_file("name", 4, fail, **USE)
    assert [path.name for path in folder.iterdir()] == [".name.lock"]
    assert cached_file("name", 4, lambda path: path.write_bytes(b"whole"), **USE).read_bytes() == b"whole"


def test_several_that_need_a_file_write_it_once(folder: Path) -> None:
    written = []

    def write(path: Path) -> None:
        written.append(threading.get_ident())
        path.write_bytes(b"x" * 1000)

    threads = [threading.Thread(target=cached_file, args=("name", 1000, write), kwargs=USE) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert (folder / "name").stat().st_size == 1000


def test_no_space_says_how_much_and_how_to_go_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    with pytest.raises(
        InputError, match=r"the crops needs 10 MB, 5 MB are free; .*SWAPCORE_CACHE.*set x to 0"
    ) as error:
        cached_file("name", 10_000_000, lambda path: path.write_bytes(b""), **USE)
    assert "\n" not in str(error.value)
    assert not (folder / "name").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE, str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match="cannot be written"):
        cached_file("name", 1, lambda path: path.write_bytes(b""), **USE)


def test_the_files_not_used_for_the_longest_time_are_removed(folder: Path) -> None:
    paths = [cached_file(f"{name}.crops", 100, lambda path: path.write_bytes(b"x" * 100), **USE) for name in "abcd"]
    for age, path in enumerate(paths):
        os.utime(path, (1000 - age, 1000 - age))
    remove_unused("*.crops", 250, keep=paths[3])
    assert [path for path in paths if path.exists()] == [paths[0], paths[3]]


def test_other_files_are_kept(folder: Path) -> None:
    other = cached_file("index.arrow", 100, lambda path: path.write_bytes(b"x" * 100), **USE)
    kept = cached_file("a.crops", 100, lambda path: path.write_bytes(b"x" * 100), **USE)
    remove_unused("*.crops", 0, keep=kept)
    assert other.exists()
    assert kept.exists()
