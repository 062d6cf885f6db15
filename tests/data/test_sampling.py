import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swapcore.config import AugmentParams, SamplingParams, read_params
from swapcore.data.crop_store import CropStore
from swapcore.data.feeding import prefetch
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, CropRef, GroupSet, realign
from swapcore.data.preparing import NUM_DRAWS, Augmentation, augment, draw_augmentations, occlude, recut
from swapcore.data.sampling import GroupSampler, spread
from swapcore.errors import ArtifactError, InputError
from swapcore.losses.jitter import Jitter, apply_jitter
from swapcore.ops.geometry import in_half_sides, invert
from swapcore.ops.image import Image, to_images
from swapcore.training.distributed import Processes
from tests.training.small_groups import SIZE_PX, draw_person, write_groups

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
OTHERS = AugmentParams(other_source=1.0, flip=0.0, shift=0.0, gain=0.0, occlusion=0.0)
STILL = AugmentParams(other_source=0.0, flip=0.0, shift=0.0, gain=0.0, occlusion=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_groups(tmp_path_factory.mktemp("data") / "groups", PARAMS)


def sampler(folder: Path, **changed: Any) -> GroupSampler:
    values: dict[str, Any] = {
        "fake_label_share": 0.25,
        "cache_megabytes": 10,
        "workers": 0,
        "prefetch": 3,
        "augment": STILL,
        "batch_size": 8,
        "seed": 0,
    }
    values |= changed
    params = SamplingParams(**{name: values.pop(name) for name in SamplingParams.model_fields})
    return GroupSampler(GroupSet(folder), params, size_px=SIZE_PX, **values)


def same(first: Any, second: Any) -> bool:
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs)


def test_shapes_and_ranges(folder: Path) -> None:
    batch = sampler(folder).batch(0)
    for image in (batch.source, batch.template, batch.label):
        assert image.shape == (8, 3, SIZE_PX, SIZE_PX)
        assert image.dtype == torch.float32
        assert image.min() >= -1
        assert image.max() <= 1
    assert batch.source_embedding.shape == batch.template_embedding.shape == (8, 12)


def test_a_batch_is_a_pure_function_of_seed_and_step(folder: Path) -> None:
    augment = AugmentParams(other_source=0.0, flip=0.5, shift=0.1, gain=0.1, occlusion=0.0)
    one, other = sampler(folder, augment=augment), sampler(folder, augment=augment)
    other.batch(3)  # earlier calls have no effect
    assert same(one.batch(7), other.batch(7))
    assert not same(one.batch(7), one.batch(8))
    assert not same(one.batch(7), sampler(folder, augment=augment, seed=1).batch(7))


def test_template_and_label_are_aligned_by_the_templates_landmarks(tmp_path: Path) -> None:
    moved, unmoved = np.array([[1.25, 0.0, -8.0], [0.0, 1.25, -6.0]]), np.eye(2, 3)
    groups = GroupSet(write_groups(tmp_path / "groups", PARAMS, fake_alignment=moved))
    expected: dict[str, list[np.ndarray]] = {FAKE_TEMPLATE: [], FAKE_LABEL: []}
    for row in groups.accepted("train"):
        alignment = moved if row.kind == FAKE_TEMPLATE else unmoved
        pair = [realign(groups.crops.image(CropRef(key)), alignment) for key in (row.template, row.label)]
        expected[row.kind].append(np.stack(pair).astype(int))
    drawn = sampler(groups.folder)
    for batch in map(drawn.batch, range(4)):
        for is_fake_label, *pair in zip(
            batch.is_fake_label, to_images(batch.template), to_images(batch.label), strict=True
        ):
            kind = FAKE_LABEL if is_fake_label else FAKE_TEMPLATE
            differences = [np.abs(np.stack(pair) - other) for other in expected[kind]]
            best = min(differences, key=np.mean)
            assert best.max() <= 1


def test_the_view_shows_each_label_aligned_by_its_own_landmarks(tmp_path: Path) -> None:
    moved, unmoved = np.array([[1.1, 0.1, -7.0], [-0.1, 1.1, 3.0]]), np.eye(2, 3)
    groups = GroupSet(write_groups(tmp_path / "groups", PARAMS, fake_alignment=moved))
    augment = AugmentParams(other_source=0.0, flip=0.5, shift=0.1, gain=0.0, occlusion=0.0)
    still = Jitter(torch.zeros(8, 2), torch.ones(8), torch.zeros(8))
    expected = []
    for row in groups.accepted("train"):
        alignment = moved if row.kind == FAKE_LABEL else unmoved
        expected.append(realign(groups.crops.image(CropRef(row.label)), alignment))
        expected.append(expected[-1][:, ::-1])

    def difference(image: Image) -> float:
        inner = np.s_[12:-12, 12:-12]
        return min(float(np.abs(image[inner].astype(int) - other[inner]).mean()) for other in expected)

    batch = sampler(groups.folder, augment=augment).batch(0)
    seen = to_images(apply_jitter(batch.label, still, batch.label_view))
    assert max(map(difference, seen)) < 4 < 7 < np.mean([difference(image) for image in to_images(batch.label)])


def test_other_images_of_the_source_person_are_drawn_but_never_the_label(folder: Path) -> None:
    images = GroupSet(folder).images
    chosen, free = sampler(folder), sampler(folder, augment=OTHERS)
    num_others = 0
    for step in range(10):
        before, after = chosen.batch(step), free.batch(step)
        assert torch.equal(after.label, before.label)
        for i in range(8):
            teachers = images[chosen.sources[int(before.source_index[i])]]
            drawn = images[free.sources[int(after.source_index[i])]]
            assert (drawn.origin, drawn.identity) == ("real", teachers.identity)
            assert not torch.equal(after.source[i], after.label[i])
            num_others += drawn.key != teachers.key
    assert num_others > 5


@pytest.mark.parametrize("num_shares", [2, 4])
def test_shares_are_disjoint_and_together_the_batch(folder: Path, num_shares: int) -> None:
    drawn = sampler(folder, augment=AugmentParams(other_source=0.5, flip=0.5, shift=0.1, gain=0.1, occlusion=0.0))
    whole = drawn.batch(3)
    for rank in range(num_shares):
        share = Processes(rank, num_shares).share(8)
        assert same(drawn.batch(3, share), whole.select(share))
    assert [row for rank in range(num_shares) for row in range(8)[Processes(rank, num_shares).share(8)]] == list(
        range(8)
    )


def test_the_cache_changes_nothing(folder: Path) -> None:
    assert same(sampler(folder).batch(0), sampler(folder, cache_megabytes=0).batch(0))


def test_crops_are_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWAPCORE_CACHE", str(tmp_path))
    first = sampler(folder).batch(0)
    monkeypatch.setattr("swapcore.data.crop_store.CropStore._decode", None)
    assert same(sampler(folder).batch(0), first)
    assert len(list(tmp_path.glob("*.crops"))) == 1


def test_a_cache_of_other_crops_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWAPCORE_CACHE", str(tmp_path))
    sampler(folder)
    (path,) = tmp_path.glob("*.crops")
    data = path.read_bytes()
    for damaged in (b"x" * 64 + data[64:], data[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="contains other crops than its name says; remove it"):
            sampler(folder)


def test_crops_that_do_not_fit_are_decoded_at_each_use(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    large = sampler(folder)
    monkey = CropStore(GroupSet(folder), np.arange(100), 1024, 10)
    assert "decoded at each use" in caplog.text
    assert monkey.take(np.array([0])).shape == (1, 1024, 1024, 3)
    assert large.batch(0).source.shape[-1] == SIZE_PX


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 1.0])
def test_the_share_of_fake_labels(folder: Path, share: float) -> None:
    numbers = [
        int(sampler_.is_fake_label.sum()) for sampler_ in map(sampler(folder, fake_label_share=share).batch, range(60))
    ]
    assert np.mean(numbers) == pytest.approx(8 * share, abs=0.3)
    assert max(numbers) - min(numbers) <= 1


def test_the_parts_of_a_group_belong_together(folder: Path) -> None:
    groups = GroupSet(folder)
    drawn = sampler(folder)
    batch = drawn.batch(0)
    rows = groups.accepted("train")
    for i in range(8):
        source = drawn.sources[int(batch.source_index[i])]
        label = ((batch.label[i] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        template = ((batch.template[i] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        kind = FAKE_LABEL if batch.is_fake_label[i] else FAKE_TEMPLATE
        assert any(
            row.kind == kind and row.source == source
            and np.array_equal(groups.crops.image(CropRef(row.label)), label)
            and np.array_equal(groups.crops.image(CropRef(row.template)), template)
            for row in rows
        )  # fmt: skip


def test_source_template_and_label_have_the_same_shift(folder: Path) -> None:
    groups = GroupSet(folder)
    drawn = sampler(
        folder, batch_size=4, augment=AugmentParams(other_source=0.0, flip=0.0, shift=0.05, gain=0.0, occlusion=0.0)
    )
    batch = drawn.batch(1)
    shifts = []
    for i in range(4):
        source = groups.crops.image(CropRef(drawn.sources[int(batch.source_index[i])]))
        candidates = [(x, y) for x in range(-3, 4) for y in range(-3, 4)]
        of_source = {at for at in candidates if np.array_equal(batch.source[i], shifted(source, at))}
        rows = [row for row in groups.accepted("train") if row.source == drawn.sources[int(batch.source_index[i])]]
        of_label = {
            at
            for at in candidates
            if any(np.array_equal(batch.label[i], shifted(groups.crops.image(CropRef(row.label)), at)) for row in rows)
        }
        assert of_source & of_label
        shifts.append(of_source)
    assert any((0, 0) not in found for found in shifts)


def shifted(image: Image, shift_px: tuple[int, int]) -> np.ndarray:
    return augmented(image, shift_px=shift_px)


def augmented(
    image: Image, *, flipped: bool = False, shift_px: tuple[int, int] = (0, 0), gain: Any = (1.0, 1.0, 1.0)
) -> np.ndarray:
    values = torch.tensor([flipped]), torch.tensor([shift_px]), torch.tensor([gain], dtype=torch.float32)
    return augment(torch.from_numpy(image[None]), Augmentation(*values))[0].numpy()


def reference(image: Image, flipped: bool, shift_px: tuple[int, int], gain: Any) -> np.ndarray:
    """The augmentation of one image in numpy, which trained the models before."""
    pixels = image[:, ::-1] if flipped else image
    x, y = shift_px
    columns = np.clip(np.arange(image.shape[1]) - x, 0, image.shape[1] - 1)
    rows = np.clip(np.arange(image.shape[0]) - y, 0, image.shape[0] - 1)
    light = np.minimum(pixels[rows[:, None], columns].astype(np.float32) * np.float32(gain), 255.0)
    return (light / np.float32(127.5) - 1.0).transpose(2, 0, 1)


@given(st.booleans(), st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 99))
def test_the_augmentation_equals_the_one_in_numpy(flipped: bool, x: int, y: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, gain = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8), rng.uniform(0.5, 1.5, 3).astype(np.float32)
    found = augmented(image, flipped=flipped, shift_px=(x, y), gain=gain.tolist())
    np.testing.assert_allclose(found, reference(image, flipped, (x, y), gain), atol=1e-6)


@given(st.integers(0, 999))
def test_recutting_agrees_with_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    angle, scale = rng.uniform(-0.2, 0.2), rng.uniform(0.9, 1.2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    alignment = np.hstack([turn, rng.uniform(-5, 5, (2, 1))])
    view = in_half_sides(invert(alignment), 64)
    found = recut(torch.from_numpy(image[None]), torch.from_numpy(view[None]).float())[0].numpy()
    assert np.abs(found.astype(int) - realign(image, alignment)).max() <= 1


def test_an_occluder_covers_where_it_is_opaque() -> None:
    images = torch.full((1, 2, 2, 3), 100, dtype=torch.uint8)
    occluders = torch.tensor(
        [[[[200, 0, 50, 255], [200, 0, 50, 0]], [[200, 0, 50, 51], [0, 0, 0, 0]]]], dtype=torch.uint8
    )
    found = occlude(images, occluders)[0]
    assert found.tolist() == [[[200, 0, 50], [100, 100, 100]], [[120, 80, 90], [100, 100, 100]]]


def test_only_training_people_are_drawn(folder: Path) -> None:
    drawn = sampler(folder)
    splits = {GroupSet(folder).images[key].split for key in drawn.sources}
    assert splits == {"train"}


def test_source_images_are_not_augmented(folder: Path) -> None:
    drawn = sampler(folder, augment=AugmentParams(other_source=0.0, flip=1.0, shift=0.2, gain=0.5, occlusion=0.0))
    first = drawn.source_images(0, 2)
    expected = GroupSet(folder).crops.image(CropRef(drawn.sources[0]))
    np.testing.assert_allclose((first[0].permute(1, 2, 0).numpy() + 1) * 127.5, expected, atol=1e-3)


@pytest.mark.parametrize(("kind", "way_out"), [(FAKE_TEMPLATE, "change the share to 0"), (FAKE_LABEL, "share to 1")])
def test_a_missing_kind_is_named(tmp_path: Path, kind: str, way_out: str) -> None:
    folder = write_groups(tmp_path / "groups", PARAMS, kinds=(kind,))
    with pytest.raises(ArtifactError, match=way_out):
        sampler(folder)


def test_augmentation_by_hand() -> None:
    image = np.zeros((3, 3, 3), np.uint8)
    image[:, 0] = 100
    plain = augmented(image)
    np.testing.assert_allclose(plain[0, 0], [100 / 127.5 - 1, -1, -1], rtol=1e-5)
    moved = augmented(image, shift_px=(1, 0))
    np.testing.assert_allclose(moved[0, 0], [100 / 127.5 - 1, 100 / 127.5 - 1, -1], rtol=1e-5)
    flipped = augmented(image, flipped=True, gain=(2.0, 1.0, 9.0))
    np.testing.assert_allclose(flipped[:, 0, 2], [200 / 127.5 - 1, 100 / 127.5 - 1, 1.0], rtol=1e-5)


def test_flip_probability_is_not_inverted() -> None:
    uniforms = np.random.default_rng(0).random((50, NUM_DRAWS))
    always, never = (AugmentParams(other_source=0.0, flip=flip, shift=0, gain=0, occlusion=0.0) for flip in (1.0, 0.0))
    assert draw_augmentations(always, 64, uniforms).flipped.all()
    assert not draw_augmentations(never, 64, uniforms).flipped.any()


@given(st.integers(0, 10_000), st.floats(0, 0.25), st.floats(0, 0.9))
def test_augmentations_stay_within_bounds(seed: int, shift: float, gain: float) -> None:
    params = AugmentParams(other_source=0.0, flip=0.5, shift=shift, gain=gain, occlusion=0.0)
    drawn = draw_augmentations(params, 64, np.random.default_rng(seed).random((3, NUM_DRAWS)))
    assert drawn.shift_px.abs().max() <= round(shift * 64)
    assert (drawn.gain - 1).abs().max() <= gain + 1e-6
    images = augment(torch.from_numpy(np.stack([draw_person(0, 0)] * 3)), drawn)
    assert images.min() >= -1
    assert images.max() <= 1


def test_every_shift_is_drawn_equally_often() -> None:
    params = AugmentParams(other_source=0.0, flip=0.5, shift=2 / 64, gain=0.1, occlusion=0.0)
    drawn = draw_augmentations(params, 64, np.random.default_rng(0).random((5000, NUM_DRAWS)))
    counts = np.bincount(drawn.shift_px[:, 0].numpy() + 2)
    assert len(counts) == 5
    assert counts.min() > 0.85 * 1000


@pytest.mark.parametrize("occlusion", [0.0, 1.0])
def test_occluders_are_drawn_over_template_and_label(folder: Path, occlusion: float) -> None:
    augment_ = STILL.model_copy(update={"occlusion": occlusion})
    plain, covered = sampler(folder).batch(0), sampler(folder, augment=augment_).batch(0)
    assert torch.equal(plain.source, covered.source)
    for part in ("template", "label"):
        changed = (getattr(plain, part) != getattr(covered, part)).flatten(1).any(1)
        assert changed.all() == changed.any() == bool(occlusion)


def test_prefetch_keeps_the_order_and_works_in_another_thread() -> None:
    threads = set()

    def make(step: int) -> int:
        threads.add(threading.current_thread().name)
        return step * step

    assert list(prefetch(make, range(3, 20))) == [step * step for step in range(3, 20)]
    assert threading.current_thread().name not in threads


def test_an_error_of_the_background_thread_arrives_at_its_step() -> None:
    def make(step: int) -> int:
        if step == 5:
            raise ValueError("step 5")
        return step

    items: Iterator[int] = prefetch(make, range(10))
    seen = []
    with pytest.raises(ValueError, match="step 5"):
        seen.extend(items)
    assert [next(prefetch(make, range(4, 5)))] == [4]


def test_prefetch_ends_early_without_hanging() -> None:
    items = prefetch(lambda step: step, range(1000))
    assert next(items) == 0
    items.close()


def test_spread() -> None:
    assert spread(list(range(10)), 4) == [0, 3, 6, 9]
    assert spread([1, 2], 4) == [1, 2]
