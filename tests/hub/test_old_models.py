"""Model folders of earlier versions: read, or refused in one line that names the command."""

import json
import shutil

import numpy as np
import pytest

from swapcore.data.recognizer_file import RECOGNIZER
from swapcore.errors import ArtifactError
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.models.artifact import CONFIGURATION


@pytest.fixture
def old_model(model, tmp_path):
    """The model as the version before 0.1 wrote it."""
    folder = tmp_path / "old"
    shutil.copytree(model, folder)
    (folder / RECOGNIZER).rename(folder / "recogniser.json")
    document = json.loads((folder / CONFIGURATION).read_text())
    kept = {
        name: value
        for name, value in document["generator"].items()
        if name not in ("window", "kind", "compose_scale", "max_flow")
    }
    (folder / CONFIGURATION).write_text(json.dumps(document | {"format": 1, "generator": kept}))
    return folder


def test_a_model_of_an_earlier_version_is_read(model, old_model):
    sources, templates = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64, 3), dtype=np.uint8)
    expected = CropSwapper(model).swap_crops(sources, templates)
    assert np.array_equal(CropSwapper(old_model).swap_crops(sources, templates), expected)


@pytest.mark.parametrize("change", [{"format": 0}, {"format": 99}, {"generator": {"width": 8}}])
def test_a_model_of_an_unknown_version_is_one_line(old_model, change):
    document = json.loads((old_model / CONFIGURATION).read_text())
    (old_model / CONFIGURATION).write_text(json.dumps(document | change))
    with pytest.raises(ArtifactError, match=r"model\.json: cannot be read .*; run train again") as caught:
        CropSwapper(old_model)
    assert "\n" not in str(caught.value)
