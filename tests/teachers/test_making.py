"""Where a fake would have been cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from swapcore.faces.align import template_points
from swapcore.ops.geometry import apply, invert
from swapcore.teachers.making import alignment_of

SIZE = 112


@given(st.floats(0.7, 1.4), st.floats(-0.3, 0.3), st.floats(-9, 9), st.floats(-9, 9))
def test_the_alignment_moves_landmarks_to_their_standard_positions(
    scale: float, turn: float, x: float, y: float
) -> None:
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    moved = np.array([[a, -b, x], [b, a, y]])
    alignment = alignment_of(apply(moved, template_points(SIZE)), SIZE)
    np.testing.assert_allclose(alignment, invert(moved), atol=2e-3)


def test_landmarks_at_standard_positions_give_the_identity() -> None:
    points = template_points(SIZE)
    points[3:] += 5.0  # the mouth takes no part
    assert np.array_equal(alignment_of(points + 1e-6, SIZE), np.eye(2, 3))
