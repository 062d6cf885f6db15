"""The groups stage on drawn people."""

import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import Look, write_faces

from swapcore.config import FakeChecks, GroupsParams, read_params
from swapcore.data.artifact import (
    CARD,
    artifact_digest,
    content_digest,
    file_digest,
    partial_folder,
    read_card,
    write_card,
)
from swapcore.data.facts import TeacherFacts
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, CropRef, GroupSet
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.errors import ArtifactError, ParamsError
from swapcore.ops.image import decode
from swapcore.ops.masks import face_mask
from swapcore.stages.groups import run
from swapcore.teachers.warp import WarpTeacher
from tests.inference.small_model import write_model

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
LOOKS = [
    *[Look(person, picture, "train") for person in range(5) for picture in range(3)],
    Look(5, 0, "train"),
    *[Look(person, picture, "validation") for person in (6, 7) for picture in range(2)],
    *[Look(person, picture, "test") for person in (8, 9) for picture in range(2)],
]
FEW_LOOKS = [
    *[Look(person, picture, "train") for person in range(4) for picture in range(2)],
    *[Look(person, picture, "validation") for person in (6, 7) for picture in range(2)],
]
CHECKS = FakeChecks(min_changed_inside=1.0, max_changed_outside=1.0, min_identity_gain=0.05)


def section(**changes: object) -> GroupsParams:
    small = {
        "teacher": "warp",
        "size_px": 64,
        "references_per_label": 3,
        "sources_per_template": 2,
        "checks": CHECKS,
        "workers": 1,
    }
    return PARAMS.groups.model_copy(update=small | changes)


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_faces(tmp_path_factory.mktemp("drawn") / "faces", LOOKS, PARAMS)


@pytest.fixture(scope="session")
def made(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[GroupSet, dict[str, float]]:
    target = tmp_path_factory.mktemp("made") / "groups"
    metrics = run(section(), faces=faces, groups=target)
    return GroupSet(target), metrics


def few_section(**changes: object) -> GroupsParams:
    return section(references_per_label=1, sources_per_template=1, **changes)


@pytest.fixture(scope="session")
def few_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces for tests that make several artifacts, which take a fifth of a second per fake."""
    torch.set_num_threads(1)
    return write_faces(tmp_path_factory.mktemp("few") / "faces", FEW_LOOKS, PARAMS)


@pytest.fixture(scope="session")
def few(few_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> GroupSet:
    target = tmp_path_factory.mktemp("few-made") / "groups"
    run(few_section(), faces=few_faces, groups=target)
    return GroupSet(target)


@pytest.fixture
def groups(made: tuple[GroupSet, dict[str, float]]) -> GroupSet:
    return made[0]


def test_groups_are_of_both_kinds_and_both_splits(groups: GroupSet) -> None:
    kinds = Counter((row.kind, row.split) for row in groups.rows)
    # 15 photographs of people with several, 3 references each; 16 photographs, 2 sources each.
    assert kinds[FAKE_TEMPLATE, "train"] == 15 * 3
    assert kinds[FAKE_LABEL, "train"] == 16 * 2
    # Two people: each has one possible reference.
    assert kinds[FAKE_TEMPLATE, "validation"] == kinds[FAKE_LABEL, "validation"] == 4
    assert len(kinds) == 4
    assert len(groups.accepted("train")) > 0.8 * 77


def test_groups_follow_the_method(groups: GroupSet) -> None:
    for row in groups.rows:
        source, template, label = (groups.images[key] for key in (row.source, row.template, row.label))
        assert (row.source_identity, row.template_identity) == (source.identity, template.identity)
        assert source.origin == "real"
        assert row.source_identity != row.template_identity
        if row.kind == FAKE_TEMPLATE:
            assert (template.origin, label.origin) == ("fake", "real")
            assert source.identity == label.identity == template.template_identity
            assert source.key != label.key == template.face_key
        else:
            assert (template.origin, label.origin) == ("real", "fake")
            assert (label.identity, label.template_identity) == (source.identity, template.identity)
            assert label.face_key == template.key


def test_no_person_is_in_two_splits(groups: GroupSet) -> None:
    split_of_person = {f"p{look.person}": look.split for look in LOOKS}
    assert not any(split_of_person[row.identity] == "test" for row in groups.images.values())
    for image in groups.images.values():
        assert split_of_person[image.identity] == split_of_person[image.template_identity] == image.split
    for row in groups.rows:
        assert {groups.images[key].split for key in (row.source, row.template, row.label)} == {row.split}


def test_images_are_written_once_at_the_groups_size(groups: GroupSet) -> None:
    keys = list(groups.images)
    assert len({(row.shard, row.offset) for row in groups.images.values()}) == len(keys)
    assert sum(row.origin == "real" for row in groups.images.values()) == 20
    assert groups.size_px == 64
    assert all(groups.crops.image(CropRef(key)).shape == (64, 64, 3) for key in keys)
    assert all(np.asarray(row.points).max() < 64 for row in groups.images.values())
    with tarfile.open(groups.folder / "shard-00000.tar") as tar:
        assert [name.removesuffix(".png") for name in tar.getnames()] == keys


def test_fakes_differ_from_their_templates_inside_the_face_only(groups: GroupSet) -> None:
    for row in groups.images.values():
        if row.origin == "fake":
            fake, template = (groups.crops.image(CropRef(key)).astype(int) for key in (row.key, row.face_key))
            change = np.abs(fake - template).max(-1)
            mask = face_mask(np.asarray(row.points).reshape(5, 2), 64, softness=0, grow=1.9)
            assert change[mask == 0].max() == 0
            assert change[mask > 0].mean() > 1


def test_fakes_have_their_own_landmarks(groups: GroupSet) -> None:
    shifts = [
        np.abs(np.subtract(image.points, groups.images[image.face_key].points)).max()
        for image in groups.images.values()
        if image.origin == "fake"
    ]
    assert 0 < np.median(shifts) < 0.05 * 64


def test_card_metrics_and_index_agree(made: tuple[GroupSet, dict[str, float]], faces: Path) -> None:
    groups, metrics = made
    card = groups.card
    assert card.counts["people_of_one_photograph"] == 1
    assert card.counts["photographs"] == 20
    assert card.counts["fakes"] == sum(row.origin == "fake" for row in groups.images.values())
    rejected = Counter(row.reason for row in groups.rows if not row.accepted)
    assert card.rejections == dict(rejected)
    accepted = sum(
        card.counts[f"{kind}_{split}"] for kind in (FAKE_TEMPLATE, FAKE_LABEL) for split in ("train", "validation")
    )
    assert accepted == len(groups.rows) - sum(rejected.values())
    assert card.facts.size_px == 64
    assert card.facts.teacher == TeacherFacts(name="warp", version=WarpTeacher().version)
    assert card.facts.recognizer.kind == "torchscript"
    assert set(card.inputs) == {"faces"}
    assert metrics["groups/fakes"] == card.counts["fakes"]
    assert metrics["teacher/cosine_source"] > metrics["teacher/cosine_template"]
    assert all(isinstance(value, float) for value in metrics.values())
    assert (groups.folder / "recognizer.json").read_bytes() == (faces / "recognizer.json").read_bytes()
    assert decode((groups.folder / "sheet.png").read_bytes()).shape[1] == 8 * 130 - 2


def test_any_number_of_workers_gives_the_same_bytes(few: GroupSet, few_faces: Path, tmp_path: Path) -> None:
    run(few_section(workers=2), faces=few_faces, groups=tmp_path / "groups")
    assert content_digest(tmp_path / "groups") == content_digest(few.folder)
    cards = [json.loads((folder / CARD).read_text()) for folder in (tmp_path / "groups", few.folder)]
    assert cards[0] == cards[1]


@pytest.fixture(scope="module")
def model(few_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model with a card."""
    folder = write_model(tmp_path_factory.mktemp("models") / "model", read_recognizer_file(few_faces).network)
    write_card(folder, "model", PARAMS.train, inputs={}, counts={})
    return folder


def test_a_model_as_teacher_gives_the_same_bytes_by_port_and_by_params(
    few_faces: Path, model: Path, tmp_path: Path
) -> None:
    anything = FakeChecks(min_changed_inside=0, max_changed_outside=255, min_identity_gain=-2)
    run(few_section(checks=anything), faces=few_faces, teacher=model, groups=tmp_path / "port")
    named = few_section(workers=2, teacher="registered", teacher_model=str(model), checks=anything)
    run(named, faces=few_faces, groups=tmp_path / "params")
    cards = [read_card(tmp_path / name, "groups") for name in ("port", "params")]
    assert cards[0].content == cards[1].content
    digest = artifact_digest(model)
    for card in cards:
        assert card.facts["teacher"] == {"name": "registered", "version": digest}
        assert card.inputs["teacher"] == digest
    assert file_digest(tmp_path / "port" / "lineage" / "teacher.json") == digest
    assert (cards[0].params["teacher"], cards[0].params["teacher_model"]) == ("registered", None)


def test_another_seed_gives_other_groups(few: GroupSet, few_faces: Path, tmp_path: Path) -> None:
    run(few_section(seed=1), faces=few_faces, groups=tmp_path / "groups")
    other = GroupSet(tmp_path / "groups")
    assert {row.label for row in other.rows} != {row.label for row in few.rows}


def test_rejected_groups_are_kept_and_counted(few_faces: Path, tmp_path: Path) -> None:
    middle = CHECKS.model_copy(update={"min_changed_inside": 9.0})
    metrics = run(few_section(checks=middle), faces=few_faces, groups=tmp_path / "groups")
    groups = GroupSet(tmp_path / "groups")
    rejected = [row for row in groups.rows if not row.accepted]
    assert rejected
    assert all(row.reason == "unchanged" for row in rejected if row.changed_inside < 9)
    assert all(row.changed_inside >= 9 for row in groups.accepted("train"))
    assert 0 < metrics["groups/rejected_unchanged"] < 1
    assert groups.card.rejections["unchanged"] == sum(row.reason == "unchanged" for row in rejected)


@pytest.mark.parametrize(("looks", "message"), [
    ([Look(0, i, "train") for i in range(4)], "4 photographs of 1 training people"),
    ([Look(0, i, "test") for i in range(4)], "0 photographs of 0 training people"),
    ([Look(i, 0, "train") for i in range(4)], "4 of them with one photograph only"),
])  # fmt: skip
def test_too_few_people_or_photographs(looks: list[Look], message: str, tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces", looks, PARAMS)
    with pytest.raises(ArtifactError, match=message) as error:
        run(section(sources_per_template=0), faces=faces, groups=tmp_path / "groups")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "groups").exists()


def test_checks_that_reject_every_fake(few_faces: Path, tmp_path: Path) -> None:
    never = CHECKS.model_copy(update={"min_changed_inside": 250.0})
    with pytest.raises(ArtifactError, match=r"rejected: \d+ unchanged; .*groups\.checks"):
        run(few_section(checks=never), faces=few_faces, groups=tmp_path / "groups")


def test_params_that_do_not_fit(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"groups\.size_px: 128 .* 96 px"):
        run(section(size_px=128), faces=faces, groups=tmp_path / "groups")
    with pytest.raises(ParamsError, match="both are 0"):
        run(section(references_per_label=0, sources_per_template=0), faces=faces, groups=tmp_path / "groups")


def test_missing_faces(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no finished faces artifact"):
        run(section(), faces=tmp_path / "faces", groups=tmp_path / "groups")


def test_a_killed_run_can_be_run_again(few: GroupSet, few_faces: Path, tmp_path: Path) -> None:
    left = partial_folder(tmp_path / "groups")
    left.mkdir()
    (left / "shard-00000.tar").write_bytes(b"half")
    (left / "shard-00099.tar").write_bytes(b"older")
    run(few_section(), faces=few_faces, groups=tmp_path / "groups")
    assert content_digest(tmp_path / "groups") == content_digest(few.folder)
