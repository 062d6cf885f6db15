import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.ops.correspondence import (
    five_point_flow,
    gaussian_blur,
    guide_flow,
    interpolate_points,
    is_visible,
    signed_areas,
)

SIDE = 12


def grid_mesh(low: float = -0.6, high: float = 0.6) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (1, L, 2) of a regular grid and its triangles, all of positive area."""
    steps = torch.linspace(low, high, SIDE)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([x, y], -1).reshape(1, -1, 2)
    corners = [(row * SIDE + column) for row in range(SIDE - 1) for column in range(SIDE - 1)]
    triangles = [t for c in corners for t in ((c, c + 1, c + SIDE), (c + 1, c + SIDE + 1, c + SIDE))]
    return points, torch.tensor(triangles)


def test_areas_by_hand() -> None:
    points = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]])
    assert signed_areas(points, torch.tensor([[0, 1, 2], [0, 2, 1]])).tolist() == [[2.0, -2.0]]


def test_points_between_corners_by_hand() -> None:
    points = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]]])
    found = interpolate_points(points, torch.tensor([[0, 1, 2]]), torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]))
    assert found.tolist() == [[[[0.5, 1.0]], [[0.0, 4.0]]]]


@settings(max_examples=15, deadline=None)
@given(x=st.floats(-0.15, 0.15), y=st.floats(-0.15, 0.15), size=st.sampled_from([56, 112]))
def test_a_shift_is_found_inside_and_fades_outside(x: float, y: float, size: int) -> None:
    points, triangles = grid_mesh()
    flow, visible, near, _ = guide_flow(points + torch.tensor([x, y]), points, triangles, size)
    assert flow.shape == (1, 2, size, size)
    assert visible.shape == (1, 1, size, size)
    inside = slice(size // 4, 3 * size // 4)
    torch.testing.assert_close(
        flow[0, :, inside, inside],
        torch.tensor([x, y])[:, None, None].expand(2, size // 2, size // 2),
        atol=1e-4,
        rtol=0,
    )
    assert visible[0, 0, inside, inside].min() > 0.99
    assert flow[0, :, 0, 0].abs().max() < 0.02
    assert visible[0, 0, :2].max() < 0.01
    assert near[0, 0, inside, inside].min() > 0.99
    assert near[0, 0, 0, 0] < 0.1


def test_an_affine_is_found_to_a_tenth_of_a_pixel() -> None:
    points, triangles = grid_mesh()
    matrix = torch.tensor([[0.9, 0.1], [-0.1, 1.05]])
    flow = guide_flow(points @ matrix.T, points, triangles, 112).flow
    places = (torch.arange(112) + 0.5) / 56 - 1
    y, x = torch.meshgrid(places, places, indexing="ij")
    wanted = torch.stack([x, y], -1) @ matrix.T - torch.stack([x, y], -1)
    off = (flow[0].permute(1, 2, 0) - wanted)[30:82, 30:82] * 56
    assert off.norm(dim=-1).mean() < 0.1


def test_what_the_source_turns_away_is_not_visible() -> None:
    points, triangles = grid_mesh()
    source = points.clone()
    left = source[..., 0] < -0.1
    source[..., 0] = torch.where(left, -source[..., 0] - 0.2, source[..., 0])  # folded behind the right half
    visible = guide_flow(source, points, triangles, 112).visible
    assert visible[0, 0, 56, 35] < 0.05
    assert visible[0, 0, 56, 75] > 0.95


def test_the_flow_is_smooth_at_the_outline() -> None:
    """A flow that ends within a pixel draws the jaw as a row of beads."""
    points, triangles = grid_mesh()
    flow = guide_flow(points + 0.1, points, triangles, 112).flow
    for axis in (-1, -2):
        assert flow.diff(n=2, dim=axis).abs().max() < 0.015  # it was 0.061


def test_marked_triangles_are_found_in_the_output() -> None:
    points, triangles = grid_mesh()
    marked = (points[0, triangles, 0] > 0).all(1)
    flow, visible, near, at_marked = guide_flow(
        points + 0.1, points, triangles, 112, marked=torch.stack([marked, ~marked])
    )
    assert visible[0, 0, 56, 35] > 0.95
    assert visible[0, 0, 56, 75] > 0.95
    for of_mark, row, other in ((0, 75, 35), (1, 35, 75)):
        assert at_marked[0, of_mark, 56, row] > 0.95
        assert at_marked[0, of_mark, 56, other] < 0.05
    assert flow[0, 0, 56, 75].item() == pytest.approx(0.1, abs=1e-4)
    assert near[0, 0, 56, 75] > 0.99


def test_closed_triangles_do_not_show_their_surface() -> None:
    areas = torch.tensor([1.0, 0.05, -1.0])
    assert is_visible(areas, torch.ones(3)).tolist() == [True, False, False]


def test_points_outside_the_crop_do_no_harm() -> None:
    points, triangles = grid_mesh(-3.0, 3.0)
    flow, visible, _, _ = guide_flow(points, points, triangles, 56)
    assert torch.isfinite(flow).all()
    assert torch.isfinite(visible).all()


def test_five_points_move_what_is_near_them() -> None:
    template = torch.tensor([[[-0.25, -0.05], [0.25, -0.05], [0.0, 0.3], [-0.2, 0.45], [0.2, 0.45]]])
    flow, visible, *_ = five_point_flow(template + torch.tensor([0.1, 0.0]), template, 112)
    assert flow[0, 0, 70, 56].item() == pytest.approx(0.1, abs=1e-3)
    assert flow[0, 1].abs().max() < 1e-6
    assert flow[0, :, 0, 0].abs().max() == 0
    assert visible[0, 0, 70, 56] == 1
    assert visible[0, 0, 0, 0] == 0


def test_blur_keeps_constants_and_sums() -> None:
    constant = torch.full((1, 2, 16, 16), 3.0)
    torch.testing.assert_close(gaussian_blur(constant, 2.0), constant)
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    blurred = gaussian_blur(point, 2.0)
    assert blurred.sum().item() == pytest.approx(1.0)
    assert blurred[0, 0, 16, 18].item() / blurred[0, 0, 16, 16].item() == pytest.approx(np.exp(-0.5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_guide_is_the_same_under_autocast(dtype: torch.dtype) -> None:
    points, triangles = grid_mesh()
    moved = points + 0.03 * torch.sin(7 * points)
    exact = guide_flow(moved, points, triangles, 112)
    with torch.autocast("cpu", dtype):
        found = guide_flow(moved, points, triangles, 112)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=0)
