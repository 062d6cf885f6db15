"""Which pairs are shown, and the sheet."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.pairs import draw_pairs
from swapcore.evaluation.scores import score_answers
from swapcore.evaluation.sheet import choose, sheet, show


@pytest.fixture
def judged(world):
    pairs = draw_pairs(world.rows, pairs_per_template=2, max_pairs=40, seed=0)
    answers = world.answers(world.true_swap)
    rows = score_answers(answers, pairs, world.bench, 8).of(MODEL)
    return pairs, answers, [replace(row, margin=float(i)) for i, row in enumerate(rows)]


def test_best_median_worst_and_random_are_shown_once(judged):
    _, _, rows = judged
    chosen = choose(rows, 8, seed=0)
    assert [kind for kind, _ in chosen] == ["best", "best", "median", "median", "worst", "worst", "random", "random"]
    assert [row.margin for _, row in chosen[:6]] == [39, 38, 20, 19, 0, 1]
    assert len({row.pair for _, row in chosen}) == 8
    assert chosen == choose(rows, 8, seed=0)
    assert chosen[:6] == choose(rows, 8, seed=1)[:6]


def test_a_picture_without_a_face_is_the_worst(judged):
    _, _, rows = judged
    rows[39] = replace(rows[39], no_face=1.0)
    assert dict(reversed(choose(rows, 4, seed=0)))["worst"].pair == 39


@pytest.mark.parametrize(("num_rows", "kinds"), [(1, ["best"]), (3, ["best", "median", "worst"])])
def test_fewer_rows_than_kinds(judged, num_rows, kinds):
    assert [kind for kind, _ in choose(judged[2], num_rows, seed=0)] == kinds


def test_fewer_pairs_than_rows(judged):
    assert len(choose(judged[2][:3], 8, seed=0)) == 3


def test_the_sheet_holds_source_template_swap_and_truth(judged, world):
    pairs, answers, rows = judged
    shown = show(choose(rows, 4, seed=0), pairs, answers[:1], world.bench)
    assert list(shown[0].pictures) == ["source", "template", "model", "truth"]
    picture = sheet(shown, 48)
    assert picture.shape == (4 * 50 - 2, 4 * 50 - 2, 3)
    first = world.faces[pairs[shown[0].row.pair].source].image
    assert (picture[:48, :48] == first).all()
    assert (picture[:48, 100:148] == picture[:48, 150:198]).all()  # the perfect swap is the truth
    assert np.unique(picture[48:50]).tolist() == [255]
