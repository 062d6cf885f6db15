"""A model folder with an untrained generator: its files and shapes are real, its pictures are not good."""

import json
from pathlib import Path

import torch

from swapcore.config import ModelParams, NetworkParams, read_params
from swapcore.data.recogniser_file import RECOGNISER
from swapcore.faces.networks import load_recogniser
from swapcore.models.artifact import ModelConfiguration, save_generator
from swapcore.models.source import pool_levels

SIZE_PX = 64
TINY = {"width": 8, "num_levels": 2, "num_fusion_blocks": 1, "unshuffle": 2, "discriminator_width": 8}


def write_model(folder: Path, network: NetworkParams, seed: int = 0) -> Path:
    """weights.safetensors, model.json and recogniser.json for this face network."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True)
    features = load_recogniser(network).features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    usual = read_params(Path(__file__).parents[2] / "params.yaml").train.model
    configuration = ModelConfiguration(
        generator=ModelParams.model_validate(usual.model_dump() | TINY),
        size_px=SIZE_PX,
        embedding_size=features.embedding.shape[1],
        pooled_size=pool_levels(*features).shape[1],
    )
    torch.manual_seed(seed)
    save_generator(folder, configuration.build(), configuration)
    document = {"network": network.model_dump(mode="json"), "embedding_mean": [0.0] * configuration.embedding_size}
    (folder / RECOGNISER).write_text(json.dumps(document))
    return folder
