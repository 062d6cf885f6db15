"""Files are whole or not there."""

from pathlib import Path

import pytest

from swapcore.files import atomic_path, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_arrive_in_folders_that_are_made(tmp_path: Path) -> None:
    write_atomic(tmp_path / "new" / "a.txt", "ü")
    write_atomic(tmp_path / "new" / "b.bin", b"\x00\xff")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ü".encode()
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "new") == ["a.txt", "b.bin"]


def test_nothing_changes_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_after_an_error_only_the_old_file_remains(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_path(path) as temporary:
        left = temporary
        temporary.write_text("half a file that is longer")
    left.write_text("left behind")
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]
