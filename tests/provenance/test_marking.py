"""Writing of marked images: formats, destinations, atomicity."""

import errno
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from swapcore.errors import InputError
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, write_marked

PROVENANCE = Provenance(
    action="swapped",
    model=ModelReference("swapcore", "3", "5a" * 32),
    ingredients=(Ingredient("source", "a.jpg", "01" * 32), Ingredient("template", "b.jpg", "02" * 32)),
)


def make_image(height: int = 96, width: int = 128) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(("suffix", "name"), [(".png", "PNG"), (".JPG", "JPEG"), (".jpeg", "JPEG"), (".webp", "WEBP")])
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / "new" / f"image{suffix}"
    write_marked(path, make_image(), PROVENANCE)
    with PIL.Image.open(path) as written:
        assert written.format == name
        assert np.abs(np.asarray(written.convert("RGB")).astype(int) - make_image()).mean() < 4
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("there.png", "exists already"), ("image.tiff", "cannot write .tiff"), ("folder.png", "is a folder")],
)
def test_a_bad_destination_is_refused_and_unchanged(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "there.png").write_bytes(b"precious")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=problem):
        write_marked(tmp_path / name, make_image(), PROVENANCE)
    assert (tmp_path / "there.png").read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 2


def test_overwrite_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(b"old")
    write_marked(path, make_image(), PROVENANCE, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_image_too_large_for_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"WEBP cannot hold 17000 x 16 px .*; write \.png"):
        write_marked(tmp_path / "wide.webp", np.zeros((16, 17_000, 3), np.uint8), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        write_marked(tmp_path / "image.png", make_image(), PROVENANCE)
    assert not list(tmp_path.iterdir())
