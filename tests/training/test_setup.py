import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from swapcore.cache import CACHE
from swapcore.models.source import SourceDescription
from swapcore.training.describing import describe_sources
from tests.training.conftest import recognize


def test_descriptions_are_what_inference_computes(tiny, start) -> None:
    run = start(tiny())
    sources = run.sampler.source_images(0, len(run.sampler.sources))
    expected = run.state.ema.description.describe(recognize, sources)
    found = run.sampler.describe(np.arange(run.sampler.num_sources))
    torch.testing.assert_close(found, expected)
    assert found.shape == (len(run.sampler.sources), 24)


def test_the_normalization_is_the_training_sources_own(tiny, start) -> None:
    sampler = start(tiny()).sampler
    pooled = sampler.describe(np.arange(sampler.num_sources))[:, :12]
    torch.testing.assert_close(pooled.mean(0), torch.zeros(12), atol=1e-4, rtol=0)


@pytest.mark.parametrize("cache_megabytes", [0, 1000])
def test_the_pass_over_the_sources_needs_little_more_memory_than_its_result(
    cache_megabytes: int, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """At most 1.3 times; benchmarks/setup_pass.py measures the whole process, with the tensors of a batch."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    num, channels, width = 40_000, 128, 64
    sampler = SimpleNamespace(
        num_sources=num,
        size_px=2,
        sources_digest=lambda: "made up",
        source_images=lambda first, last: torch.zeros(min(last, num) - first, channels, 1, 1),
    )
    tracemalloc.start()
    described = describe_sources(
        SourceDescription(width, 2 * channels), sampler, lambda crops: ([crops], crops[:, :width, 0, 0]),
        torch.zeros(width), torch.device("cpu"), cache_megabytes=cache_megabytes,
    )  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    in_memory = 0 if cache_megabytes else described.raw.nbytes  # the file's pages are shared
    assert described.raw.nbytes == num * (2 * channels + width) * 4
    assert peak < in_memory + 0.3 * described.raw.nbytes
