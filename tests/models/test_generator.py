import pytest
import torch

from swapcore.config import ModelParams
from swapcore.models.generator import MAX_DISPLACEMENT, Generator, displace, window_of


def batch(size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, size, size, generator=generator) * 2 - 1, torch.rand(
        2, 3, size, size, generator=generator
    ) * 2 - 1


@pytest.mark.parametrize("size", [64, 80, 112, 144, 256])
@pytest.mark.parametrize("unshuffle", [1, 2, 4])
@pytest.mark.parametrize("window", [0.5, 0.75, 1.0])
def test_composite_raw_and_mask_at_every_size(size: int, unshuffle: int, window: float, recognize) -> None:
    params = ModelParams(
        kind="pixels", compose_scale=1, max_flow=0.04, width=8, num_levels=2, num_fusion_blocks=1, unshuffle=unshuffle,
        window=window, copies_source=True, moves_template=True, discriminator_width=8,
    )  # fmt: skip
    model = Generator(params, embedding_size=12, pooled_size=12)
    source, template = batch(size)
    swap = model(source, template, model.description.describe(recognize, source))
    assert swap.image.shape == swap.raw.shape == (2, 3, size, size)
    assert swap.mask.shape == (2, 1, size, size)
    assert swap.image.abs().max() <= 1
    torch.testing.assert_close(swap.image, swap.mask * swap.raw + (1 - swap.mask) * template)


def test_a_closed_mask_returns_the_template(configuration, recognize) -> None:
    model = configuration.build()
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.view(-1, 4)[3] = -100.0
    source, template = batch(64)
    swap = model(source, template, model.description.describe(recognize, source))
    torch.testing.assert_close(swap.image, template)


@pytest.mark.parametrize(
    ("size", "share", "multiple", "wanted"),
    [
        (64, 0.75, 8, (16, 8, 48)),
        (112, 0.75, 8, (24, 12, 88)),  # 84 is not a multiple of 8
        (224, 0.75, 8, (56, 28, 168)),
        (80, 0.5, 128, (0, 0, 80)),
        (64, 1.0, 8, (0, 0, 64)),
    ],
)
def test_the_window_by_hand(size: int, share: float, multiple: int, wanted: tuple[int, int, int]) -> None:
    assert window_of(size, share, multiple) == wanted


def test_pixels_outside_the_window_are_neither_used_nor_changed(configuration, recognize) -> None:
    params = configuration.generator.model_copy(update={"window": 0.75})
    model = Generator(params, embedding_size=12, pooled_size=12)
    with torch.no_grad():
        model.output.bias.view(-1, 4)[3] = 100.0  # an open mask
    source, template = batch(64)
    description = model.description.describe(recognize, source)
    swap = model(source, template, description)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:, 8:56] = True
    for image in (swap.image, swap.raw):
        torch.testing.assert_close(image[..., ~inside], template[..., ~inside])
        assert not torch.allclose(image[..., inside], template[..., inside], atol=0.1)
    assert not swap.mask[..., ~inside].any()
    other = source.clone()
    other[..., ~inside] = 0
    torch.testing.assert_close(model(other, template, description).image, swap.image)


def test_the_mask_fades_out_at_all_edges_of_the_window_but_the_lower(configuration, recognize) -> None:
    params = configuration.generator.model_copy(update={"window": 0.75})
    model = Generator(params, embedding_size=12, pooled_size=12)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.view(-1, 4)[3] = 100.0
    source, template = batch(64)
    mask = model(source, template, model.description.describe(recognize, source)).mask[0, 0]
    rising = torch.tensor([0.5 / 3, 1.5 / 3, 2.5 / 3, 1.0])
    torch.testing.assert_close(mask[16:20, 32], rising)
    torch.testing.assert_close(mask[40, 8:12], rising)
    torch.testing.assert_close(mask[40, 52:56], rising.flip(0))
    torch.testing.assert_close(mask[-1, 11:53], torch.ones(42))


def test_the_output_depends_on_source_pixels_template_and_description(configuration, recognize) -> None:
    model = configuration.build()
    source, template = batch(64)
    description = model.description.describe(recognize, source)
    raw = model(source, template, description).raw
    assert not torch.allclose(raw, model(source.flip(3), template, description).raw)
    assert not torch.allclose(raw, model(source, template.flip(3), description).raw)
    assert not torch.allclose(raw, model(source, template, description.roll(1, 0)).raw)


def test_samples_of_a_batch_are_independent(configuration, recognize) -> None:
    model = configuration.build().eval()
    source, template = batch(64)
    description = model.description.describe(recognize, source)
    whole = model(source, template, description).image
    alone = model(source[:1], template[:1], description[:1]).image
    torch.testing.assert_close(whole[:1], alone, rtol=1e-4, atol=1e-4)


def test_subpixels_have_equal_initial_weights(configuration) -> None:
    weight = configuration.build().output.weight
    torch.testing.assert_close(weight[0:4], weight[0:1].expand(4, -1, -1, -1))


def test_every_parameter_receives_a_gradient(configuration, recognize) -> None:
    model = configuration.build()
    source, template = batch(64)
    model(source, template, model.description.describe(recognize, source)).image.square().mean().backward()
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
def test_an_open_mask_and_full_share_return_the_warped_image(configuration, recognize, chosen: int) -> None:
    model = configuration.build()
    with torch.no_grad():
        model.output.weight.zero_()
        # Channels come four sub-pixels each: red, green, blue, mask, share of the source, share of the template.
        model.output.bias.view(-1, 4)[[3, 4 + chosen]] = 100.0
        model.flow.weight.zero_()
    images = batch(64)
    swap = model(*images, model.description.describe(recognize, images[0]))
    torch.testing.assert_close(swap.raw, images[chosen], atol=1e-4, rtol=0)


def test_source_and_template_are_moved_by_their_own_fields(configuration, recognize) -> None:
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
    configuration, recognize, copies_source: bool, moves_template: bool
) -> None:
    params = configuration.generator.model_copy(
        update={"copies_source": copies_source, "moves_template": moves_template}
    )
    model = Generator(params, embedding_size=12, pooled_size=12)
    assert model.output.out_channels == 16 + 4 * (copies_source + moves_template)
    source, template = batch(64)
    assert model(source, template, model.description.describe(recognize, source)).image.shape == (2, 3, 64, 64)
