"""One training step: the generator's, then the discriminator's, then the moving average."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.profiler import record_function

from swapcore.config import TrainParams
from swapcore.data.sampling import Batch
from swapcore.losses.adversarial import discriminator_loss
from swapcore.losses.fields import Correspondence
from swapcore.losses.jitter import Jitter, draw_jitter
from swapcore.losses.total import FieldTargets, SwapLoss, Targets, Terms
from swapcore.models.artifact import AnyGenerator
from swapcore.ops.compose import Guide
from swapcore.ops.device import autocast
from swapcore.ops.embedding import centered
from swapcore.training.distributed import ALONE, Processes
from swapcore.training.recovery import rate_share_left, remember_loss, require_healthy
from swapcore.training.schedule import ema_decay, judges_raw, plays_adversary, rate_share
from swapcore.training.train_state import Learner, Metrics

_JITTER_STREAM = 1
"""Keeps the jitter's random numbers apart from the sampler's, which are drawn from (seed, 0, step)."""


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
    processes: Processes = ALONE


def train_step(learner: Learner, batch: Batch, context: StepContext) -> Metrics:
    """Advance the learner by one batch, or this process's share of it, and give the weighted loss terms, gradient norms and rate.

    Raises:
        UnhealthyStepError: a loss term or gradient is not finite, or the loss has exploded; names step and term.
    """
    step, params = learner.step, context.params
    batch = batch.to(context.device, channels_last=params.channels_last)
    rate = _set_rates(learner, params)
    adversary = plays_adversary(step, params)
    parts = list(_parts(batch, step, context))
    swapped: list[torch.Tensor] = []
    generator_terms = (_generator_terms(learner, part, context, swapped, adversary=adversary) for part in parts)
    metrics = _descend(generator_terms, learner, "generator", context)
    if adversary:
        shown = zip(parts, swapped, strict=True)
        judged = (_discriminator_terms(learner, part, image, context) for part, image in shown)
        metrics |= _descend(judged, learner, "discriminator", context)
    learner.scaler.update()
    _follow(learner.ema, learner.generator, ema_decay(step, params))
    remember_loss(learner, metrics["loss/total"])
    learner.step += 1
    return {**metrics, "learning_rate": rate}


@dataclass(frozen=True)
class _Part:
    """Rows that go through the models at once: train.accumulate parts make up a process's share of the batch."""

    batch: Batch
    jitter: Jitter
    is_first: bool
    """Only the first part moves the discriminator's power iteration on, so that parts do not change what is computed."""


def _parts(batch: Batch, step: int, context: StepContext) -> Iterator[_Part]:
    """The share in parts; jitter, like the groups, is drawn for the batch as a whole."""
    num_parts, processes = context.params.accumulate, context.processes
    rng = np.random.default_rng([context.params.seed, step, _JITTER_STREAM, 0])
    num_rows = len(batch.label) * processes.count
    jitter = draw_jitter(context.params.jitter, num_rows, rng).select(processes.share(num_rows))
    size = len(batch.label) // num_parts
    for part in range(num_parts):
        chosen = slice(part * size, (part + 1) * size)
        yield _Part(batch.select(chosen), jitter.select(chosen), part == 0)


def _set_rates(learner: Learner, params: TrainParams) -> float:
    """Set both learning rates for this step and give the generator's."""
    share = rate_share(learner.step, params) * rate_share_left(learner, params.recovery)
    for optimizer, peak in (
        (learner.generator_optimizer, params.learning_rate),
        (learner.discriminator_optimizer, params.discriminator_learning_rate),
    ):
        for group in optimizer.param_groups:
            group["lr"] = share * peak
    return share * params.learning_rate


def _generator_terms(
    learner: Learner, part: _Part, context: StepContext, swapped: list[torch.Tensor], *, adversary: bool
) -> Terms:
    """The generator's losses on a part; what it painted is added to swapped, for the discriminator."""
    batch = part.batch
    targets = Targets(
        label=batch.label,
        template=batch.template,
        is_fake_label=batch.is_fake_label,
        source_identity=centered(batch.source_embedding, context.embedding_mean),
        template_identity=centered(batch.template_embedding, context.embedding_mean),
        view=batch.label_view,
    )
    guide, known = guide_of(batch), known_of(batch)
    # By turns, since a batch holds its fake labels first; parts and shares are blocks, so these are the batch's turns.
    judged = slice(learner.step % context.params.judge_every, None, context.params.judge_every)
    judge_raw = judges_raw(learner.step, context.params)
    with autocast(context.device, context.params.precision):
        with record_function("step/generator"):
            description = context.descriptions[batch.source_index]
            swap = learner.generator(batch.source, batch.template, description, guide)
        with record_function("step/losses"):
            terms = context.loss(
                swap, targets, fields=FieldTargets(guide, known), jitter=part.jitter, judge_raw=judge_raw, judged=judged
            )
        if adversary:
            learner.discriminator.requires_grad_(False)
            terms |= context.loss.adversarial(learner.discriminator.train(part.is_first)(swap.image))
            learner.discriminator.requires_grad_(True)
    swapped.append(swap.image.detach())
    return terms


def guide_of(batch: Batch) -> Guide:
    """The guide of a batch; empty where the generator takes none."""
    return Guide(batch.guide_flow, batch.guide_visible)


def known_of(batch: Batch) -> Correspondence:
    """Its points of known correspondence."""
    return Correspondence(batch.known_label, batch.known_source, batch.known_visible, batch.known_hidden)


def _discriminator_terms(learner: Learner, part: _Part, swapped: torch.Tensor, context: StepContext) -> Terms:
    """Judge the swapped images against the photographs of the same part: real labels and real templates."""
    batch, discriminator = part.batch, learner.discriminator.train(part.is_first)
    photographs = torch.where(batch.is_fake_label[:, None, None, None], batch.template, batch.label)
    with autocast(context.device, context.params.precision), record_function("step/discriminator"):
        return {"discriminator": discriminator_loss(discriminator(photographs), discriminator(swapped))}


def _descend(
    terms_of_parts: Iterator[Terms], learner: Learner, who: Literal["generator", "discriminator"], context: StepContext
) -> Metrics:
    """Follow the gradient of the terms' sum, averaged over parts and processes, clipped; nothing changes if it is not finite."""
    model, optimizer = getattr(learner, who), getattr(learner, f"{who}_optimizer")
    optimizer.zero_grad(set_to_none=True)
    values: list[torch.Tensor] = []
    for terms in terms_of_parts:
        total = torch.stack(list(terms.values())).sum() / context.params.accumulate
        with record_function(f"step/backward of the {who}"):
            learner.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        names = [f"loss/{name}" for name in terms]
        values.append(torch.stack([value.detach().float() for value in terms.values()]))
    means = torch.stack(values).mean(0)
    context.processes.average([*(p.grad for p in model.parameters() if p.grad is not None), means])
    learner.scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), context.params.max_gradient_norm)
    *losses, norm_value = torch.cat([means, norm.float()[None]]).tolist()
    metrics = dict(zip(names, losses, strict=True))
    if who == "generator":
        metrics["loss/total"] = math.fsum(losses)
    overflowed = learner.scaler.is_enabled() and not math.isfinite(norm_value)  # the scaler leaves this step out
    if not overflowed:
        metrics[f"gradient_norm/{who}"] = norm_value
    require_healthy(metrics, learner, context.params.recovery)
    with record_function("step/optimizers"):
        learner.scaler.step(optimizer)
    return metrics


@torch.no_grad()
def _follow(average: AnyGenerator, model: AnyGenerator, decay: float) -> None:
    """average = decay * average + (1 - decay) * model; buffers do not change in training."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1.0 - decay)
