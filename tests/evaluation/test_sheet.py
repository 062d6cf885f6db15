"""Which pairs are shown, and the sheet."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.pairs import draw_pairs
from swapcore.evaluation.scores import score_methods
from swapcore.evaluation.sheet import choose_pairs, render_pairs, sheet


@pytest.fixture
def scored(world):
    pairs = draw_pairs(world.rows, pairs_per_template=2, max_pairs=40, seed=0)
    methods = world.methods(world.true_swap)
    rows = score_methods(methods, pairs, world.evaluator, 8).of(MODEL)
    return pairs, methods, [replace(row, margin=float(i)) for i, row in enumerate(rows)]


def test_each_pair_is_chosen_once(scored):
    _, _, rows = scored
    chosen = choose_pairs(rows, 8, seed=0)
    assert [kind for kind, _ in chosen] == ["best", "best", "median", "median", "worst", "worst", "random", "random"]
    assert [row.margin for _, row in chosen[:6]] == [39, 38, 20, 19, 0, 1]
    assert len({row.pair for _, row in chosen}) == 8
    assert chosen == choose_pairs(rows, 8, seed=0)
    assert chosen[:6] == choose_pairs(rows, 8, seed=1)[:6]


def test_image_without_a_face_is_the_worst(scored):
    _, _, rows = scored
    rows[39] = replace(rows[39], no_face=1.0)
    assert dict(reversed(choose_pairs(rows, 4, seed=0)))["worst"].pair == 39


@pytest.mark.parametrize(("num_rows", "slice_rows"), [(1, ["best"]), (3, ["best", "median", "worst"])])
def test_choice_of_fewer_rows_than_kinds(scored, num_rows, slice_rows):
    assert [kind for kind, _ in choose_pairs(scored[2], num_rows, seed=0)] == slice_rows


def test_choice_of_more_rows_than_pairs(scored):
    assert len(choose_pairs(scored[2][:3], 8, seed=0)) == 3


def test_sheet_has_source_template_swap_and_true_swap(scored, world):
    pairs, methods, rows = scored
    shown = render_pairs(choose_pairs(rows, 4, seed=0), pairs, methods[:1], world.evaluator)
    assert list(shown[0].images) == ["source", "template", "model", "true swap"]
    picture = sheet(shown, 48)
    assert picture.shape == (4 * 50 - 2, 4 * 50 - 2, 3)
    first = world.faces[pairs[shown[0].row.pair].source].image
    assert (picture[:48, :48] == first).all()
    assert (picture[:48, 100:148] == picture[:48, 150:198]).all()  # the perfect swap is the truth
    assert np.unique(picture[48:50]).tolist() == [255]
