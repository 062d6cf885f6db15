"""Everything that training changes, in one place: so a checkpoint of it is a checkpoint of everything."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch

from swapcore.config import TrainParams
from swapcore.models.artifact import AnyGenerator, ModelConfiguration
from swapcore.models.discriminator import Discriminator

_GENERATOR_BETAS = (0.5, 0.99)
_DISCRIMINATOR_BETAS = (0.0, 0.99)

Metrics = dict[str, float]
_PLAIN = ("step", "history", "window", "running_loss", "rollbacks", "failed_step", "alarms")
"""Fields of Learner that are plain values."""


@dataclass(frozen=True)
class Snapshot:
    """The moving average as it was at a step."""

    step: int
    score: float
    weights: dict[str, torch.Tensor]
    """On the CPU."""


@dataclass
class Learner:
    """The models, their optimizers, and where training stands."""

    generator: AnyGenerator
    discriminator: Discriminator
    ema: AnyGenerator
    """Moving average of the generator: what is shown, judged and saved."""
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    """Keeps the gradients of fp16 from vanishing; does nothing in other precisions."""
    step: int = 0
    """Steps done."""
    history: list[Metrics] = field(default_factory=list)
    """The logged rows, the step among their columns."""
    window: list[Metrics] = field(default_factory=list)
    """Metrics of the steps since the last logged row."""
    running_loss: float | None = None
    """Running mean of the total loss of healthy steps."""
    rollbacks: int = 0
    """Returns to a checkpoint so far."""
    failed_step: int = -1
    """Step at which the last of them became necessary."""
    alarms: dict[str, int] = field(default_factory=dict)
    """Sentinels that are alarmed, and for how many samples on end."""
    best: Snapshot | None = None
    """The moving average that validation people liked best."""

    def start_from(self, trained: AnyGenerator) -> None:
        """Take over the weights of a trained generator of the same shape; all else starts anew."""
        for generator in (self.generator, self.ema):
            generator.load_state_dict(trained.state_dict())

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "scaler": self.scaler,
        }

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, the random state of torch included."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            **{name: getattr(self, name) for name in _PLAIN},
            "best": self.best and vars(self.best),
            "random_state": torch.get_rng_state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name in _PLAIN:
            setattr(self, name, state[name])
        self.best = state["best"] and Snapshot(**state["best"])
        torch.set_rng_state(state["random_state"])


def build_learner(configuration: ModelConfiguration, params: TrainParams, device: torch.device) -> Learner:
    """Untrained models, the same for the same seed, and their optimizers."""
    torch.manual_seed(params.seed)
    order = torch.channels_last if params.channels_last else torch.contiguous_format
    generator: AnyGenerator = configuration.build().to(device, memory_format=order)  # type: ignore[call-overload]
    discriminator: Discriminator = Discriminator(params.model.discriminator_width).to(device, memory_format=order)  # type: ignore[call-overload]
    ema = copy.deepcopy(generator).eval().requires_grad_(False)
    if params.compile:
        generator.compile()
    return Learner(
        generator=generator,
        discriminator=discriminator,
        ema=ema,
        generator_optimizer=torch.optim.Adam(
            generator.parameters(), params.learning_rate, betas=_GENERATOR_BETAS, fused=True
        ),
        discriminator_optimizer=torch.optim.Adam(
            discriminator.parameters(), params.discriminator_learning_rate, betas=_DISCRIMINATOR_BETAS, fused=True
        ),
        scaler=torch.amp.GradScaler(device.type, enabled=params.precision == "fp16"),
    )
