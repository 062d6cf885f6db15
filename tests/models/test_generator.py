import pytest
import torch

from swapcore.config import ModelParams
from swapcore.models.generator import Generator


def batch(size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, size, size, generator=generator) * 2 - 1, torch.rand(
        2, 3, size, size, generator=generator
    ) * 2 - 1


@pytest.mark.parametrize("size", [64, 80, 112, 144, 256])
@pytest.mark.parametrize("unshuffle", [1, 2, 4])
def test_gives_composite_raw_and_mask_at_every_size(size: int, unshuffle: int, recognise) -> None:
    params = ModelParams(width=8, num_levels=2, num_fusion_blocks=1, unshuffle=unshuffle, discriminator_width=8)
    model = Generator(params, embedding_size=12, pooled_size=12)
    source, template = batch(size)
    swap = model(source, template, model.description.describe(recognise, source))
    assert swap.image.shape == swap.raw.shape == (2, 3, size, size)
    assert swap.mask.shape == (2, 1, size, size)
    assert swap.image.abs().max() <= 1
    torch.testing.assert_close(swap.image, swap.mask * swap.raw + (1 - swap.mask) * template)


def test_a_closed_mask_returns_the_template(configuration, recognise) -> None:
    model = configuration.build()
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.view(4, 4)[3] = -100.0
    source, template = batch(64)
    swap = model(source, template, model.description.describe(recognise, source))
    torch.testing.assert_close(swap.image, template)


def test_the_output_depends_on_source_pixels_template_and_description(configuration, recognise) -> None:
    model = configuration.build()
    source, template = batch(64)
    description = model.description.describe(recognise, source)
    raw = model(source, template, description).raw
    assert not torch.allclose(raw, model(source.flip(3), template, description).raw)
    assert not torch.allclose(raw, model(source, template.flip(3), description).raw)
    assert not torch.allclose(raw, model(source, template, description.roll(1, 0)).raw)


def test_each_sample_is_swapped_by_itself(configuration, recognise) -> None:
    model = configuration.build().eval()
    source, template = batch(64)
    description = model.description.describe(recognise, source)
    whole = model(source, template, description).image
    alone = model(source[:1], template[:1], description[:1]).image
    torch.testing.assert_close(whole[:1], alone, rtol=1e-4, atol=1e-4)


def test_starts_without_a_checkerboard(configuration) -> None:
    weight = configuration.build().output.weight
    torch.testing.assert_close(weight[0:4], weight[0:1].expand(4, -1, -1, -1))


def test_every_parameter_receives_a_gradient(configuration, recognise) -> None:
    model = configuration.build()
    source, template = batch(64)
    model(source, template, model.description.describe(recognise, source)).image.square().mean().backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []
