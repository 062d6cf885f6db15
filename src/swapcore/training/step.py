"""One training step: the generator's, then the discriminator's, then the moving average."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from swapcore.config import TrainParams
from swapcore.data.sampling import Batch
from swapcore.errors import TrainingError
from swapcore.losses.adversarial import discriminator_loss
from swapcore.losses.jitter import draw_jitter
from swapcore.losses.total import SwapLoss, Targets, Terms
from swapcore.models.generator import Generator, Swap
from swapcore.ops.identity import centred
from swapcore.training.learner import Learner, Metrics
from swapcore.training.precision import autocast
from swapcore.training.schedule import ema_decay, judges_raw, plays_adversary, rate_share

_JITTER_STREAM = 1
"""Keeps the jitter's random numbers apart from the sampler's, which are drawn from (seed, rank, step)."""


@dataclass(frozen=True)
class StepContext:
    """What stays the same from step to step."""

    params: TrainParams
    device: torch.device
    loss: SwapLoss
    descriptions: torch.Tensor
    """(N, P + D): what the generator is told of each source of the sampler."""
    embedding_mean: torch.Tensor
    """(D,)."""


def train_step(learner: Learner, batch: Batch, context: StepContext) -> Metrics:
    """Advance the learner by one batch and give the weighted loss terms, gradient norms and rate.

    Raises:
        TrainingError: a loss term or gradient is not finite; names step and term.
    """
    step, params = learner.step, context.params
    batch = batch.to(context.device)
    rate = _set_rates(learner, params)
    adversary = plays_adversary(step, params)
    with autocast(context.device, params.precision):
        swap = learner.generator(batch.source, batch.template, context.descriptions[batch.source_index])
        terms = _generator_terms(learner, swap, batch, context, adversary=adversary)
    metrics = _descend(terms, learner.generator, learner.generator_optimiser, params, step, "generator")
    if adversary:
        metrics |= _discriminator_step(learner, swap.image.detach(), batch, context)
    _follow(learner.ema, learner.generator, ema_decay(step, params))
    learner.step += 1
    return {**metrics, "learning_rate": rate}


def _set_rates(learner: Learner, params: TrainParams) -> float:
    """Set both learning rates for this step and give the generator's."""
    share = rate_share(learner.step, params)
    for optimiser, peak in (
        (learner.generator_optimiser, params.learning_rate),
        (learner.discriminator_optimiser, params.discriminator_learning_rate),
    ):
        for group in optimiser.param_groups:
            group["lr"] = share * peak
    return share * params.learning_rate


def _generator_terms(learner: Learner, swap: Swap, batch: Batch, context: StepContext, *, adversary: bool) -> Terms:
    params = context.params
    targets = Targets(
        label=batch.label,
        template=batch.template,
        is_fake_label=batch.is_fake_label,
        source_identity=centred(batch.source_embedding, context.embedding_mean),
        template_identity=centred(batch.template_embedding, context.embedding_mean),
    )
    rng = np.random.default_rng([params.seed, learner.step, _JITTER_STREAM, 0])
    jitter = draw_jitter(params.jitter, len(batch.label), rng)
    # By turns, since a batch holds its fake labels first.
    judged = slice(learner.step % params.judge_every, None, params.judge_every)
    judge_raw = judges_raw(learner.step, params)
    terms = context.loss(swap.image, swap.raw, targets, jitter=jitter, judge_raw=judge_raw, judged=judged)
    if adversary:
        learner.discriminator.requires_grad_(False)
        terms |= context.loss.adversarial(learner.discriminator(swap.image))
        learner.discriminator.requires_grad_(True)
    return terms


def _discriminator_step(learner: Learner, swapped: torch.Tensor, batch: Batch, context: StepContext) -> Metrics:
    """Judge the swapped images against the photographs of the same batch: real labels and real templates."""
    photographs = torch.where(batch.is_fake_label[:, None, None, None], batch.template, batch.label)
    with autocast(context.device, context.params.precision):
        loss = discriminator_loss(learner.discriminator(photographs), learner.discriminator(swapped))
    return _descend(
        {"discriminator": loss},
        learner.discriminator,
        learner.discriminator_optimiser,
        context.params,
        learner.step,
        "discriminator",
    )


def _descend(
    terms: Terms,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    params: TrainParams,
    step: int,
    who: str,
) -> Metrics:
    """Follow the gradient of the terms' sum, clipped; nothing is changed if anything is not finite."""
    total = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), params.max_gradient_norm)
    names = [*(f"loss/{name}" for name in terms), f"gradient_norm/{who}"]
    values = torch.stack([*(value.detach().float() for value in terms.values()), norm.float()]).tolist()
    metrics = dict(zip(names, values, strict=True))
    _require_finite(metrics, step)
    optimiser.step()
    if who == "generator":
        metrics["loss/total"] = math.fsum(values[:-1])
    return metrics


def _require_finite(metrics: Metrics, step: int) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"step {step + 1}: {name} is {value}; lower train.learning_rate, or set train.precision to fp32"
            )


@torch.no_grad()
def _follow(average: Generator, model: Generator, decay: float) -> None:
    """average = decay * average + (1 - decay) * model; buffers do not change in training."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1.0 - decay)
