import torch

from tests.training.conftest import recognize


def test_descriptions_are_what_inference_computes(tiny, start) -> None:
    run = start(tiny())
    sources = run.sampler.source_images(0, len(run.sampler.sources))
    expected = run.state.ema.description.describe(recognize, sources)
    torch.testing.assert_close(run.context.descriptions, expected)
    assert run.context.descriptions.shape == (len(run.sampler.sources), 24)


def test_the_normalization_is_the_training_sources_own(tiny, start) -> None:
    pooled = start(tiny()).context.descriptions[:, :12]
    torch.testing.assert_close(pooled.mean(0), torch.zeros(12), atol=1e-4, rtol=0)
