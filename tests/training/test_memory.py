"""Estimate of the batch that fits a GPU."""

import pytest
import torch

from swapcore.errors import TrainingError
from swapcore.training import memory
from swapcore.training.memory import batch_that_fits, constant_bytes, explained_shortage, saved_bytes


def test_the_batch_by_hand() -> None:
    assert batch_that_fits(1000, 50, 100.0, 1) == 8  # (0.85 * 1000 - 50) / 100
    assert batch_that_fits(1000, 50, 100.0, 3) == 6
    assert batch_that_fits(100, 200, 1.0, 1) == 0


def test_what_is_kept_for_the_backward_pass_grows_with_the_rows(tiny, start) -> None:
    run = start(tiny(step={"frozen_network_every": 1}))
    batch = run.sampler.batch(0)
    one, two, four = (saved_bytes(run.state, batch.select(slice(0, rows)), run.context) for rows in (1, 2, 4))
    assert one > batch.label[0].nbytes
    assert (four - two) == pytest.approx(2 * (two - one), rel=0.1)
    weights = sum(parameter.nbytes for parameter in run.state.generator.parameters())
    assert constant_bytes(run.state) > 5 * weights


def test_too_little_memory_is_one_line_with_the_batch_that_fits(tiny, start, monkeypatch) -> None:
    run = start(tiny())
    batch = run.sampler.batch(0)
    monkeypatch.setattr(memory.torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(memory.torch.cuda, "mem_get_info", lambda _: (0, constant_bytes(run.state) * 2))
    expected = r"train\.batch_size 4 on 1 GPUs; by estimate .* fit"
    with pytest.raises(TrainingError, match=expected) as caught, explained_shortage(run.state, batch, run.context):
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert "\n" not in str(caught.value)
    with explained_shortage(run.state, batch, run.context):
        pass
