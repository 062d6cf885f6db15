import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from swapcore.config import SynthesizeParams, section_of
from swapcore.data.artifact import content_digest, read_card
from swapcore.data.manifests import read_manifest
from swapcore.errors import ParamsError
from swapcore.ops.image import decode
from swapcore.stages import synthesize
from swapcore.synth.identity import SHAPE_PARAMETERS
from swapcore.synth.layers import Part
from swapcore.synth.people import PARAMETERS, PictureRow, read_shots
from swapcore.synth.render import render
from swapcore.synth.truth_file import DEPTH_UNIT_CM, TRUTH, read_truth
from swapcore.tables import read_table

PARAMS = SynthesizeParams(
    first_person=0,
    num_people=2,
    images_per_person=2,
    size_px=64,
    attribute_range=0.7,
    write_truth=False,
    seed=1,
    device="cpu",
    batch_size=2,
    workers=1,
)


def test_a_part_has_the_same_people_as_the_whole(tmp_path: Path) -> None:
    synthesize.run(PARAMS.model_copy(update={"num_people": 3}), photographs=tmp_path / "whole")
    synthesize.run(PARAMS.model_copy(update={"first_person": 1}), photographs=tmp_path / "part")
    for name in ("person-00001/0001.png", "person-00002/0000.png"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "part/person-00000").exists()


def test_output_has_people_consent_parameters_and_card(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    assert synthesize.run(PARAMS, photographs=folder) == {"people": 2.0, "photographs": 4.0}
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert files == [f"person-0000{person}/000{picture}.png" for person in (0, 1) for picture in (0, 1)]
    rows = read_table(folder / PARAMETERS, PictureRow)
    assert [row.file for row in rows] == files
    assert {row.identity for row in rows} == {"person-00000", "person-00001"}
    card = read_card(folder, "photographs")
    assert card.counts == {"people": 2, "photographs": 4}
    assert sum(card.facts["skin_tone_sixths"]) == 2
    assert {sum(thirds) for thirds in card.facts["shape_thirds"].values()} == {2}
    assert set(card.facts["shape_thirds"]) == set(SHAPE_PARAMETERS)
    with (folder / "consent.csv").open(encoding="utf-8") as stream:
        assert list(csv.DictReader(stream)) == [
            {"identity": "*", "basis": "rendered; no real person is shown", "licence": "CC0-1.0", "expires": ""}
        ]


def test_truth_file_is_written_if_enabled(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    synthesize.run(PARAMS.model_copy(update={"write_truth": True}), photographs=folder)
    shots, truths = read_shots(folder), dict(read_truth(folder))
    assert list(truths) == list(shots)
    for file, shot in shots.items():
        picture = render(shot.identity, shot.attributes, shot.size_px)
        assert truths[file].parts.tobytes() == picture.parts.tobytes()
        assert np.array_equal(np.isinf(truths[file].depth), np.isinf(picture.depth))
        shown = np.isfinite(picture.depth)
        assert np.abs(truths[file].depth[shown] - picture.depth[shown]).max() <= DEPTH_UNIT_CM / 2 + 1e-4
    stated = read_card(folder, "photographs").facts["truth"]
    assert (stated["file"], stated["depth_unit_cm"], stated["parts"]["lip"]) == (TRUTH, DEPTH_UNIT_CM, Part.LIP)
    assert [entry.file for entry in read_manifest(folder).entries] == list(shots)
    assert read_manifest(folder).quarantine == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_missing_gpu_is_one_line(tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"device": "cuda", "workers": 0})
    with pytest.raises(ParamsError, match=r"^synthesize\.device: cuda is not available \(0 CUDA devices\); use cpu$"):
        synthesize.run(params, photographs=tmp_path / "people")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["mps", "auto", "gpu", "cuda:"])
def test_other_devices_are_refused_by_name(device: str) -> None:
    with pytest.raises(ParamsError, match=r"synthesize\.device"):
        section_of("synthesize", PARAMS.model_dump() | {"device": device})


def test_batches_of_a_device_are_those_of_the_compiled_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batched renderer on the CPU in place of a GPU; its batches of 3 images are of one and two people."""
    monkeypatch.setattr("swapcore.synth.batched.render.find_gpu", lambda _: torch.device("cpu"))
    update = {"device": "cuda", "images_per_person": 3, "batch_size": 6, "num_people": 3, "write_truth": True}
    params = PARAMS.model_copy(update=update)
    synthesize.run(params, photographs=tmp_path / "batched")
    synthesize.run(params.model_copy(update={"device": "cpu"}), photographs=tmp_path / "compiled")
    folders = [tmp_path / name for name in ("batched", "compiled")]
    cards = [read_card(folder, "photographs") for folder in folders]
    assert [card.facts["drawing"] for card in cards] == ["batched", "compiled"]
    assert cards[0].params == cards[1].params
    rows = [read_table(folder / PARAMETERS, PictureRow) for folder in folders]
    assert [row.points for row in rows[0]] == [row.points for row in rows[1]]
    for row in rows[0]:
        images = [decode((folder / row.file).read_bytes()) for folder in folders]
        assert np.abs(images[0].astype(int) - images[1]).mean() < 0.05
    truths = [dict(read_truth(folder)) for folder in folders]
    assert list(truths[0]) == list(truths[1]) == [row.file for row in rows[0]]


@pytest.mark.slow
def test_output_does_not_depend_on_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        synthesize.run(PARAMS.model_copy(update={"workers": workers, "write_truth": True}), photographs=folder)
    assert (tmp_path / "1" / TRUTH).read_bytes() == (tmp_path / "2" / TRUTH).read_bytes()
    assert (tmp_path / "1" / "card.json").read_bytes() == (tmp_path / "2" / "card.json").read_bytes()
    assert content_digest(tmp_path / "1") == content_digest(tmp_path / "2")


def test_failure_leaves_no_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(synthesize, "save", broken)
    with pytest.raises(RuntimeError, match="disk full"):
        synthesize.run(PARAMS, photographs=tmp_path / "people")
    assert not (tmp_path / "people").exists()
