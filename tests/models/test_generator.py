import pytest
import torch

from swapcore.config import ModelParams
from swapcore.models.generator import MAX_DISPLACEMENT, Generator, displace


def batch(size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, size, size, generator=generator) * 2 - 1, torch.rand(
        2, 3, size, size, generator=generator
    ) * 2 - 1


@pytest.mark.parametrize("size", [64, 80, 112, 144, 256])
@pytest.mark.parametrize("unshuffle", [1, 2, 4])
def test_gives_composite_raw_and_mask_at_every_size(size: int, unshuffle: int, recognise) -> None:
    params = ModelParams(
        width=8, num_levels=2, num_fusion_blocks=1, unshuffle=unshuffle, copies_source=True, moves_template=True,
        discriminator_width=8,
    )  # fmt: skip
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
        model.output.bias.view(-1, 4)[3] = -100.0
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


def test_no_flow_moves_nothing() -> None:
    image, _ = batch(64)
    torch.testing.assert_close(displace(image, torch.zeros(2, 2, 8, 8)), image, atol=1e-4, rtol=0)


def test_flow_by_hand() -> None:
    image, _ = batch(64)
    eight_px = torch.atanh(torch.tensor(8 / 64 / MAX_DISPLACEMENT))
    flow = torch.stack([torch.full((8, 8), float(eight_px)), torch.zeros(8, 8)]).expand(2, -1, -1, -1)
    moved = displace(image, flow)
    torch.testing.assert_close(moved[..., :-8], image[..., 8:], atol=1e-3, rtol=0)


def test_flow_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 6, 6, dtype=torch.double, generator=generator, requires_grad=True)
    flow = torch.randn(1, 2, 3, 3, dtype=torch.double, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(displace, (image, flow))


@pytest.mark.parametrize("chosen", [0, 1])
def test_an_open_mask_and_full_share_return_the_moved_picture(configuration, recognise, chosen: int) -> None:
    model = configuration.build()
    with torch.no_grad():
        model.output.weight.zero_()
        # Channels come four sub-pixels each: red, green, blue, mask, share of the source, share of the template.
        model.output.bias.view(-1, 4)[[3, 4 + chosen]] = 100.0
        model.flow.weight.zero_()
    pictures = batch(64)
    swap = model(*pictures, model.description.describe(recognise, pictures[0]))
    torch.testing.assert_close(swap.raw, pictures[chosen], atol=1e-4, rtol=0)


def test_source_and_template_are_moved_by_their_own_fields(configuration, recognise) -> None:
    model = configuration.build()
    with torch.no_grad():
        model.flow.weight.zero_()
        model.flow.bias.copy_(torch.tensor([1.0, 0.0, 0.0, -1.0]))
    source, template = batch(64)
    moved_source, moved_template = model._move(torch.zeros(2, 16, 16, 16), source, template)
    across = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(2, 2, 16, 16)
    torch.testing.assert_close(moved_source, displace(source, across))
    torch.testing.assert_close(moved_template, displace(template, -across.flip(1)))


@pytest.mark.parametrize(("copies_source", "moves_template"), [(False, False), (True, False), (False, True)])
def test_what_may_not_be_moved_has_no_field(
    configuration, recognise, copies_source: bool, moves_template: bool
) -> None:
    params = configuration.generator.model_copy(
        update={"copies_source": copies_source, "moves_template": moves_template}
    )
    model = Generator(params, embedding_size=12, pooled_size=12)
    assert model.output.out_channels == 16 + 4 * (copies_source + moves_template)
    source, template = batch(64)
    assert model(source, template, model.description.describe(recognise, source)).image.shape == (2, 3, 64, 64)
