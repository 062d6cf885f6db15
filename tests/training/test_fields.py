"""Training of the field generator on drawn people with five points, or with four mesh landmarks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from swapcore.config import Params
from swapcore.data.groups import LANDMARKS, SURFACE, GroupSet, PointsWriter
from swapcore.data.guiding import NUM_POINTS
from swapcore.errors import ArtifactError
from swapcore.training.step import train_step
from tests.training.conftest import merged
from tests.training.small_groups import SIZE_PX, write_groups

CORNERS = np.array([[16.0, 16.0, 0.0], [48.0, 16.0, 0.0], [16.0, 48.0, 0.0], [48.0, 48.0, 0.0]])


def fields(tiny, **changes):
    return tiny(**merged({"model": {"kind": "fields"}, "schedule": {"adversarial_start": 1.0}}, changes))


@pytest.fixture
def groups_with_landmarks(tmp_path: Path, pipeline_params: Params) -> GroupSet:
    """All images have the same four landmarks, shifted right by up to two pixels; the first has none."""
    folder = write_groups(tmp_path / "marked", pipeline_params)
    writer = PointsWriter(folder / LANDMARKS, 4, 3)
    for row in range(len(GroupSet(folder).images)):
        writer.add(None if row == 0 else np.add(CORNERS, [float(row % 3), 0.0, 0.0]))
    return GroupSet(folder)


def test_every_term_is_logged_and_the_total_is_their_sum(tiny, start) -> None:
    run = start(fields(tiny))
    metrics = train_step(run.state, run.sampler.batch(0), run.context)
    terms = {"pixel", "pixel_raw", "edges", "feature", "identity_source", "identity_template",
             "flow", "hidden", "blend", "paint", "still", "smooth"}  # fmt: skip
    assert {f"loss/{name}" for name in terms} <= set(metrics)
    assert metrics["loss/total"] == pytest.approx(sum(metrics[f"loss/{name}"] for name in terms), rel=1e-5)


def test_one_batch_overfits(tiny, start) -> None:
    run = start(fields(tiny, steps=120, schedule={"learning_rate": 0.003}))
    batch = run.sampler.batch(0)
    totals = [train_step(run.state, batch, run.context)["loss/total"] for _ in range(120)]
    assert totals[-1] < 0.5 * totals[0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_seed_same_loss(tiny, start, precision: str) -> None:
    def losses(name: str) -> list[float]:
        run = start(fields(tiny, precision=precision), name)
        return [train_step(run.state, run.sampler.batch(step), run.context)["loss/total"] for step in range(3)]

    assert losses("a") == losses("b")


def test_validation_logs_the_painted_share(tiny, start, tmp_path: Path) -> None:
    run = start(fields(tiny))
    metrics = run.loop.validate(run.state.ema, tmp_path / "sheet.png")
    assert 0 <= metrics["validation/painted"] <= 1
    assert {"validation/from_template", "validation/flow_px"} <= set(metrics)


def test_landmarks_become_guides_and_known_points(tiny, start, groups_with_landmarks: GroupSet) -> None:
    augment = {"other_source": 0.0, "flip": 0.0, "shift": 0.0, "gain": 0.0, "occlusion": 0.0}
    run = start(fields(tiny, sampling={"augment": augment}), groups=groups_with_landmarks)
    batch = run.sampler.batch(0)
    assert batch.guide_flow.shape == batch.guide_own_flow.shape == (4, 2, 64, 64)
    assert batch.guide_visible.shape == batch.guide_near.shape == (4, 1, 64, 64)
    moved = torch.unique((batch.known_source - batch.known_label)[..., 0].mul(SIZE_PX / 2).round(decimals=3))
    assert set(moved.tolist()) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert batch.known_visible.max() == 1


def test_mirrored_images_have_mirrored_landmarks(tiny, start, groups_with_landmarks: GroupSet) -> None:
    augment = {"other_source": 0.0, "flip": 1.0, "shift": 0.0, "gain": 0.0, "occlusion": 0.0}
    batch = start(fields(tiny, sampling={"augment": augment}), groups=groups_with_landmarks).sampler.batch(0)
    moved = (batch.known_source - batch.known_label)[..., 0].mul(SIZE_PX / 2)
    assert moved.abs().max() <= 2.001
    assert batch.known_visible.max() == 1  # mirror partners are swapped, so triangles keep their orientation


def test_a_share_of_a_batch_equals_the_rows_of_the_whole_batch(tiny, start) -> None:
    augment = {"other_source": 0.5, "flip": 0.5, "shift": 0.1, "gain": 0.1, "occlusion": 1.0}
    sampler = start(fields(tiny, sampling={"augment": augment})).sampler
    whole, half = sampler.batch(3), sampler.batch(3, slice(2, 4))
    for name, value in vars(half).items():
        expected = getattr(whole.select(slice(2, 4)), name)
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(expected)), name


def test_half_of_the_points_are_exact_ones(tiny, start, groups_with_landmarks: GroupSet) -> None:
    folder = groups_with_landmarks.folder
    writer = PointsWriter(folder / SURFACE, 3, 3)
    for row in range(len(groups_with_landmarks.images)):
        writer.add(np.array([[20.0, 20.0, 1.0], [30.0, 30.0, float(row % 2)], [40.0, 40.0, 0.0]]))
    augment = {"other_source": 0.0, "flip": 0.0, "shift": 0.0, "gain": 0.0, "occlusion": 0.0}
    batch = start(fields(tiny, sampling={"augment": augment}), groups=GroupSet(folder)).sampler.batch(0)
    exact = slice(NUM_POINTS // 2)
    places = batch.known_label[:, exact, 0].mul(SIZE_PX / 2).add(SIZE_PX / 2 - 0.5).round()
    assert set(places.flatten().tolist()) == {20.0, 30.0, 40.0}
    assert (batch.known_visible + batch.known_hidden <= 1).all()
    assert batch.known_visible[:, exact][places == 20].min() == 1
    assert batch.known_visible[:, exact][places == 40].max() == 0
    assert batch.known_hidden[:, exact][places == 40].max() == 0  # the label does not show them either


def test_a_file_of_points_that_does_not_fit_is_refused(groups_with_landmarks: GroupSet) -> None:
    with (groups_with_landmarks.folder / LANDMARKS).open("ab") as stream:
        stream.write(b"1234")
    with pytest.raises(ArtifactError, match=r"landmarks\.f32: .* bytes do not fit .* images; run groups again"):
        GroupSet(groups_with_landmarks.folder)
