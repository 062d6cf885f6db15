"""Times of frames: increasing, without gaps where a recording begins again."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from swapcore.video.timeline import Timeline


def placed(times, step=40):
    timeline = Timeline(step)
    return [timeline.place(time) for time in times]


def test_usual_times_stay():
    assert placed([-20, 0, 40, 41, 5000]) == [-20, 0, 40, 41, 5000]


def test_repeated_and_missing_times():
    assert placed([0, 40, 40, 39, 80]) == [0, 40, 41, 42, 80]
    assert placed([None, None, None]) == [0, 40, 80]


def test_a_new_beginning_continues():
    assert placed([7000, 7040, 0, 40, 80]) == [7000, 7040, 7080, 7120, 7160]


@given(st.lists(st.none() | st.integers(-(10**6), 10**6), max_size=60))
def test_times_increase(times):
    found = placed(times)
    assert all(after > before for before, after in itertools.pairwise(found))
