"""A model and a report on it, made up: small, whole, and as good or bad as a test wants."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from swapcore.config import GateParams, NetworkParams, RegisterParams, Section
from swapcore.data.artifact import artifact_digest, file_digest, write_card
from swapcore.data.faces import FaceRow
from swapcore.data.facts import ConsentFacts, ReportFacts, RightsFacts
from swapcore.data.lineage import pass_on, write_people
from swapcore.evaluation.report import DECISION
from swapcore.evaluation.scores import ScoreRow, SliceRow
from swapcore.evaluation.summary import METRICS, PERCENT
from swapcore.tables import write_table
from tests.card_facts import faces_facts, groups_facts, model_facts
from tests.inference.small_model import write_model

DLIB = NetworkParams(kind="dlib", path=None, sha256=None)
GATE = GateParams(better=("identity/margin", "truth/psnr_face"), not_worse={"outside/l1": 0.5}, slice_tolerance=0.05)
PARAMS = RegisterParams(model_name="test-swap", bounds={"identity/gain": (0.0, None)}, gate=GATE, allow_dirty=False)
NUM_PEOPLE = 6
PROTOCOL = {"pairs": "p" * 64, "people": "q" * 64, "recognizer": "dlib", "size_px": "64"}
ROW = ScoreRow(
    method="model", pair=0, source="", template="", source_identity="", template_identity="", cosine_source=0.5,
    cosine_template=0.25, gain=0.4, margin=0.25, source_rank=1, template_rank=2, top1=1.0, top5=1.0, leak_top1=0.0,
    outside_l1=1.5, inside_l1=9.0, no_face=0.0, landmark_error=2.0, yaw_error_deg=1.0, roll_error_deg=1.0, truth_psnr=None,
    truth_ssim=None, truth_l1=None, truth_feature=None, truth_psnr_face=None, truth_ssim_face=None, truth_l1_face=None,
)  # fmt: skip


class NoParams(Section):
    """Of the artifacts that other stages would have made."""


class NetParams(Section):
    """Of a part of a training's params."""

    width: int


class TrainingParams(Section):
    """Of a training, as small as can be."""

    rate: float
    model: NetParams


NONE = NoParams()
TRAINING = TrainingParams(rate=0.5, model=NetParams(width=8))


def make_rows(margin: float = 0.25, dark: float = 0.0, **changes: float) -> list[ScoreRow]:
    """Every source on every template; margins scatter about their mean, the same way in every report.

    Args:
        margin: their mean.
        dark: added on the pairs whose template is "dark".
        changes: of every row.
    """
    rng, rows = np.random.default_rng(0), []
    for source in range(NUM_PEOPLE):
        for template in set(range(NUM_PEOPLE)) - {source}:
            own = margin + 0.2 * rng.standard_normal() + (dark if is_dark(template) else 0.0)
            row = replace(
                ROW, pair=len(rows), source=f"s{source}", template=f"t{template}", source_identity=f"p{source}",
                template_identity=f"p{template}", margin=own, cosine_source=0.25 + own, **changes,
            )  # fmt: skip
            rows.append(row)
    return rows


def is_dark(template: int) -> bool:
    return template < 2


def write_report(folder: Path, model: Path, rows: list[ScoreRow], **protocol: str) -> Path:
    """A report artifact on a model."""
    folder.mkdir(parents=True)
    write_figures(folder, rows)
    (folder / "report.html").write_text(f"<html><body><h1>evaluated</h1>{DECISION}</body></html>")
    facts = ReportFacts(
        recognizer="self-evaluated, jittered",
        self_evaluated=True,
        size_px=64,
        worst_slice=None,
        champion=None,
        protocol=PROTOCOL | protocol,
    )
    inputs = {"model": artifact_digest(model), "faces": model_faces(model)}
    write_card(folder, "report", NoParams(), inputs=inputs, counts={"pairs": len(rows), "people": 6}, facts=facts)
    return folder


def write_figures(folder: Path, rows: list[ScoreRow]) -> None:
    """A report's tables; its metrics are the rows' means."""
    metrics = {}
    for metric in METRICS:
        values = [getattr(row, metric.column) for row in rows] if metric.column else []
        if values and values[0] is not None:
            value = float(np.mean(values)) * (100 if metric.column in PERCENT else 1)
            metrics |= {metric.name: value, f"{metric.name}/low": value - 0.125, f"{metric.name}/high": value + 0.125}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    write_table(folder / "pairs.parquet", ScoreRow, rows)
    slice_rows = [
        SliceRow(row.pair, "template light", "dark" if is_dark(int(row.template[1:])) else "medium") for row in rows
    ]
    write_table(folder / "slices.parquet", SliceRow, slice_rows)


def model_faces(model: Path) -> str:
    """Digest of the faces that a model's lineage names."""
    return json.loads((model / "lineage" / "groups.json").read_text())["inputs"]["faces"]


def write_chain(folder: Path, network: NetworkParams = DLIB, seed: int = 0, params: Section = NONE) -> Path:
    """Faces, groups and a model, each made from the one before; returns the model."""
    faces, groups, model = folder / "data/faces", folder / "data/groups", folder / "models/swap"
    for each in (faces, groups, model.parent):
        each.mkdir(parents=True)
    people = folder / "data/people"
    rows = []
    for identity, split, files in (("Ann", "train", 2), ("Bob", "test", 1)):
        (people / identity).mkdir(parents=True)
        for number in range(files):
            file = people / identity / f"{number}.png"
            file.write_bytes(f"{identity} {number}".encode())
            rows.append(_face_row(f"{identity}/{number}.png", identity, split, file_digest(file)))
    write_table(faces / "index.parquet", FaceRow, rows)
    (people / "consent.csv").write_text("identity,basis,licence,expires\n*,signed,CC0,\n")
    rights = [RightsFacts(basis="signed", licence="CC0", people=2, photographs=3)]
    write_people(faces, "d" * 64, [(row.identity, row.split) for row in rows])
    consent = ConsentFacts(sha256=file_digest(people / "consent.csv"), rights=rights)
    facts = faces_facts(64, consent=consent, people_by_split={"test": 1, "train": 1})
    write_card(faces, "faces", NoParams(), inputs={"photographs": "d" * 64}, counts={}, facts=facts)
    pass_on("faces", faces, groups)
    write_card(
        groups, "groups", NoParams(), inputs={"faces": artifact_digest(faces)}, counts={}, facts=groups_facts(64)
    )
    write_model(model, network, seed)
    pass_on("groups", groups, model)
    facts = model_facts(64, inputs={"faces": artifact_digest(faces)}, params={})
    write_card(model, "model", params, inputs={"groups": artifact_digest(groups)}, counts={}, facts=facts)
    return model


def _face_row(file: str, identity: str, split: str, sha256: str) -> FaceRow:
    return FaceRow(
        key=file, file=file, identity=identity, split=split, photo_sha256=sha256, photo_width=64, photo_height=64,
        box=[0.0, 0.0, 1.0, 1.0], landmarks=[0.0] * 10, affine=[1.0, 0, 0, 0, 1, 0], crop_points=[0.0] * 10,
        eye_distance_px=12.0, sharpness=0.1, brightness=0.5, clipped=0.0, yaw_deg=0.0, roll_deg=0.0,
        perceptual_hash="0" * 16, embedding=[0.0], identity_cosine=None, consent_basis="signed", consent_licence="CC0",
        shard="", offset=0, size=0,
    )  # fmt: skip


def write_ports(
    folder: Path,
    rows: list[ScoreRow] | None = None,
    seed: int = 0,
    *,
    network: NetworkParams = DLIB,
    params: Section = NONE,
    **protocol: str,
) -> dict[str, Path]:
    """What register.run takes."""
    model = write_chain(folder, network, seed, params)
    report = write_report(folder / "reports/swap", model, rows or make_rows(), **protocol)
    return {"model": model, "report": report, "registration": folder / "models/registered"}
