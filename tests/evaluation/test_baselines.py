"""The built-in warp as a champion, and crops without a face."""

import numpy as np

from swapcore.config import EvaluateParams
from swapcore.errors import FaceError
from swapcore.evaluation.baselines import describe_version, find_champion_model
from swapcore.evaluation.methods import swap_or_keep
from swapcore.hub.references import WARP


class Inverter:
    """Inverts templates; finds no face in black ones."""

    def swap_crops(self, sources: np.ndarray, templates: np.ndarray) -> np.ndarray:
        if (templates.max((1, 2, 3)) == 0).any():
            raise FaceError("template", "no-face", "no face")
        return 255 - templates


def test_the_built_in_warp_can_be_the_champion(params: EvaluateParams) -> None:
    champion = EvaluateParams(**{**params.model_dump(), "champion": WARP}).champion
    located, notes = find_champion_model(champion)
    assert notes == []
    assert located is not None
    assert located.place is None
    assert describe_version(located) == WARP


def test_a_template_without_a_face_stays_and_the_others_are_swapped() -> None:
    templates = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (10, 0, 30)])
    swapped = swap_or_keep(Inverter(), templates, templates)  # type: ignore[arg-type]
    assert swapped[:, 0, 0, 0].tolist() == [245, 0, 225]
