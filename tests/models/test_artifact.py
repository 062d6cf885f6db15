import json
from pathlib import Path

import pytest
import torch

from swapcore.errors import ArtifactError
from swapcore.models.artifact import CONFIGURATION, WEIGHTS, load_generator, read_configuration, save_generator


def test_a_saved_generator_gives_the_same_swap(tmp_path: Path, configuration, recognize) -> None:
    model = configuration.build().eval()
    model.description.fit(torch.rand(10, 12), torch.rand(12))
    save_generator(tmp_path, model, configuration)
    loaded, read = load_generator(tmp_path)
    assert read == configuration
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    source, template = torch.rand(2, 1, 3, 64, 64)
    before = model(source, template, model.description.describe(recognize, source))
    after = loaded(source, template, loaded.description.describe(recognize, source))
    assert torch.equal(before.image, after.image)


def test_the_same_generator_gives_the_same_bytes(tmp_path: Path, configuration) -> None:
    model = configuration.build()
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_generator(tmp_path / name, model, configuration)
        contents.append((tmp_path / name / WEIGHTS).read_bytes() + (tmp_path / name / CONFIGURATION).read_bytes())
    assert contents[0] == contents[1]


def test_no_model_here(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.json: no such file"):
        load_generator(tmp_path)


def test_damaged_weights(tmp_path: Path, configuration) -> None:
    save_generator(tmp_path, configuration.build(), configuration)
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(ArtifactError, match=r"weights\.safetensors: cannot be read"):
        load_generator(tmp_path)


def test_weights_of_another_shape(tmp_path: Path, configuration) -> None:
    save_generator(tmp_path, configuration.build(), configuration)
    document = json.loads((tmp_path / CONFIGURATION).read_text())
    document["generator"]["width"] = 16
    (tmp_path / CONFIGURATION).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="does not fit"):
        load_generator(tmp_path)


def test_a_wrong_key(tmp_path: Path, configuration) -> None:
    save_generator(tmp_path, configuration.build(), configuration)
    document = json.loads((tmp_path / CONFIGURATION).read_text()) | {"color": "blue"}
    (tmp_path / CONFIGURATION).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_generator(tmp_path)


def test_a_model_of_format_1_uses_the_whole_crop(tmp_path: Path, configuration) -> None:
    model = configuration.build()
    save_generator(tmp_path, model, configuration)
    document = json.loads((tmp_path / CONFIGURATION).read_text())
    assert document["format"] == 4
    for name in ("window", "kind", "compose_scale", "max_flow"):
        del document["generator"][name]
    (tmp_path / CONFIGURATION).write_text(json.dumps(document | {"format": 1}))
    loaded, read = load_generator(tmp_path)
    assert read.generator == configuration.generator.model_copy(update={"max_flow": 0.15})
    assert torch.equal(loaded.output.weight, model.output.weight)


def test_the_field_network_of_format_3_had_other_inputs(tmp_path: Path, configuration) -> None:
    document = json.loads(configuration.model_dump_json()) | {"format": 3}
    (tmp_path / CONFIGURATION).write_text(json.dumps(document))
    assert read_configuration(tmp_path).format == 4  # its pixels are still read
    document["generator"]["kind"] = "fields"
    (tmp_path / CONFIGURATION).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_configuration(tmp_path)


def test_format_1_without_a_generator(tmp_path: Path, configuration) -> None:
    save_generator(tmp_path, configuration.build(), configuration)
    (tmp_path / CONFIGURATION).write_text('{"format": 1}')
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_generator(tmp_path)
