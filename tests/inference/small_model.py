"""Model folders with an untrained or hand-made generator."""

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
    """Write weights.safetensors, model.json and recognizer.json for a face network."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True)
    features = load_recognizer(network).features(torch.zeros(1, 3, size_px, size_px))
    default = read_params(Path(__file__).parents[2] / "params.yaml").train.model
    configuration = ModelConfiguration(
        generator=ModelParams.model_validate(default.model_dump() | shape),
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
    """Write a generator with weights set by hand: it pastes the source's whole crop over the template's.

    The result is crude, but it shows the source's face with eyes and nose in place.
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
    """Set a model's embedding mean to that of these crops; without one, cosines are close to 1."""
    found = read_recognizer_file(folder)
    mean = load_recognizer(found.network).embed(np.stack(crops), 8).mean(0)
    write_recognizer_file(folder, found._replace(embedding_mean=mean))
    return folder
