"""Agreement of an outside face mesh with the renderer's parameters and exact landmarks."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.find import find_faces
from swapcore.synth.attributes import draw_attributes
from swapcore.synth.identity import Identity
from swapcore.synth.render import POINT_NAMES, Picture, render

Vectors = npt.NDArray[np.float64]
_SAME_POINTS = {
    "left_iris": 468, "right_iris": 473, "left_eye_outer": 33, "left_eye_inner": 133, "right_eye_inner": 362,
    "right_eye_outer": 263, "left_lid_upper_1": 159, "left_lid_lower_1": 145, "right_lid_upper_1": 386,
    "right_lid_lower_1": 374, "mouth_left": 61, "mouth_right": 291, "lip_outer_upper_2": 0, "lip_outer_lower_2": 17,
    "lip_inner_upper_2": 13, "lip_inner_lower_2": 14, "nose_base": 2, "contour_16": 152,
}  # fmt: skip
"""Landmarks that both have -> index in the mesh."""


class Measured(NamedTuple):
    """What the mesh finds in one image."""

    mouth_open: float
    eye_open: float
    error: float
    """Median distance of _SAME_POINTS that are visible, as a share of the exact distance of the irises."""


def measure_agreement(people: list[Identity], seed: int, size_px: int) -> Iterator[tuple[str, float, str]]:
    """Name, value and bar of each metric.

    Every person is rendered at half range with the mouth opened by a random amount, with eyes open, and with eyes closed.
    """
    rows, openings, num_found = {"mouth": [], "open": [], "closed": []}, [], 0
    for number, person in enumerate(people):
        rng = np.random.default_rng([seed, 4, number])
        setting = draw_attributes(rng, 0.5).but(glasses=0, headwear=0, blink=0.0, squint=0.0, smile=0.0, pucker=0.0)
        opening = float(rng.uniform(0, 1))
        kinds = {"mouth": setting.but(mouth_open=opening), "open": setting, "closed": setting.but(blink=1.0)}
        for kind, attributes in kinds.items():
            found = _measure(render(person, attributes, size_px))
            if found is None:
                continue
            num_found += 1
            rows[kind].append(found)
            if kind == "mouth":
                openings.append(opening)
    yield "face mesh: faces found", num_found / (3 * len(people)), ">= .99"
    found_openings = [row.mouth_open for row in rows["mouth"]]
    yield (
        "face mesh: mouth opening against the parameter, r",
        float(np.corrcoef(openings, found_openings)[0, 1]),
        ">= .9",
    )
    closed, opened = (np.array([row.eye_open for row in rows[kind]]) for kind in ("closed", "open"))
    yield "face mesh: blink, AUC", float((closed[:, None] < opened[None]).mean()), ">= .98"
    errors = [row.error for row in (*rows["mouth"], *rows["open"])]
    yield "face mesh: landmarks to the exact ones, median, eye distances", float(np.median(errors)), "<= .04"


def _measure(picture: Picture) -> Measured | None:
    found = find_faces(picture.image, every=False)
    if not found:
        return None
    points = found[0].points
    expression = measure_mesh_expression(torch.from_numpy(points)[None].float())
    numbers = [POINT_NAMES.index(name) for name in _SAME_POINTS]
    exact, seen = picture.points[numbers], picture.visible[numbers]
    eyes = float(np.linalg.norm(exact[0] - exact[1]))
    # The mesh counts from the pixels' corners, the renderer from their centers.
    distance = np.linalg.norm(points[list(_SAME_POINTS.values()), :2] - 0.5 - exact, axis=1) / eyes
    return Measured(float(expression.mouth_open[0]), float(expression.eye_open[0]), float(np.median(distance[seen])))
