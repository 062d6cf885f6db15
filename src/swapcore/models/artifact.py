"""Generator files of a model artifact: weights.safetensors and model.json."""

import json
from pathlib import Path
from typing import Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict
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
    """Content of model.json: shape of the generator and the crop it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[4] = 4
    generator: ModelParams
    size_px: CropSize
    alignment: Literal["ffhq"] = ALIGNMENT
    """Landmark positions in the crop, see docs/architecture.md."""
    embedding_size: int
    pooled_size: int

    @property
    def composed_px(self) -> int:
        """Size of the training crops; ``size_px`` is the working size of the network."""
        return self.size_px * self.generator.compose_scale

    def build(self) -> AnyGenerator:
        """Build an untrained generator of this shape."""
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
        ArtifactError: the file is missing or damaged, or the model was made for another alignment.
    """
    path = folder / CONFIGURATION
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        _require_alignment(path, document)
        return ModelConfiguration.model_validate(_upgrade(document))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; {folder} is not a model folder, run train") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{path}: cannot be read ({type(error).__name__}); run train again") from None


_EARLIER_FORMATS: Final[dict[int, dict[str, Any]]] = {
    1: {"window": 1.0, "kind": "pixels", "compose_scale": 1, "max_flow": 0.15},
    2: {"kind": "pixels", "compose_scale": 1, "max_flow": 0.15},
    3: {},
}
"""Values of parameters that earlier formats do not have."""


def _upgrade(document: Any) -> Any:
    """Convert a document of an earlier format."""
    if not isinstance(document, dict) or not isinstance(document.get("generator"), dict):
        return document
    values = _EARLIER_FORMATS.get(document.get("format", 0))
    if (
        values is None or document["generator"].get("kind") == "fields"
    ):  # the field network of format 3 had other inputs
        return document
    return document | {"format": 4, "generator": document["generator"] | values}


def _require_alignment(path: Path, document: Any) -> None:
    """Refuse a model made for another alignment, which would silently give wrong results."""
    alignment = document.get("alignment", ALIGNMENT) if isinstance(document, dict) else ALIGNMENT
    if alignment != ALIGNMENT:
        raise ArtifactError(
            f"{path}: alignment: made for crops aligned as {alignment!r}, this version aligns as {ALIGNMENT!r}; train again"
        )


def load_generator(folder: Path, device: torch.device | str = "cpu") -> tuple[AnyGenerator, ModelConfiguration]:
    """Load a trained generator for inference: eval mode, no gradients.

    Raises:
        ArtifactError: a file is missing or damaged, or weights and configuration do not fit.
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
