"""A model folder with an untrained generator: its files and shapes are real, its pictures are not good."""

import json
from pathlib import Path

import numpy as np
import torch

from swapcore.config import ModelParams, NetworkParams, read_params
from swapcore.data.recognizer_file import RECOGNIZER, read_recognizer_file, write_recognizer_file
from swapcore.faces.networks import load_recognizer
from swapcore.models.artifact import ModelConfiguration, read_configuration, save_generator
from swapcore.models.source import pool_levels
from swapcore.ops.image import Image

SIZE_PX = 64
TINY = {
    "kind": "pixels",
    "compose_scale": 1,
    "max_flow": 0.04,
    "width": 8,
    "num_levels": 2,
    "num_fusion_blocks": 1,
    "unshuffle": 2,
    "window": 1.0,
    "discriminator_width": 8,
}


FIELDS = TINY | {"kind": "fields", "compose_scale": 2, "window": 0.75}


def write_model(
    folder: Path, network: NetworkParams, seed: int = 0, size_px: int = SIZE_PX, shape: dict[str, object] = TINY
) -> Path:
    """weights.safetensors, model.json and recognizer.json for this face network."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True)
    features = load_recognizer(network).features(torch.zeros(1, 3, size_px, size_px))
    usual = read_params(Path(__file__).parents[2] / "params.yaml").train.model
    configuration = ModelConfiguration(
        generator=ModelParams.model_validate(usual.model_dump() | shape),
        size_px=size_px,
        embedding_size=features.embedding.shape[1],
        pooled_size=pool_levels(*features).shape[1],
    )
    torch.manual_seed(seed)
    save_generator(folder, configuration.build(), configuration)
    document = {"network": network.model_dump(mode="json"), "embedding_mean": [0.0] * configuration.embedding_size}
    (folder / RECOGNIZER).write_text(json.dumps(document))
    return folder


def write_copying_model(folder: Path, network: NetworkParams, size_px: int = 112) -> Path:
    """A generator with weights set by hand: it lays the source's crop over the template's, whole.

    Crude, but a model like any other, and within the face that is pasted a face of the right person with eyes and nose in place.
    """
    write_model(folder, network, size_px=size_px)
    configuration = read_configuration(folder)
    generator = configuration.build()
    assert generator.flow is not None
    with torch.no_grad():
        for layer in (generator.flow, generator.output):
            layer.weight.zero_()
            layer.bias.zero_()
        mask, share = 3, 4
        of_pixels = configuration.generator.unshuffle**2
        for channel in (mask, share):
            generator.output.bias[channel * of_pixels : (channel + 1) * of_pixels] = 12.0
    save_generator(folder, generator, configuration)
    return folder


def center_by(folder: Path, crops: list[Image]) -> Path:
    """Give a model the mean face features of these crops: cosines mean nothing without one."""
    found = read_recognizer_file(folder)
    mean = load_recognizer(found.network).embed(np.stack(crops), 8).mean(0)
    write_recognizer_file(folder, found._replace(embedding_mean=mean))
    return folder
