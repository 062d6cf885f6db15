"""The generator in a model artifact: weights.safetensors and model.json, nothing that has to be unpickled."""

import json
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from swapcore.config import CropSize, ModelParams
from swapcore.errors import ArtifactError
from swapcore.models.generator import Generator

WEIGHTS = "weights.safetensors"
CONFIGURATION = "model.json"


class ModelConfiguration(BaseModel):
    """model.json: what builds the generator that the weights fit, and the crop it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    generator: ModelParams
    size_px: CropSize
    alignment: Literal["ffhq"] = "ffhq"
    """How a crop is cut: the points in docs/architecture.md."""
    embedding_size: int
    pooled_size: int

    def build(self) -> Generator:
        """An untrained generator of this shape."""
        return Generator(self.generator, embedding_size=self.embedding_size, pooled_size=self.pooled_size)


def save_generator(folder: Path, generator: Generator, configuration: ModelConfiguration) -> None:
    """Write weights.safetensors (float32, sorted by name) and model.json."""
    weights = {name: value.detach().cpu().contiguous() for name, value in sorted(generator.state_dict().items())}
    save_file(weights, folder / WEIGHTS)
    text = json.dumps(configuration.model_dump(mode="json"), indent=2, sort_keys=True)
    (folder / CONFIGURATION).write_text(text + "\n", encoding="utf-8")


def read_configuration(folder: Path) -> ModelConfiguration:
    """Read model.json.

    Raises:
        ArtifactError: it is missing or not what save_generator writes.
    """
    path = folder / CONFIGURATION
    try:
        return ModelConfiguration.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; {folder} is not a model folder, run train") from None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ArtifactError(f"{path}: cannot be read ({type(error).__name__}); run train again") from None


def load_generator(folder: Path, device: torch.device | str = "cpu") -> tuple[Generator, ModelConfiguration]:
    """Load a trained generator, ready for inference (eval mode, no gradients).

    Raises:
        ArtifactError: a file is missing, damaged, or weights and configuration do not fit.
    """
    configuration = read_configuration(folder)
    generator = configuration.build()
    path = folder / WEIGHTS
    try:
        generator.load_state_dict(load_file(path, device="cpu"))
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path}: cannot be read ({type(error).__name__}); run train again") from None
    except RuntimeError:
        raise ArtifactError(f"{path}: does not fit {CONFIGURATION}; both must come from one train run") from None
    return generator.to(device).eval().requires_grad_(False), configuration
