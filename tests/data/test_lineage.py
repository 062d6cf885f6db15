"""An artifact carries the cards of all before it, and tells a person by the hash of a name."""

import pytest

from swapcore.config import Section
from swapcore.data.artifact import artifact_digest, file_digest, write_card
from swapcore.data.lineage import LINEAGE, PEOPLE, find_person, pass_on, pass_on_model, write_people
from swapcore.errors import ArtifactError


class NoParams(Section):
    pass


def make(folder, kind, inputs):
    folder.mkdir()
    (folder / "content").write_text(kind)
    return lambda: write_card(folder, kind, NoParams(), inputs=inputs, counts={})


def test_cards_are_handed_on_from_stage_to_stage(tmp_path):
    faces, groups, model = (tmp_path / name for name in ("faces", "groups", "model"))
    make(faces, "faces", {})()
    write = make(groups, "groups", {"faces": artifact_digest(faces)})
    pass_on("faces", faces, groups)
    write()
    make(model, "model", {})
    pass_on("groups", groups, model)
    assert file_digest(model / LINEAGE / "faces.json") == artifact_digest(faces)
    assert file_digest(model / LINEAGE / "groups.json") == artifact_digest(groups)


def test_photographs_without_a_card_have_nothing_to_hand_on(tmp_path):
    make(tmp_path / "own", "photographs", {})
    make(tmp_path / "faces", "faces", {})
    pass_on("photographs", tmp_path / "own", tmp_path / "faces")
    assert not (tmp_path / "faces" / LINEAGE).exists()


def test_a_person_is_found_by_name_and_the_name_is_not_there(tmp_path):
    write_people(tmp_path, "a" * 64, [("Zo\u00eb", "train"), ("Zo\u00eb", "train"), ("Ann", "test")])
    assert find_person(tmp_path, "Zoe\u0308") == {"split": "train", "photographs": 2}
    assert find_person(tmp_path / LINEAGE, "Ann") == {"split": "test", "photographs": 1}
    assert find_person(tmp_path, "ann") is None
    text = (tmp_path / LINEAGE / PEOPLE).read_text()
    assert "Ann" not in text
    first = text
    write_people(tmp_path, "b" * 64, [("Ann", "test")])
    names = [set(part.split('"')) for part in (first, (tmp_path / LINEAGE / PEOPLE).read_text())]
    assert not [name for name in names[0] & names[1] if len(name) == 32]


def test_a_models_own_people_are_handed_on_apart_and_found(tmp_path):
    model, groups, last = (tmp_path / name for name in ("model", "groups", "last"))
    write = make(model, "model", {})
    write_people(model, "a" * 64, [("Ann", "train")])
    write()
    write = make(groups, "groups", {"teacher": artifact_digest(model)})
    write_people(groups, "b" * 64, [("Bea", "train")])
    pass_on_model("teacher", model, groups)
    write()
    assert file_digest(groups / LINEAGE / "teacher.json") == artifact_digest(model)
    make(last, "model", {})
    pass_on("groups", groups, last)
    assert find_person(last, "Ann") == find_person(last, "Bea") == {"split": "train", "photographs": 1}
    assert find_person(last, "Cat") is None


def test_a_folder_without_people_and_a_damaged_list(tmp_path):
    assert find_person(tmp_path, "Ann") is None
    (tmp_path / PEOPLE).write_text("[]")
    with pytest.raises(ArtifactError, match=r"people\.json: cannot be read"):
        find_person(tmp_path, "Ann")
