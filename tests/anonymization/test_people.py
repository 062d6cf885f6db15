"""Grouping of faces by person, and assignment of replacements."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.anonymization import replacements
from swapcore.anonymization.complexion import complexion_distance, measure_complexion
from swapcore.anonymization.folder import NUM_CANDIDATES
from swapcore.anonymization.identities import FaceKey, mean_complexions, mean_embeddings, name_people
from swapcore.anonymization.replacements import SyntheticPerson, assign, replacement_identity
from swapcore.anonymization.survey import DetectedFace
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.find import find_faces
from swapcore.hub.face_swapper import face_of_square
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.people import draw_person
from swapcore.synth.render import render

DIRECTIONS = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]


def detected(file: str, person: int, number: int = 0, width: float = 100.0) -> DetectedFace:
    noise = np.random.default_rng([person, len(file), number]).normal(size=16) * 0.05
    direction = DIRECTIONS[person] + noise
    return DetectedFace(
        file, number, [0, 0, width, width, 1], "", [0.0] * 6, list(direction / np.linalg.norm(direction))
    )


def test_in_a_flat_folder_people_are_grouped_by_embedding():
    faces = [
        detected("a.png", 1),
        detected("b.png", 2),
        detected("c.png", 1),
        detected("d.png", 3),
        detected("e.png", 2),
    ]
    names = name_people(faces)
    people = [names[FaceKey(face.file, 0)] for face in faces]
    assert people == ["?1", "?2", "?1", "?3", "?2"]


def test_in_folders_the_largest_face_is_the_person_and_others_are_grouped_by_embedding():
    faces = [
        detected("anna/1.png", 1),
        detected("anna/2.png", 1),
        detected("anna/2.png", 2, number=1, width=60.0),
        detected("bert/1.png", 2),
        detected("bert/2.png", 4, number=1, width=30.0),
        detected("bert/2.png", 2),
    ]
    names = name_people(faces)
    assert [names[FaceKey(face.file, face.number)] for face in faces] == ["anna", "anna", "bert", "bert", "?1", "bert"]


def test_a_folder_is_one_person_even_if_embeddings_differ():
    faces = [detected("anna/1.png", 1), detected("anna/2.png", 5)]
    names = name_people(faces)
    assert set(names.values()) == {"anna"}
    assert np.linalg.norm(mean_embeddings(faces, names)["anna"]) == pytest.approx(1.0)


def people_like(*directions: int) -> list[SyntheticPerson]:
    face = face_of_square(np.zeros((8, 8, 3), np.uint8), np.zeros((5, 2)), 8)
    return [SyntheticPerson(number, face, DIRECTIONS[d].astype(np.float32)) for number, d in enumerate(directions)]


def test_replacements_are_unlike_the_originals_and_distinct():
    originals = {"a": DIRECTIONS[1], "b": DIRECTIONS[2], "c": DIRECTIONS[3]}
    assigned = assign(originals, people_like(1, 2, 3, 4), 3)
    first = {name: numbers[0] for name, numbers in assigned.items()}
    assert len(set(first.values())) == 3
    assert all(first[name] != number for number, name in enumerate("abc"))
    assert all(len(set(numbers)) == 3 for numbers in assigned.values())


def test_more_originals_than_people_share_them_evenly():
    originals = {str(number): DIRECTIONS[number] for number in range(8)}
    assigned = assign(originals, people_like(9, 10, 11), 2)
    assert sorted(numbers[0] for numbers in assigned.values()) in (
        [0, 0, 0, 1, 1, 1, 2, 2],
        [0, 0, 0, 1, 1, 2, 2, 2],
        [0, 0, 1, 1, 1, 2, 2, 2],
    )


def test_few_originals_choose_among_many_people(monkeypatch):
    """Rendered originals are alike to many rendered people, so a choice of a few would leave no replacement unlike them."""
    shown = face_of_square(np.zeros((16, 16, 3), np.uint8), np.full((5, 2), 8.0), 8)
    monkeypatch.setattr(replacements, "portrait", lambda *_, **__: shown)
    drawn = replacements.draw_replacements(2, 0, DirectionsModel(), workers=1)
    assert len(drawn) == 14
    assigned = assign({"anna": DIRECTIONS[0], "bert": DIRECTIONS[1]}, drawn, NUM_CANDIDATES)
    chosen = [number for numbers in assigned.values() for number in numbers]
    assert len(chosen) == len(set(chosen)) == 2 * NUM_CANDIDATES


class DirectionsModel:
    """Embeds the n-th crop as the n-th direction."""

    size_px, max_crop_px = 8, 8

    def embed(self, crops: np.ndarray, batch_size: int = 16) -> np.ndarray:
        return DIRECTIONS[: len(crops)].astype(np.float32)


def test_the_replacement_has_brows_of_the_originals_color():
    """Gray brows below black hair look wrong, so of two equally unlike people the brows decide."""
    black, gray = np.array([60.0, -35.0, -10.0, -15.0]), np.array([60.0, -5.0, -12.0, -18.0])
    people = [replace(one, complexion=brows) for one, brows in zip(people_like(1, 2), (gray, black), strict=True)]
    originals = {"dark": DIRECTIONS[3], "old": DIRECTIONS[4]}
    assert assign(originals, people, 1, {"dark": black, "old": gray}) == {"dark": [1], "old": [0]}
    # An original whose complexion is not known gets who is left.
    assert assign(originals, people, 1, {"old": black}) == {"dark": [0], "old": [1]}


def test_a_likeness_outweighs_the_color_of_brows():
    black, gray = np.array([60.0, -35.0, -10.0, -15.0]), np.array([60.0, -5.0, -12.0, -18.0])
    people = [replace(one, complexion=brows) for one, brows in zip(people_like(1, 2), (gray, black), strict=True)]
    assert assign({"dark": DIRECTIONS[2]}, people, 1, {"dark": black}) == {"dark": [0]}


def test_people_have_the_mean_complexion_of_their_faces():
    faces = [replace(detected(f"anna/{n}.png", 1), complexion=[float(n)] * 4) for n in range(3)]
    faces += [detected("anna/9.png", 1), detected("bert/1.png", 2)]
    means = mean_complexions(faces, name_people(faces))
    assert list(means) == ["anna"]
    assert means["anna"].tolist() == [1.0] * 4


@pytest.mark.skipif(not is_installed(), reason="needs the face mesh")
def test_gray_brows_differ_from_black_ones_more_than_light_does():
    def shown(gray: float, ambient: float) -> np.ndarray:
        person = draw_person(31, 1).but(face_hair_darkness=1.0, face_hair_gray=gray, brow_density=1.0, skin_tone=0.3)
        image = render(person, NEUTRAL.but(ambient=ambient), 256).image
        return measure_complexion(image, find_faces(image, every=False)[0].points)

    black, lit, gray = shown(0.0, 0.4), shown(0.0, 0.6), shown(0.8, 0.4)
    assert complexion_distance(black, gray) > 2 * complexion_distance(black, lit)
    assert measure_complexion(np.zeros((8, 8, 3), np.uint8), None) is None


def test_replacements_have_no_deep_lines():
    assert max(replacement_identity(0, number).wrinkles for number in range(40)) <= 0.3
    assert max(replacement_identity(0, number).age for number in range(40)) <= 0.45
