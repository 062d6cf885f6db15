"""Training state: models, optimizers, counters."""

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
"""Fields of TrainState that are plain values."""


@dataclass(frozen=True)
class Snapshot:
    """Weights of the generator's moving average at one step."""

    step: int
    score: float
    """Validation score."""
    weights: dict[str, torch.Tensor]
    """On the CPU."""


@dataclass
class TrainState:
    """Everything that training changes, so that a checkpoint of it is complete."""

    generator: AnyGenerator
    discriminator: Discriminator
    ema: AnyGenerator
    """Exponential moving average of the generator: the model that is validated and saved."""
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    """Loss scaling for fp16; disabled in other precisions."""
    step: int = 0
    """Number of completed steps."""
    history: list[Metrics] = field(default_factory=list)
    """Logged rows; "step" is one of the columns."""
    window: list[Metrics] = field(default_factory=list)
    """Metrics of the steps since the last logged row."""
    running_loss: float | None = None
    """Running mean of the total loss of healthy steps."""
    rollbacks: int = 0
    """Number of rollbacks to a checkpoint."""
    failed_step: int = -1
    """Step that caused the last rollback."""
    alarms: dict[str, int] = field(default_factory=dict)
    """HealthCheck -> number of consecutive failed checks."""
    best: Snapshot | None = None
    """Best EMA snapshot by validation score."""

    def start_from(self, trained: AnyGenerator) -> None:
        """Load a trained generator of the same shape. Optimizers, discriminator and counters are not changed."""
        for generator in (self.generator, self.ema):
            generator.load_state_dict(trained.state_dict())

    def _modules(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "scaler": self.scaler,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values, including the state of torch's random number generator."""
        return {
            **{name: module.state_dict() for name, module in self._modules().items()},
            **{name: getattr(self, name) for name in _PLAIN},
            "best": self.best and vars(self.best),
            "random_state": torch.get_rng_state(),
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Restore what state_dict returned."""
        for name, module in self._modules().items():
            module.load_state_dict(values[name])
        for name in _PLAIN:
            setattr(self, name, values[name])
        self.best = values["best"] and Snapshot(**values["best"])
        torch.set_rng_state(values["random_state"])


def build_train_state(configuration: ModelConfiguration, params: TrainParams, device: torch.device) -> TrainState:
    """Build untrained models and their optimizers; params.seed determines the weights."""
    torch.manual_seed(params.seed)
    order = torch.channels_last if params.step.channels_last else torch.contiguous_format
    generator: AnyGenerator = configuration.build().to(device, memory_format=order)  # type: ignore[call-overload]
    discriminator: Discriminator = Discriminator(params.model.discriminator_width).to(device, memory_format=order)  # type: ignore[call-overload]
    ema = copy.deepcopy(generator).eval().requires_grad_(False)
    if params.step.compile:
        generator.compile()
    return TrainState(
        generator=generator,
        discriminator=discriminator,
        ema=ema,
        generator_optimizer=torch.optim.Adam(
            generator.parameters(), params.schedule.learning_rate, betas=_GENERATOR_BETAS, fused=True
        ),
        discriminator_optimizer=torch.optim.Adam(
            discriminator.parameters(),
            params.schedule.discriminator_learning_rate,
            betas=_DISCRIMINATOR_BETAS,
            fused=True,
        ),
        scaler=torch.amp.GradScaler(device.type, enabled=params.precision == "fp16"),
    )
