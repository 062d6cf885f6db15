"""One person stays one person, by folder or by face features, and gets replacements that are far and nobody else's."""

import numpy as np
import pytest

from swapcore.anonymization.identities import Face, mean_features, name_people
from swapcore.anonymization.replacements import SyntheticPerson, deal
from swapcore.anonymization.survey import FaceSeen

DIRECTIONS = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]


def seen(file: str, person: int, number: int = 0, width: float = 100.0) -> FaceSeen:
    noise = np.random.default_rng([person, len(file), number]).normal(size=16) * 0.05
    direction = DIRECTIONS[person] + noise
    return FaceSeen(file, number, [0, 0, width, width, 1], "", [0.0] * 6, list(direction / np.linalg.norm(direction)))


def test_in_a_flat_folder_features_decide():
    faces = [seen("a.png", 1), seen("b.png", 2), seen("c.png", 1), seen("d.png", 3), seen("e.png", 2)]
    names = name_people(faces)
    people = [names[Face(face.file, 0)] for face in faces]
    assert people == ["?1", "?2", "?1", "?3", "?2"]


def test_in_folders_the_largest_face_is_the_folders_person_and_a_guest_is_known_by_his_features():
    faces = [
        seen("anna/1.png", 1),
        seen("anna/2.png", 1),
        seen("anna/2.png", 2, number=1, width=60.0),
        seen("bert/1.png", 2),
        seen("bert/2.png", 4, number=1, width=30.0),
        seen("bert/2.png", 2),
    ]
    names = name_people(faces)
    assert [names[Face(face.file, face.number)] for face in faces] == ["anna", "anna", "bert", "bert", "?1", "bert"]


def test_a_person_of_a_folder_stays_one_even_where_features_disagree():
    faces = [seen("anna/1.png", 1), seen("anna/2.png", 5)]
    names = name_people(faces)
    assert set(names.values()) == {"anna"}
    assert np.linalg.norm(mean_features(faces, names)["anna"]) == pytest.approx(1.0)


def people_like(*directions: int) -> list[SyntheticPerson]:
    crop = np.zeros((8, 8, 3), np.uint8)
    return [SyntheticPerson(number, crop, DIRECTIONS[d].astype(np.float32)) for number, d in enumerate(directions)]


def test_replacements_are_far_and_dealt_once():
    originals = {"a": DIRECTIONS[1], "b": DIRECTIONS[2], "c": DIRECTIONS[3]}
    dealt = deal(originals, people_like(1, 2, 3, 4), 3)
    first = {name: numbers[0] for name, numbers in dealt.items()}
    assert len(set(first.values())) == 3
    assert all(first[name] != number for number, name in enumerate("abc"))
    assert all(len(set(numbers)) == 3 for numbers in dealt.values())


def test_more_originals_than_people_share_them_evenly():
    originals = {str(number): DIRECTIONS[number] for number in range(8)}
    dealt = deal(originals, people_like(9, 10, 11), 2)
    assert sorted(numbers[0] for numbers in dealt.values()) in (
        [0, 0, 0, 1, 1, 1, 2, 2],
        [0, 0, 0, 1, 1, 2, 2, 2],
        [0, 0, 1, 1, 1, 2, 2, 2],
    )
