"""One training step and its schedules."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch.profiler import record_function

from swapcore.config import JitterParams, RecoveryParams, ScheduleParams, StepParams
from swapcore.data.preparing import GroupBatch
from swapcore.losses.adversarial import discriminator_loss
from swapcore.losses.fields import Correspondence
from swapcore.losses.jitter import Jitter, draw_jitter
from swapcore.losses.total import FieldTargets, SwapLoss, Targets, Terms
from swapcore.models.artifact import AnyGenerator
from swapcore.ops.compose import Guide
from swapcore.ops.device import autocast
from swapcore.ops.draws import uniform
from swapcore.ops.embedding import centered
from swapcore.training.distributed import SINGLE, Processes, peer_errors
from swapcore.training.health import check_step, recovery_lr_scale, update_running_loss
from swapcore.training.train_state import Metrics, TrainState

_JITTER_STREAM = 1
"""Separates the jitter's random numbers from the sampler's."""


@dataclass(frozen=True)
class StepContext:
    """Constants of all steps of a training."""

    params: StepParams
    schedule: ScheduleParams
    recovery: RecoveryParams
    jitter: JitterParams
    num_steps: int
    seed: int
    precision: str
    device: torch.device
    loss: SwapLoss
    embedding_mean: torch.Tensor
    """(D,)."""
    processes: Processes = SINGLE


def lr_scale(step: int, num_steps: int, schedule: ScheduleParams) -> float:
    """Return the factor of the learning rates: linear warm-up, then a half cosine down to the floor."""
    warmup = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / num_steps))
    return warmup * (schedule.floor + (1.0 - schedule.floor) * cosine)


def ema_decay(step: int, schedule: ScheduleParams) -> float:
    """Return the decay of the weights' moving average; low in the first steps, which forgets the untrained weights."""
    return min(schedule.ema_decay, (1.0 + step) / (10.0 + step))


def uses_raw(step: int, num_steps: int, schedule: ScheduleParams) -> bool:
    """Return whether identity and feature losses use the image before the mask."""
    return step < schedule.raw_phase * num_steps


def use_discriminator(step: int, num_steps: int, schedule: ScheduleParams, weight: float) -> bool:
    """Return whether the adversarial loss, of this weight, is active."""
    return weight > 0 and step >= schedule.adversarial_start * num_steps


def train_step(state: TrainState, batch: GroupBatch, context: StepContext) -> Metrics:
    """Advance the state by one batch.

    The generator is updated first, then the discriminator, then the moving average.

    Args:
        state: changed in place.
        batch: this process's share of the global batch.
        context: constants of the training.

    Returns:
        Weighted loss terms, gradient norms and the generator's learning rate.

    Raises:
        UnhealthyStepError: a loss term or gradient is not finite, or the loss spiked. The weights are unchanged then.
    """
    step = state.step
    batch = batch.to(context.device, channels_last=context.params.channels_last)
    learning_rate = _set_learning_rates(state, context)
    adversarial = use_discriminator(step, context.num_steps, context.schedule, context.loss.weights.adversarial)
    parts = list(_parts(batch, step, context))
    swapped: list[torch.Tensor] = []
    generator_terms = (_generator_terms(state, part, context, swapped, adversarial=adversarial) for part in parts)
    metrics = _update(generator_terms, state, "generator", context)
    if adversarial:
        pairs = zip(parts, swapped, strict=True)
        discriminator_terms = (_discriminator_terms(state, part, image, context) for part, image in pairs)
        metrics |= _update(discriminator_terms, state, "discriminator", context)
    state.scaler.update()
    _update_average(state.ema, state.generator, ema_decay(step, context.schedule))
    update_running_loss(state, metrics["loss/total"])
    state.step += 1
    return {**metrics, "learning_rate": learning_rate}


@dataclass(frozen=True)
class _Part:
    """Rows of one forward and backward pass; train.step.accumulate parts make up a process's share of the batch."""

    batch: GroupBatch
    jitter: Jitter
    is_first: bool
    """Only the first part advances the spectral norm's power iteration, so that the number of parts changes no result."""


def _parts(batch: GroupBatch, step: int, context: StepContext) -> Iterator[_Part]:
    """Split the share into parts. The jitter of a row depends on its number in the global batch, as the group does."""
    num_parts, processes = context.params.accumulate, context.processes
    num_rows = len(batch.label) * processes.count
    rows = np.arange(num_rows)[processes.share(num_rows)]
    jitter = draw_jitter(context.jitter, uniform((context.seed, _JITTER_STREAM, step), rows, 4), context.device)
    size = len(batch.label) // num_parts
    for part in range(num_parts):
        of_part = slice(part * size, (part + 1) * size)
        yield _Part(batch.select(of_part), jitter.select(of_part), part == 0)


def _set_learning_rates(state: TrainState, context: StepContext) -> float:
    """Set both learning rates for this step and return the generator's."""
    schedule = context.schedule
    scale = lr_scale(state.step, context.num_steps, schedule) * recovery_lr_scale(state, context.recovery)
    for optimizer, peak in (
        (state.generator_optimizer, schedule.learning_rate),
        (state.discriminator_optimizer, schedule.discriminator_learning_rate),
    ):
        for group in optimizer.param_groups:
            group["lr"] = scale * peak
    return scale * schedule.learning_rate


def _generator_terms(
    state: TrainState, part: _Part, context: StepContext, swapped: list[torch.Tensor], *, adversarial: bool
) -> Terms:
    """Compute the generator's losses on a part and append its output to swapped, for the discriminator."""
    batch = part.batch
    targets = Targets(
        label=batch.label,
        template=batch.template,
        num_fake_labels=batch.num_fake_labels,
        source_identity=centered(batch.source_embedding, context.embedding_mean),
        template_identity=centered(batch.template_embedding, context.embedding_mean),
        view=batch.label_view,
    )
    guide, known = guide_of(batch), known_of(batch)
    # The offset rotates because a batch has its fake labels first. Parts and shares are contiguous, so these rows do not depend
    # on the number of parts or processes.
    every = context.params.frozen_network_every
    rows = slice(state.step % every, None, every)
    use_raw = uses_raw(state.step, context.num_steps, context.schedule)
    with autocast(context.device, context.precision):
        with record_function("step/generator"):
            swap = state.generator(batch.source, batch.template, batch.description, guide)
        with record_function("step/losses"):
            fields = FieldTargets(guide, known)
            terms = context.loss(swap, targets, fields=fields, jitter=part.jitter, use_raw=use_raw, frozen_rows=rows)
        if adversarial:
            state.discriminator.requires_grad_(False)
            terms |= context.loss.adversarial(state.discriminator.train(part.is_first)(swap.image))
            state.discriminator.requires_grad_(True)
    swapped.append(swap.image.detach())
    return terms


def generator_loss_of(state: TrainState, batch: GroupBatch, context: StepContext) -> torch.Tensor:
    """Return the generator's total loss of some rows, without the adversarial term; for measurements."""
    part = next(_parts(batch, state.step, replace(context, params=context.params.model_copy(update={"accumulate": 1}))))
    return torch.stack(list(_generator_terms(state, part, context, [], adversarial=False).values())).sum()


def guide_of(batch: GroupBatch) -> Guide:
    """Return the guide of a batch; empty for a generator without guides."""
    return Guide(**{name: getattr(batch, f"guide_{name}") for name in Guide._fields})


def known_of(batch: GroupBatch) -> Correspondence:
    """Return the points of known correspondence of a batch."""
    return Correspondence(batch.known_label, batch.known_source, batch.known_visible, batch.known_hidden)


def _discriminator_terms(state: TrainState, part: _Part, swapped: torch.Tensor, context: StepContext) -> Terms:
    """Compute the discriminator's loss on swapped images against real labels and real templates of the same part."""
    batch, discriminator = part.batch, state.discriminator.train(part.is_first)
    real = torch.where(batch.is_fake_label[:, None, None, None], batch.template, batch.label)
    with autocast(context.device, context.precision), record_function("step/discriminator"):
        return {"discriminator": discriminator_loss(discriminator(real), discriminator(swapped))}


def _update(
    terms_of_parts: Iterator[Terms],
    state: TrainState,
    name: Literal["generator", "discriminator"],
    context: StepContext,
) -> Metrics:
    """Take an optimizer step on the sum of the terms, averaged over parts and processes, with clipped gradients."""
    model, optimizer = getattr(state, name), getattr(state, f"{name}_optimizer")
    optimizer.zero_grad(set_to_none=True)
    values: list[torch.Tensor] = []
    for terms in terms_of_parts:
        total = torch.stack(list(terms.values())).sum() / context.params.accumulate
        with record_function(f"step/backward of the {name}"):
            state.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        names = [f"loss/{term}" for term in terms]
        values.append(torch.stack([value.detach().float() for value in terms.values()]))
    means = torch.stack(values).mean(0)
    context.processes.average([*(p.grad for p in model.parameters() if p.grad is not None), means])
    state.scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), context.params.max_gradient_norm)
    with peer_errors(context.processes):  # the only place where the host waits for the device
        *losses, norm_value = torch.cat([means, norm.float()[None]]).tolist()
    metrics = dict(zip(names, losses, strict=True))
    if name == "generator":
        metrics["loss/total"] = math.fsum(losses)
    overflowed = state.scaler.is_enabled() and not math.isfinite(norm_value)  # the scaler skips this optimizer step
    if not overflowed:
        metrics[f"gradient_norm/{name}"] = norm_value
    check_step(metrics, state, context.recovery)
    with record_function("step/optimizers"):
        state.scaler.step(optimizer)
    return metrics


@torch.no_grad()
def _update_average(average: AnyGenerator, model: AnyGenerator, decay: float) -> None:
    """Set average = decay * average + (1 - decay) * model; buffers are constant during training."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1.0 - decay)
