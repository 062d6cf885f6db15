import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.synth.rasterise import rasterise


def test_a_triangle_covers_the_pixels_whose_centers_it_holds() -> None:
    corners = torch.tensor([[0.0, 0.0, 5.0], [4.0, 0.0, 5.0], [0.0, 4.0, 5.0]])
    seen = rasterise(corners, torch.tensor([[0, 1, 2]]), None, 4, 4)
    covered = {(int(p) % 4, int(p) // 4) for p in seen.pixel}
    assert covered == {(x, y) for x in range(4) for y in range(4) if x + y <= 3}
    torch.testing.assert_close(seen.weights.sum(1), torch.ones(len(seen.pixel)))


def test_a_triangle_seen_from_behind_is_left_out() -> None:
    corners = torch.tensor([[0.0, 0.0, 5.0], [4.0, 0.0, 5.0], [0.0, 4.0, 5.0]])
    assert len(rasterise(corners, torch.tensor([[0, 2, 1]]), None, 4, 4).pixel) == 0


def test_the_nearest_wins_and_points_too() -> None:
    corners = torch.tensor([[0.0, 0, 5], [9, 0, 5], [0, 9, 5], [0, 0, 3], [9, 0, 3], [0, 9, 3]])
    points = torch.tensor([[0.5, 0.5, 2.0], [1.5, 0.5, 4.0]])
    seen = rasterise(corners, torch.tensor([[0, 1, 2], [3, 4, 5]]), points, 4, 4)
    assert seen.point[0] == 0
    assert seen.triangle[0] == -1
    assert (seen.triangle[1:] == 1).all()


def test_what_lies_outside_the_picture_is_cut() -> None:
    corners = torch.tensor([[-50.0, -50.0, 5.0], [90.0, -50.0, 5.0], [-50.0, 90.0, 5.0]])
    assert len(rasterise(corners, torch.tensor([[0, 1, 2]]), torch.tensor([[-1.0, 2.0, 1.0]]), 6, 6).pixel) == 36


@given(st.permutations(range(12)))
@settings(max_examples=25, deadline=None)
def test_the_picture_does_not_depend_on_the_order_of_triangles(order: list[int]) -> None:
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand((36, 3), generator=generator) * 20
    triangles = torch.arange(36).reshape(12, 3)
    plain = rasterise(corners, triangles, None, 20, 20)
    mixed = rasterise(corners, triangles[list(order)], None, 20, 20)
    assert torch.equal(plain.pixel, mixed.pixel)
    assert torch.equal(plain.triangle, torch.tensor(order)[mixed.triangle])
