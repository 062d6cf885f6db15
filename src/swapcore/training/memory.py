"""Estimate of the batch size that fits a GPU's memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from swapcore.data.preparing import GroupBatch
from swapcore.errors import TrainingError
from swapcore.training.step import StepContext, generator_loss_of
from swapcore.training.train_state import TrainState

_USABLE = 0.85
"""Share of the memory that tensors can fill; the rest is the CUDA context, workspaces and gaps."""


def saved_bytes(state: TrainState, batch: GroupBatch, context: StepContext) -> int:
    """Measure what a forward pass with losses keeps for the backward pass, for the rows of a batch.

    A tensor that is saved several times counts once; the weights are not counted.
    """
    sizes: dict[tuple[int, torch.device], int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in state.generator.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr(), tensor.device] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        total = generator_loss_of(state, batch, context)
    del total
    return sum(sizes.values())


def constant_bytes(state: TrainState) -> int:
    """Return the bytes of weights, gradients, both moments of Adam and the moving average."""
    trained = sum(p.numel() * p.element_size() for m in (state.generator, state.discriminator) for p in m.parameters())
    average = sum(p.numel() * p.element_size() for p in state.ema.parameters())
    return 4 * trained + average


def batch_that_fits(total_bytes: int, constant: int, bytes_per_row: float, multiple: int) -> int:
    """Return the largest batch of a process, a multiple of a number, whose tensors fit; 0 if none does."""
    rows = (_USABLE * total_bytes - constant) / bytes_per_row
    return max(0, int(rows) // multiple * multiple)


@contextmanager
def explained_shortage(state: TrainState, batch: GroupBatch, context: StepContext) -> Iterator[None]:
    """Convert an out-of-memory error of a GPU into one line with the batch size that would fit.

    Raises:
        TrainingError: the memory does not suffice.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        short = True
    else:
        short = False
    if short:  # outside of the handler, whose traceback would keep the step's tensors
        raise TrainingError(_shortage(state, batch, context))


def _shortage(state: TrainState, batch: GroupBatch, context: StepContext) -> str:
    state.generator_optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info(context.device)
    multiple = context.params.frozen_network_every
    per_row = saved_bytes(state, batch.select(slice(0, multiple)), context) / multiple
    rows = batch_that_fits(total, constant_bytes(state), per_row, multiple)
    have = len(batch.label) * context.processes.count
    fits = (
        f"train.batch_size {rows * context.processes.count} would fit" if rows else "not even the smallest batch fits"
    )
    return (
        f"{context.device}: {total / 1e9:.1f} GB are too little for train.batch_size {have} on {context.processes.count} "
        f"GPUs; by estimate {fits}; lower it, or raise train.step.accumulate"
    )
