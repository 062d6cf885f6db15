"""Names of uploads cannot leave their folder, and large images are refused by their header."""

import io
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from swapcore.app.uploads import relative_name, save_photographs
from swapcore.errors import ImageError


@given(st.text(max_size=300))
def test_no_name_leaves_its_folder_or_hides(given: str) -> None:
    name = relative_name(given, "image.png")
    path = Path("/root") / name
    assert path.resolve() == path
    assert path.is_relative_to("/root")
    assert 1 <= len(Path(name).parts) <= 3
    assert all(not part.startswith(".") and len(part) <= 80 for part in Path(name).parts)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("anna/1.jpg", "anna/1.jpg"), ("C:\\images\\1.jpg", "C_/images/1.jpg"), ("../../etc/passwd", "etc/passwd"),
        ("a/b/c/d.png", "b/c/d.png"), (".hidden.png", "hidden.png"), ("", "image.png"), ("zoë 1.png", "zoë 1.png"),
    ],
)  # fmt: skip
def test_names(given: str, name: str) -> None:
    assert relative_name(given, "image.png") == name


def test_equal_names_stay_apart(tmp_path: Path) -> None:
    files = [FileStorage(io.BytesIO(bytes([n])), name) for n, name in enumerate(("a.png", "A.png", "a.png"))]
    assert save_photographs(files, tmp_path) == ["a.png", "A (2).png", "a (3).png"]
    assert (tmp_path / "a (3).png").read_bytes() == b"\2"


def test_a_large_image_is_refused_by_its_header(tmp_path: Path) -> None:
    data = io.BytesIO()
    PIL.Image.new("L", (6000, 5000)).save(data, "PNG")
    data.seek(0)
    with pytest.raises(ImageError, match="more than 25 megapixels"):
        save_photographs([FileStorage(data, "large.png")], tmp_path)
