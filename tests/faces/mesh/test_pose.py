"""Pose and expression of the mesh."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.five_points import eye_corners_and_nose, five_points
from swapcore.faces.mesh.mean_shape import MEAN_SHAPE, STIFF
from swapcore.faces.mesh.pose import measure_pose, rigid_fit
from swapcore.faces.mesh.topology import INNER_LIP_MIDDLES


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Pitch about x, then yaw about y, then roll about z; x right, y down, z away from the camera."""
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def face(seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(0, 1, (478, 3))
    points[list(STIFF)] = MEAN_SHAPE
    return points


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-170, 170), st.floats(5, 500))
def test_the_pose_of_a_rotated_face(yaw, pitch, roll, size):
    turned = size * face() @ rotation(*np.radians([yaw, pitch, roll])).T + [100, 50, 0]
    found = measure_pose(turned)
    np.testing.assert_allclose([found.yaw_deg, found.pitch_deg, found.roll_deg], [yaw, pitch, roll], atol=1e-6)


def test_rigid_fit_undoes_a_similarity():
    source = np.random.default_rng(1).normal(size=(9, 3))
    linear, shift = 2.5 * rotation(0.3, -0.2, 1.0), np.array([1.0, 2, 3])
    found = rigid_fit(source, source @ linear.T + shift)
    np.testing.assert_allclose(found[0], linear, atol=1e-9)
    np.testing.assert_allclose(found[1], shift, atol=1e-9)


def test_expression_by_hand():
    points = torch.zeros(1, 478, 3, dtype=torch.float64)
    points[0, 263] = torch.tensor([200.0, 0, 0])
    points[0, 133], points[0, 362] = torch.tensor([80.0, 0, 0]), torch.tensor([120.0, 0, 0])
    points[0, 14] = torch.tensor([0.0, 12, 16])
    points[0, 468], points[0, 473] = torch.tensor([48.0, 0, 0]), torch.tensor([168.0, 0, 0])
    found = measure_mesh_expression(points)
    assert found.mouth_open.item() == pytest.approx(10)
    assert found.gaze_x.item() == pytest.approx(10)
    assert found.gaze_y.item() == pytest.approx(0)


def test_expression_has_gradients_where_lips_touch():
    points = torch.from_numpy(face(2))[None].requires_grad_()
    with torch.no_grad():
        points[0, INNER_LIP_MIDDLES[1]] = points[0, INNER_LIP_MIDDLES[0]]
    torch.stack(list(measure_mesh_expression(points))).sum().backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()


def test_five_points_follow_a_similarity():
    points = face(3)
    linear = 3 * rotation(0, 0, 0.7)[:2, :2]
    moved = np.column_stack([points[:, :2] @ linear.T + [5, 6], points[:, 2]])
    for measure in (five_points, eye_corners_and_nose):
        np.testing.assert_allclose(measure(moved), measure(points) @ linear.T + [5, 6], atol=1e-9)
