import numpy as np
import torch

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
