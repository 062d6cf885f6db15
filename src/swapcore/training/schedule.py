"""Schedules: pure functions of the step, so that a resumed run follows the same ones."""

import math

from swapcore.config import TrainParams


def rate_share(step: int, params: TrainParams) -> float:
    """What share of the learning rates holds at a step: linear warm-up, then half a cosine down to the floor."""
    warmup = min(1.0, (step + 1) / (params.warmup_steps + 1))
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / params.steps))
    return warmup * (params.learning_rate_floor + (1.0 - params.learning_rate_floor) * cosine)


def ema_decay(step: int, params: TrainParams) -> float:
    """Decay of the moving average of the weights; short at first, so that the untrained weights are soon forgotten."""
    return min(params.ema_decay, (1.0 + step) / (10.0 + step))


def judges_raw(step: int, params: TrainParams) -> bool:
    """Whether identity and features still judge the image before the mask."""
    return step < params.raw_phase * params.steps


def plays_adversary(step: int, params: TrainParams) -> bool:
    """Whether the discriminator has joined."""
    return params.weights.adversarial > 0 and step >= params.adversarial_start * params.steps
