from pathlib import Path

import numpy as np
import pytest

from swapcore.errors import ArtifactError
from swapcore.ops.image import decode
from swapcore.synth.people import PARAMETERS, PictureRow, draw_person, draw_shots, place_of, read_shots
from swapcore.synth.render import render
from swapcore.synth.sheet import contact_sheet
from swapcore.synth.taking import save, take
from swapcore.tables import write_table


def test_a_row_renders_the_same_picture_again(tmp_path: Path) -> None:
    shot = draw_shots(3, 7, 2, 64, 0.7)[1]
    row = save(shot, next(take([shot], "cpu", 1)), tmp_path)
    write_table(tmp_path / PARAMETERS, PictureRow, [row])
    again = read_shots(tmp_path)["person-00007/0001.png"]
    assert again == shot
    picture = render(again.identity, again.attributes, again.size_px)
    assert picture.image.tobytes() == decode((tmp_path / shot.file).read_bytes()).tobytes()
    assert row.points == picture.points.ravel().tolist()


def test_more_pictures_change_none_before() -> None:
    assert draw_shots(3, 1, 4, 64, 0.5)[:2] == draw_shots(3, 1, 2, 64, 0.5)
    assert draw_shots(3, 1, 1, 64, 0.5)[0].identity != draw_shots(4, 1, 1, 64, 0.5)[0].identity


@pytest.mark.parametrize("seed", [1, 7, 123])
@pytest.mark.parametrize("num_people", [12, 30, 60])
def test_any_first_so_many_people_are_spread_evenly(seed: int, num_people: int) -> None:
    places = np.array([place_of(seed, person) for person in range(num_people)])
    for column in places.T:
        counts, _ = np.histogram(column, bins=3, range=(0.0, 1.0))
        assert np.abs(counts - num_people / 3).max() <= 2
    masculine = sum(draw_person(seed, person).masculinity > 0.5 for person in range(num_people))
    assert abs(masculine - num_people / 2) <= 2


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=PARAMETERS):
        read_shots(tmp_path)


def test_a_contact_sheet_has_people_in_rows() -> None:
    shots = draw_shots(1, 0, 3, 64, 0.5)
    sheet = contact_sheet([shots[0].identity], [shot.attributes for shot in shots], 64, 64)
    assert sheet.shape == (64, 3 * 66 - 2, 3)
    assert np.abs(sheet[:, :64].astype(int) - render(shots[0].identity, shots[0].attributes, 64).image).max() == 0
