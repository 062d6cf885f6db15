"""The evaluate stage on small artifacts: complete, reproducible, with one-line errors."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from swapcore.config import CropParams, EvaluateParams, GroupsParams, NetworkParams, TrainParams, read_params
from swapcore.data.artifact import artifact_digest, card_params, read_card, write_card
from swapcore.data.faces import INDEX, FaceRow, FaceSet
from swapcore.data.shards import ShardWriter
from swapcore.errors import ArtifactError, ParamsError
from swapcore.evaluation import baselines
from swapcore.evaluation.evaluator import read_truth
from swapcore.evaluation.identity import SELF_EVALUATED
from swapcore.evaluation.inputs import read_inputs
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.slices import rendered_expression
from swapcore.faces.align import template_points
from swapcore.hub.references import LocatedModel
from swapcore.models.artifact import ModelConfiguration, save_generator
from swapcore.stages import evaluate, synthesize
from swapcore.synth.people import PARAMETERS, read_shots
from swapcore.tables import read_table, write_table
from tests.card_facts import faces_facts, model_facts

SIZE = 64
DLIB = {"kind": "dlib", "path": None, "sha256": None}
PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
GROUPS: GroupsParams = PARAMS.groups
TRAIN: TrainParams = PARAMS.train
CROP: CropParams = PARAMS.crop


@pytest.fixture
def params() -> EvaluateParams:
    return PARAMS.evaluate.model_copy(
        update={
            "pairs_per_template": 1,
            "max_pairs": 3,
            "sheet_rows": 4,
            "batch_size": 4,
            "bootstrap_samples": 100,
            "device": "cpu",
        }
    )


def write_recognizer(folder: Path) -> None:
    (folder / "recognizer.json").write_text(json.dumps({"network": DLIB, "embedding_mean": [0.0] * 128}))


def write_faces(folder: Path, num_test: int) -> Path:
    """Blurred noise, two pictures a person; the first num_test people are the test split."""
    rng = np.random.default_rng(0)
    rows = []
    with ShardWriter(folder) as shards:
        for person in range(num_test + 2):
            coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            for turn in range(2):
                image = np.kron(np.roll(coarse, turn, 0), np.ones((8, 8, 1), np.uint8))
                place = shards.add(f"p{person}-{turn}", image)
                rows.append(_row(person, turn, "test" if person < num_test else "train", place))
    write_table(folder / INDEX, FaceRow, rows)
    write_recognizer(folder)
    write_card(folder, "faces", CROP, inputs={}, counts={"faces": len(rows)}, facts=faces_facts(SIZE))
    return folder


def _row(person: int, turn: int, split: str, place) -> FaceRow:
    return FaceRow(
        key=f"p{person}-{turn}", file=f"{person}/{turn}.png", identity=f"person {person}", split=split,
        photo_sha256="0" * 64, photo_width=64, photo_height=64, box=[0.0, 0.0, 64.0, 64.0], landmarks=[0.0] * 10,
        affine=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], crop_points=template_points(SIZE).ravel().tolist(), eye_distance_px=16.0,
        sharpness=0.1, brightness=0.5, clipped=0.0, yaw_deg=0.0, roll_deg=0.0, perceptual_hash="0" * 16,
        embedding=[0.0] * 128, identity_cosine=None, consent_basis="made up", consent_licence="CC0",
        shard=place.shard, offset=place.offset, size=place.size,
    )  # fmt: skip


def write_model(
    folder: Path, faces: Path, inputs: dict[str, str] | None = None, params: dict[str, object] | None = None
) -> Path:
    """An untrained generator; inputs and params are those of its groups."""
    folder.mkdir()
    torch.manual_seed(0)
    shape = TRAIN.model.model_copy(update={"width": 8, "num_levels": 1, "num_fusion_blocks": 1, "compose_scale": 1})
    configuration = ModelConfiguration(generator=shape, size_px=SIZE, embedding_size=128, pooled_size=1472)
    save_generator(folder, configuration.build(), configuration)
    write_recognizer(folder)
    (folder / "losses.csv").write_text("step,loss/total\n1,2.5\n2,2.0\n")
    facts = model_facts(
        SIZE,
        inputs=inputs or {"faces": artifact_digest(faces)},
        params=card_params(GROUPS) if params is None else params,
    )
    write_card(folder, "model", TRAIN, inputs={}, counts={}, facts=facts)
    return folder


@pytest.fixture
def faces(tmp_path) -> Path:
    return write_faces(tmp_path / "faces", num_test=3)


@pytest.fixture
def model(tmp_path, faces) -> Path:
    return write_model(tmp_path / "model", faces)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_report_is_complete_and_reproducible(params, faces, model, tmp_path):
    metrics = evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    again = evaluate.run(params, faces=faces, model=model, report=tmp_path / "again")
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == [
        "card.json", "identity_scatter.svg", "metrics.json", "pairs.parquet", "report.html", "sheet.png", "slices.parquet",
        "slices.svg", "speed.json",
    ]  # fmt: skip
    for name in set(names) - {"speed.json"}:
        assert (tmp_path / "report" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    written = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert written == {name: value for name, value in metrics.items() if not name.startswith("speed/")}
    assert metrics["speed/ms_batch1"] > 0
    assert metrics.keys() == again.keys()
    assert {"identity/margin", "teacher/identity/margin", "template_copied/identity/gain"} <= metrics.keys()
    assert metrics["template_copied/identity/gain"] == 0


def test_card_has_inputs_and_recognizer(params, faces, model, tmp_path):
    evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    card = read_card(tmp_path / "report", "report")
    assert card.inputs == {"faces": artifact_digest(faces), "model": artifact_digest(model)}
    protocol = card.facts.pop("protocol")
    assert (protocol["recognizer"], protocol["size_px"]) == ("dlib", "64")
    expected = {
        "recognizer": SELF_EVALUATED,
        "self_evaluated": True,
        "size_px": SIZE,
        "worst_slice": None,
        "champion": None,
    }
    assert card.facts == expected
    assert card.counts == {"pairs": 3, "people": 3}
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("made up, CC0 (6 photographs)") == 2
    assert "not proven" not in page
    assert "first 33.3 %, top 5 100.0 %" in page
    rows = read_table(tmp_path / "report" / "pairs.parquet", ScoreRow)
    test = {row.key for row in FaceSet(faces).rows if row.split == "test"}
    assert {row.source for row in rows} | {row.template for row in rows} <= test


def test_training_network_as_recognizer_is_self_evaluated(params, faces, model, tmp_path):
    named = params.model_copy(update={"recognizer": NetworkParams.model_validate(DLIB)})
    evaluate.run(named, faces=faces, model=model, report=tmp_path / "report")
    assert read_card(tmp_path / "report", "report").facts["self_evaluated"]


def test_faces_of_another_run_are_noted_in_the_report(params, faces, tmp_path):
    model = write_model(tmp_path / "model", faces, inputs={"faces": "0" * 64})
    evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    assert "not proven that training did not use the test people" in (tmp_path / "report" / "report.html").read_text()


def test_unavailable_teacher_is_noted_in_the_report(params, faces, tmp_path):
    model = write_model(tmp_path / "model", faces, params={})
    metrics = evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    assert not [name for name in metrics if name.startswith("teacher/")]
    assert "swap is not shown" in (tmp_path / "report" / "report.html").read_text()


def test_dense_warp_is_shown_for_the_oracle_teacher(params, faces, tmp_path):
    taught = GROUPS.model_copy(update={"teacher": "oracle"}).model_dump(mode="json", exclude={"workers"})
    model = write_model(tmp_path / "model", faces, params=taught)
    metrics = evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    assert "teacher/inside/l1" in metrics  # 0: the mesh finds no face in drawn images, which the warp then leaves alone
    page = (tmp_path / "report" / "report.html").read_text()
    assert "dense warp" in page
    assert "teacher’s swap" not in page


def test_one_test_person_is_rejected(params, tmp_path):
    faces = write_faces(tmp_path / "faces", num_test=1)
    model = write_model(tmp_path / "model", faces)
    with pytest.raises(ArtifactError, match=r"1 people in the test split.*crop\.split\.test"):
        evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("name", ["recognizer.json", "weights.safetensors", "model.json", "card.json"])
def test_damaged_model_is_named(params, faces, model, tmp_path, name):
    (model / name).write_text("{")
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        evaluate.run(params, faces=faces, model=model, report=tmp_path / "report")


def test_missing_recognizer_is_named(params, faces, model, tmp_path):
    network = NetworkParams(kind="onnx", path=tmp_path / "recognizer.onnx", sha256="0" * 64)
    with pytest.raises(ParamsError, match=r"recognizer\.onnx"):
        evaluate.run(
            params.model_copy(update={"recognizer": network}), faces=faces, model=model, report=tmp_path / "report"
        )


def test_truth_is_known_for_synthesized_photographs_only(params, faces, model, tmp_path):
    shown = PARAMS.synthesize.model_copy(update={"num_people": 2, "images_per_person": 2, "size_px": 64, "workers": 1})
    synthesize.run(shown, photographs=tmp_path / "photographs")
    (faces / PARAMETERS).write_bytes((tmp_path / "photographs" / PARAMETERS).read_bytes())
    truth = read_truth(read_inputs(params, faces, model))
    files = sorted(read_shots(faces))
    unknown = FaceSet(faces)[0]
    source, template = replace(unknown, file=files[0]), replace(unknown, file=files[-1])
    true = truth.swap(source, template)
    assert true.shape == (64, 64, 3)
    assert (true != truth.swap(template, template)).any()
    assert truth.swap(source, unknown) is None
    assert truth.swap(unknown, template) is None
    attributes = read_shots(faces)[files[-1]].attributes
    assert truth.pose(template) == (attributes.yaw_deg, attributes.pitch_deg, -attributes.roll_deg)
    assert truth.pose(unknown) is None
    assert truth.expression(template) == rendered_expression(attributes)


def test_photographs_have_no_truth(params, faces, model):
    assert read_truth(read_inputs(params, faces, model)) is None


def test_champion_is_compared_and_pinned_in_the_card(params, faces, model, tmp_path, monkeypatch):
    located = LocatedModel(model, "swapcore", "3", "5a" * 32)
    monkeypatch.setattr(baselines, "resolve_model", lambda reference: located)  # no registry here
    named = params.model_copy(update={"champion": "models:/swapcore@champion"})
    evaluate.run(named, faces=faces, model=model, report=tmp_path / "report")
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    own = {name: value for name, value in metrics.items() if name.startswith("identity/")}
    assert own
    assert {name: metrics[f"champion/{name}"] for name in own} == own  # here it is the very same model
    facts = read_card(tmp_path / "report", "report").facts
    assert facts["champion"] == {"name": "swapcore", "version": "3", "digest": "5a" * 32}
    assert "champion, version 3" in (tmp_path / "report/report.html").read_text()


def test_missing_champion_is_noted_in_the_report(params, faces, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    named = params.model_copy(update={"champion": "models:/swapcore@champion"})
    evaluate.run(named, faces=faces, model=model, report=tmp_path / "report")
    assert "The champion is not shown: " in (tmp_path / "report/report.html").read_text()
    assert read_card(tmp_path / "report", "report").facts["champion"] is None
