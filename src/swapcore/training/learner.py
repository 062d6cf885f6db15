"""Everything that training changes, in one place: so a checkpoint of it is a checkpoint of everything."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch

from swapcore.config import TrainParams
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.discriminator import Discriminator
from swapcore.models.generator import Generator

_GENERATOR_BETAS = (0.5, 0.99)
_DISCRIMINATOR_BETAS = (0.0, 0.99)

Metrics = dict[str, float]


@dataclass
class Learner:
    """The models, their optimisers, and where training stands."""

    generator: Generator
    discriminator: Discriminator
    ema: Generator
    """Moving average of the generator: what is shown, judged and saved."""
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    step: int = 0
    """Steps done."""
    history: list[Metrics] = field(default_factory=list)
    """The logged rows, the step among their columns."""
    window: list[Metrics] = field(default_factory=list)
    """Metrics of the steps since the last logged row."""

    def start_from(self, trained: Generator) -> None:
        """Take over the weights of a trained generator of the same shape; all else starts anew."""
        for generator in (self.generator, self.ema):
            generator.load_state_dict(trained.state_dict())

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
            "generator_optimiser": self.generator_optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
        }

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, the random state of torch included."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "step": self.step,
            "history": self.history,
            "window": self.window,
            "random_state": torch.get_rng_state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self.history, self.window = state["step"], state["history"], state["window"]
        torch.set_rng_state(state["random_state"])


def build_learner(configuration: ModelConfiguration, params: TrainParams, device: torch.device) -> Learner:
    """Untrained models, the same for the same seed, and their optimisers."""
    torch.manual_seed(params.seed)
    generator = configuration.build().to(device)
    discriminator = Discriminator(params.model.discriminator_width).to(device)
    return Learner(
        generator=generator,
        discriminator=discriminator,
        ema=copy.deepcopy(generator).eval().requires_grad_(False),
        generator_optimiser=torch.optim.Adam(
            generator.parameters(), params.learning_rate, betas=_GENERATOR_BETAS, fused=True
        ),
        discriminator_optimiser=torch.optim.Adam(
            discriminator.parameters(), params.discriminator_learning_rate, betas=_DISCRIMINATOR_BETAS, fused=True
        ),
    )
