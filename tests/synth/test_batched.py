"""The batched renderer against the compiled one, which is the reference."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.errors import ParamsError
from swapcore.synth.attributes import NEUTRAL, draw_attributes
from swapcore.synth.batched import expansion
from swapcore.synth.batched import render as batched
from swapcore.synth.batched.blur import blur, gaussian_kernels
from swapcore.synth.batched.expansion import expand, marked
from swapcore.synth.batched.render import render_on
from swapcore.synth.batched.zbuffer import bound_triangles, rasterize
from swapcore.synth.identity import HairStyle, Identity, draw_identity
from swapcore.synth.picture import Picture
from swapcore.synth.rasterize import rasterize as compiled_rasterize
from swapcore.synth.render import render
from swapcore.synth.subject import true_swap

CPU = torch.device("cpu")
MEAN_LEVELS, EDGE_PIXELS, DEPTH_CM = 0.01, 0.0005, 0.001
"""The renderer's promise: mean absolute difference in gray levels; share of pixels that show another part; mean of depths."""


def assert_agree(compiled: Picture, batch: Picture) -> None:
    assert batch.points.tobytes() == compiled.points.tobytes()
    for name in ("image", "parts", "depth", "visible"):
        assert getattr(batch, name).dtype == getattr(compiled, name).dtype
        assert getattr(batch, name).shape == getattr(compiled, name).shape
    assert np.abs(batch.image.astype(int) - compiled.image).mean() <= MEAN_LEVELS
    assert (batch.parts != compiled.parts).mean() <= EDGE_PIXELS
    assert (batch.visible != compiled.visible).sum() <= 1
    same = np.isfinite(batch.depth) & np.isfinite(compiled.depth)
    assert np.abs(batch.depth[same] - compiled.depth[same]).mean() <= DEPTH_CM
    assert (np.isfinite(batch.depth) != np.isfinite(compiled.depth)).mean() <= EDGE_PIXELS


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=3, unique=True), st.sampled_from([64, 80]))
@settings(max_examples=4, deadline=None)
def test_batches_agree_with_the_compiled_renderer(seeds: list[int], size_px: int) -> None:
    shots = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        shots.append((draw_identity(rng), draw_attributes(rng, 1.0).but(jpeg=0.0)))
    for shot, picture in zip(shots, render_on(CPU, shots, size_px), strict=True):
        assert_agree(render(*shot, size_px), picture)


SETTINGS = {
    "glasses and cap": {"glasses": 2, "headwear": 1, "collar": 1},
    "open mouth from below": {"mouth_open": 0.9, "smile": 0.6, "pitch_deg": -20.0, "light_elevation_deg": 0.0},
    "from behind": {"yaw_deg": 180.0},
    "near, with a hard light": {"distance_cm": 42.0, "span_cm": 20.0, "light_softness": 0.0, "ambient": 0.05},
    "cut by the border": {"shift_x_cm": 10.0, "shift_y_cm": -10.0, "span_cm": 24.0},
    "far": {"distance_cm": 400.0, "span_cm": 80.0, "background_blur": 1.0},
}


def test_unusual_settings_agree_in_one_batch(person: Identity) -> None:
    styles = [HairStyle.BOB, HairStyle.BALD, HairStyle.CURLY, HairStyle.HEADSCARF, HairStyle.BUZZ, HairStyle.LONG_WAVY]
    shots = [
        (person.but(hair_style=int(style), beard=0.8 * (number % 2)), NEUTRAL.but(**changes))
        for number, (style, changes) in enumerate(zip(styles, SETTINGS.values(), strict=True))
    ]
    for shot, picture in zip(shots, render_on(CPU, shots, 64), strict=True):
        assert_agree(render(*shot, 64), picture)


def test_a_true_swap_agrees() -> None:
    source, template = (draw_identity(np.random.default_rng(seed)) for seed in (3, 8))
    subject = true_swap(source, template)
    assert_agree(render(subject, NEUTRAL, 64), render_on(CPU, [(subject, NEUTRAL)], 64)[0])


def test_an_image_hardly_depends_on_its_batch(person: Identity) -> None:
    """Rounding may differ by the place in a tensor, but nothing of another image reaches this one."""
    shots = [(person, NEUTRAL), (draw_identity(np.random.default_rng(5)), NEUTRAL.but(yaw_deg=20, span_cm=22.0))]
    together = render_on(CPU, shots, 64)
    for shot, picture in zip(shots, together, strict=True):
        alone = render_on(CPU, [shot], 64)[0]
        difference = np.abs(alone.image.astype(int) - picture.image)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3
        assert np.array_equal(alone.parts, picture.parts)
    again = render_on(CPU, shots, 64)
    assert [each.image.tobytes() for each in again] == [each.image.tobytes() for each in together]
    assert render_on(CPU, [], 64) == []


def test_a_small_chunk_gives_the_same_images(person: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = [(person.but(hair_style=int(HairStyle.BOB)), NEUTRAL.but(glasses=3))]
    whole = render_on(CPU, shots, 64)[0]
    for module in ("expansion", "shading", "hair"):
        monkeypatch.setattr(f"swapcore.synth.batched.{module}.CHUNK", 5000)
    assert expansion.CHUNK == 5000
    assert np.abs(render_on(CPU, shots, 64)[0].image.astype(int) - whole.image).max() <= 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_counts_are_expanded(counts: list[int]) -> None:
    expected = [(owner, number) for owner, count in enumerate(counts) for number in range(count)]
    found = [
        pair
        for chunk in expand(torch.tensor(counts), sum(counts))
        for pair in zip(*map(torch.Tensor.tolist, chunk), strict=True)
    ]
    assert found == expected


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_marked_entries_are_found(mask: list[bool]) -> None:
    assert marked(torch.tensor(mask), sum(mask)).tolist() == [n for n, kept in enumerate(mask) if kept]


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_triangles_are_rasterized_as_by_the_compiled_loop(seed: int) -> None:
    """The nearest one is shown; depths are positive and negative, as in shadow maps."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-8, 40, (30, 3)).astype(np.float32)
    # Of the same corners only once: which of two equal triangles is shown depends on rounding.
    triangles = np.stack([np.roll(np.arange(30), -start)[:3] for start in rng.permutation(30)[:25]]).astype(np.int32)
    sides = rng.random(25) < 0.5
    number, size = int(rng.integers(0, 2)), 32
    boxes = bound_triangles(
        torch.from_numpy(corners), torch.from_numpy(triangles).long(), torch.full((25,), number), torch.from_numpy(sides), size
    )  # fmt: skip
    shown, depth = (each.view(2, size, size) for each in rasterize(boxes, int(boxes.counts.sum()), 2, size))
    expected, expected_depth = compiled_rasterize(corners, triangles, sides, size, size)
    assert (shown[number].numpy() != expected).mean() < 0.005
    same = shown[number].numpy() == expected
    np.testing.assert_allclose(depth[number].numpy()[same], expected_depth[same], rtol=1e-3, atol=1e-3)
    assert (shown[1 - number] == -1).all()


@given(st.floats(0.3, 6.0), st.floats(0.3, 6.0))
@settings(max_examples=10)
def test_the_blur_is_that_of_opencv(first: float, second: float) -> None:
    images = np.random.default_rng(1).random((2, 1, 64, 64)).astype(np.float32)
    blurred = blur(torch.from_numpy(images), torch.from_numpy(gaussian_kernels(np.array([[first], [second]]))))
    for image, result, sigma in zip(images, blurred, (first, second), strict=True):
        np.testing.assert_allclose(result[0].numpy(), cv2.GaussianBlur(image[0], (0, 0), sigma), atol=1e-5)


def test_a_full_memory_is_one_line(person: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(batched, "draw", full)
    with pytest.raises(
        ParamsError, match=r"synthesize\.batch_size: the memory of cpu is too small for 1 images of 64 px"
    ):
        render_on(CPU, [(person, NEUTRAL)], 64)
