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
from swapcore.models.fields import FieldGenerator
from swapcore.models.generator import Generator

AnyGenerator = Generator | FieldGenerator

WEIGHTS = "weights.safetensors"
CONFIGURATION = "model.json"
ALIGNMENT: Final = "ffhq"


class ModelConfiguration(BaseModel):
    """model.json: what builds the generator that the weights fit, and the crop it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[3] = 3
    generator: ModelParams
    size_px: CropSize
    alignment: Literal["ffhq"] = ALIGNMENT
    """How a crop is cut: the points in docs/architecture.md."""
    embedding_size: int
    pooled_size: int

    @property
    def composed_px(self) -> int:
        """Side of the crops that the model was trained on; ``size_px`` is what the network works at."""
        return self.size_px * self.generator.compose_scale

    def build(self) -> AnyGenerator:
        """An untrained generator of this shape."""
        if self.generator.kind == "fields":
            return FieldGenerator(
                self.generator,
                embedding_size=self.embedding_size,
                pooled_size=self.pooled_size,
                size_px=self.size_px,
            )
        return Generator(self.generator, embedding_size=self.embedding_size, pooled_size=self.pooled_size)


def save_generator(folder: Path, generator: AnyGenerator, configuration: ModelConfiguration) -> None:
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


_BEFORE: Final[dict[int, dict[str, Any]]] = {
    1: {"window": 1.0, "kind": "pixels", "compose_scale": 1, "max_flow": 0.15},
    2: {"kind": "pixels", "compose_scale": 1, "max_flow": 0.15},
}
"""Values of generators of earlier formats, which had no such parameters."""


def _as_now(document: Any) -> Any:
    """Bring a document of an earlier format into today's form."""
    if not isinstance(document, dict) or not isinstance(document.get("generator"), dict):
        return document
    before = _BEFORE.get(document.get("format", 0))
    return document if before is None else document | {"format": 3, "generator": document["generator"] | before}


def _require_alignment(path: Path, document: Any) -> None:
    """Refuse crops that are cut otherwise: the model would be shown faces in the wrong place, and say nothing."""
    alignment = document.get("alignment", ALIGNMENT) if isinstance(document, dict) else ALIGNMENT
    if alignment != ALIGNMENT:
        raise ArtifactError(
            f"{path}: alignment: made for crops cut as {alignment!r}, this swapcore cuts {ALIGNMENT!r}; train a model anew"
        )


def load_generator(folder: Path, device: torch.device | str = "cpu") -> tuple[AnyGenerator, ModelConfiguration]:
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
