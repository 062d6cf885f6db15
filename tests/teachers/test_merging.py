"""Merging of groups artifacts of different people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swapcore.config import Params, read_params
from swapcore.data.artifact import artifact_digest, content_digest, read_card, write_card
from swapcore.data.groups import IMAGES, INDEX, LANDMARKS, CropRef, GroupRow, GroupSet, ImageRow, PointsWriter
from swapcore.data.lineage import LINEAGE
from swapcore.errors import ArtifactError
from swapcore.tables import read_table, write_table
from swapcore.teachers.merging import merge_groups
from tests.training.small_groups import write_groups


def write_part(folder: Path, params: Params, name: str, *, landmarks: bool = True, seed: int = 0) -> Path:
    """A groups artifact of three people, whose names begin with ``name``."""
    write_groups(folder, params, splits=("train", "train", "validation"))
    images, rows = read_table(folder / IMAGES, ImageRow), read_table(folder / INDEX, GroupRow)
    shift = float(ord(name))
    write_table(
        folder / IMAGES, ImageRow, [replace(row, key=name + row.key, identity=name + row.identity) for row in images]
    )
    keys = ("key", "source", "template", "label", "source_identity", "template_identity")
    write_table(
        folder / INDEX, GroupRow, [replace(row, **{key: name + getattr(row, key) for key in keys}) for row in rows]
    )
    writer = PointsWriter(folder / LANDMARKS, 4, 3)
    for row in range(len(images) * landmarks):
        writer.add(np.full((4, 3), shift + row))
    (folder / LINEAGE).mkdir()
    (folder / LINEAGE / "people.json").write_text(f'{{"salt": "{name}", "people": {{}}}}')
    card = read_card(folder, "groups")
    write_card(
        folder,
        "groups",
        params.groups.model_copy(update={"seed": seed}),
        inputs={"faces": name},
        counts=card.counts | {"people": 3},
        facts=card.facts,
    )
    return folder


@pytest.fixture(scope="module")
def pipeline_params() -> Params:
    return read_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def parts(tmp_path: Path, pipeline_params: Params) -> list[Path]:
    return [write_part(tmp_path / name, pipeline_params, name) for name in ("a", "b")]


def test_all_rows_images_and_points_are_in_the_whole(parts: list[Path], tmp_path: Path) -> None:
    merge_groups(parts, tmp_path / "whole")
    whole, sets = GroupSet(tmp_path / "whole"), [GroupSet(part) for part in parts]
    assert whole.rows == [row for part in sets for row in part.rows]
    assert list(whole.images) == [key for part in sets for key in part.images]
    for part in sets:
        for key in part.images:
            np.testing.assert_array_equal(whole.crops.image(CropRef(key)), part.crops.image(CropRef(key)))
            own, copied = (each.crops.stored_landmarks(each.crops.numbers([CropRef(key)])) for each in (part, whole))
            np.testing.assert_array_equal(copied, own)
    assert whole.card.counts == {name: sum(part.card.counts[name] for part in sets) for name in sets[0].card.counts}
    np.testing.assert_allclose(whole.embedding_mean, np.mean([part.embedding_mean for part in sets], axis=0), atol=1e-6)


def test_the_whole_names_its_parts_and_keeps_their_people(parts: list[Path], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    merge_groups(parts, whole)
    card = read_card(whole, "groups")
    assert card.content == content_digest(whole)
    for number, part in enumerate(parts):
        assert card.inputs[f"part-{number:04d}"] == artifact_digest(part)
        kept = whole / LINEAGE / f"part-{number:04d}"
        assert artifact_digest(part) == artifact_digest_of(kept / "groups.json")
        assert (kept / "people.json").read_text() == (part / LINEAGE / "people.json").read_text()


def artifact_digest_of(card: Path) -> str:
    copy = card.with_name("card.json")
    copy.write_bytes(card.read_bytes())
    return artifact_digest(card.parent)


def test_a_part_given_twice_is_refused(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="image ap0-0 is in two parts; give parts of different people"):
        merge_groups([parts[0], parts[0]], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_parts_of_other_params_are_refused(parts: list[Path], tmp_path: Path, pipeline_params: Params) -> None:
    other = write_part(tmp_path / "c", pipeline_params, "c", seed=5)
    with pytest.raises(ArtifactError, match="c: made with other params than"):
        merge_groups([*parts, other], tmp_path / "whole")


def test_a_part_without_landmarks_is_refused(parts: list[Path], tmp_path: Path, pipeline_params: Params) -> None:
    other = write_part(tmp_path / "c", pipeline_params, "c", landmarks=False)
    with pytest.raises(ArtifactError, match=r"landmarks\.f32: missing, but other parts have it"):
        merge_groups([*parts, other], tmp_path / "whole")
