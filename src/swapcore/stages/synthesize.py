"""The synthesize stage: rendered people with consent, parameters and exact landmarks."""

import csv
import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from swapcore.config import OutputPath, SynthesizeParams
from swapcore.data.artifact import building, write_card
from swapcore.progress import progress
from swapcore.synth import truth_file
from swapcore.synth.people import PARAMETERS, PictureRow, distributions, draw_shots
from swapcore.synth.render import RENDERER
from swapcore.synth.taking import save, take
from swapcore.synth.truth_file import TruthFiles, TruthWriter
from swapcore.tables import write_table

LICENCE = "CC0-1.0"
BASIS = "rendered; no real person is shown"


def run(params: SynthesizeParams, *, photographs: OutputPath) -> dict[str, float]:
    """Render synthetic people; the bytes do not depend on the number of workers, but on whether a GPU draws.

    Args:
        params: the section synthesize.
        photographs: the folder to write, with consent.csv, parameters and card.
    """
    with building(photographs) as folder:
        people = progress(_render_all(params, folder), "people", params.num_people)
        rows = _packed(people, folder) if params.write_truth else [row for rows, _ in people for row in rows]
        _write_consent(folder / "consent.csv")
        write_table(folder / PARAMETERS, PictureRow, rows)
        write_card(
            folder,
            "photographs",
            params.model_copy(update={"workers": 0}),
            inputs={},
            counts={"people": params.num_people, "photographs": len(rows)},
            facts={
                "licence": LICENCE,
                "renderer": RENDERER,
                "drawing": "compiled" if params.device == "cpu" else "batched",
            }
            | distributions(params.seed, range(params.first_person, params.first_person + params.num_people))
            | (truth_file.facts() if params.write_truth else {}),
        )
    return {"people": float(params.num_people), "photographs": float(len(rows))}


Rendered = tuple[list[Any], list[TruthFiles]]
"""Rows of a person, and the true masks and depth of each image if write_truth is set."""


def _packed(people: Iterable[Rendered], folder: Path) -> list[Any]:
    """Write each person's masks and depth to truth.tar, in order; return all rows."""
    rows: list[Any] = []
    with TruthWriter(folder) as writer:
        for of_person, truths in people:
            rows += of_person
            for truth in truths:
                writer.add(truth)
    return rows


def _render_all(params: SynthesizeParams, folder: Path) -> Iterator[Rendered]:
    """Iterate over the people, in order."""
    people = range(params.first_person, params.first_person + params.num_people)
    at_once = 1 if params.device == "cpu" else max(1, params.batch_size // params.images_per_person)
    groups = [people[start : start + at_once] for start in range(0, len(people), at_once)]
    workers = min(_num_workers(params), len(groups))
    task = functools.partial(_render_people, params, folder)
    if workers == 1:
        yield from itertools.chain.from_iterable(map(task, groups))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from itertools.chain.from_iterable(pool.map(task, groups))


def _num_workers(params: SynthesizeParams) -> int:
    if params.device == "cpu":
        return params.workers or os.cpu_count() or 1
    from swapcore.ops.device import MAX_GPU_PROCESSES
    from swapcore.synth.batched.render import find_gpu

    find_gpu(params.device)  # one line here instead of an error in each worker
    return params.workers or min(MAX_GPU_PROCESSES, os.cpu_count() or 1)


def _render_people(params: SynthesizeParams, folder: Path, people: Sequence[int]) -> list[Rendered]:
    num = params.images_per_person
    shots = [
        shot
        for person in people
        for shot in draw_shots(params.seed, person, num, params.size_px, params.attribute_range)
    ]
    rendered: list[Rendered] = [([], []) for _ in people]
    for number, (shot, picture) in enumerate(zip(shots, take(shots, params.device, params.batch_size), strict=True)):
        rows, truths = rendered[number // num]
        rows.append(save(shot, picture, folder))
        if params.write_truth:
            truths.append(TruthFiles.of(shot.file, picture))
    return rendered


def _write_consent(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["identity", "basis", "licence", "expires"])
        writer.writerow(["*", BASIS, LICENCE, ""])
