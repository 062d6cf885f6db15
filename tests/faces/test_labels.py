"""Detection of wrong identity labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.faces.labels import identity_cosines, mean_of_people


def test_people_have_equal_weight():
    embeddings = np.array([[0, 0], [0, 0], [0, 0], [4, 8]], np.float32)
    np.testing.assert_allclose(mean_of_people(embeddings, ["a", "a", "a", "b"]), [2, 4])


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.integers(0, 99))
def test_the_mean_is_bit_identical_to_its_definition(names, seed):
    embeddings = np.random.default_rng(seed).normal(size=(len(names), 5)).astype(np.float32)
    of_person = [embeddings[np.array(names) == name].mean(0, dtype=np.float64) for name in dict.fromkeys(names)]
    expected = np.mean(of_person, axis=0).astype(np.float32)
    assert np.array_equal(mean_of_people(embeddings, names), expected)


def test_cosines_have_known_values():
    embeddings = np.array([[2, 1], [1, 2], [1, 2], [5, 1]], np.float32)
    cosines = identity_cosines(embeddings, ["a", "a", "a", "b"], np.array([1, 1], np.float32))
    assert cosines[3] is None
    assert cosines[:3] == pytest.approx([0.0, np.sqrt(0.5), np.sqrt(0.5)])


def test_wrong_label_has_the_lowest_cosine():
    generator = np.random.default_rng(0)
    people = generator.normal(size=(6, 128))
    labels = np.repeat(np.arange(6), 5)
    embeddings = (people[labels] + 0.3 * generator.normal(size=(30, 128)) + 10).astype(np.float32)
    embeddings[7] = people[4] + 10
    names = [str(label) for label in labels]
    cosines = identity_cosines(embeddings, names, mean_of_people(embeddings, names))
    assert int(np.argmin(cosines)) == 7
    assert cosines[7] < 0.2 < np.sort(cosines)[1]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(0, 99))
def test_cosines_are_bounded_and_none_for_single_faces(names, seed):
    embeddings = np.random.default_rng(seed).normal(size=(len(names), 8)).astype(np.float32)
    cosines = identity_cosines(embeddings, names, mean_of_people(embeddings, names))
    for name, cosine in zip(names, cosines, strict=True):
        assert (cosine is None) == (names.count(name) == 1)
        assert cosine is None or -1 - 1e-9 <= cosine <= 1 + 1e-9
