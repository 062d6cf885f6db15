"""The generator in a model artifact: weights.safetensors and model.json, nothing that has to be unpickled."""

import json
from pathlib import Path
from typing import Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from swapcore.config import CropSize, ModelParams
from swapcore.errors import ArtifactError
from swapcore.models.generator import Generator

WEIGHTS = "weights.safetensors"
CONFIGURATION = "model.json"
ALIGNMENT: Final = "ffhq"


class ModelConfiguration(BaseModel):
    """model.json: what builds the generator that the weights fit, and the crop it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[2] = 2
    generator: ModelParams
    size_px: CropSize
    alignment: Literal["ffhq"] = ALIGNMENT
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
        ArtifactError: it is missing, not what save_generator writes, or made for another alignment.
    """
    path = folder / CONFIGURATION
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        _require_alignment(path, document)
        return ModelConfiguration.model_validate(_as_now(document))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; {folder} is not a model folder, run train") from None
    except (OSError, ValueError, ValidationError) as error:
        raise ArtifactError(f"{path}: cannot be read ({type(error).__name__}); run train again") from None


def _as_now(document: Any) -> Any:
    """A document of format 1 in today's form: its generator saw and painted the whole crop."""
    if not isinstance(document, dict) or document.get("format") != 1 or not isinstance(document.get("generator"), dict):
        return document
    return document | {"format": 2, "generator": document["generator"] | {"window": 1.0}}


def _require_alignment(path: Path, document: Any) -> None:
    """Refuse crops that are cut otherwise: the model would be shown faces in the wrong place, and say nothing."""
    alignment = document.get("alignment", ALIGNMENT) if isinstance(document, dict) else ALIGNMENT
    if alignment != ALIGNMENT:
        raise ArtifactError(
            f"{path}: alignment: made for crops cut as {alignment!r}, this swapcore cuts {ALIGNMENT!r}; train a model anew"
        )


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
