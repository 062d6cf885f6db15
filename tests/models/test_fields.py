import pytest
import torch

from swapcore.config import ModelParams
from swapcore.models.fields import FieldGenerator, shrink
from swapcore.ops.compose import Guide
from swapcore.ops.light import relight


def generator(**changes: object) -> FieldGenerator:
    torch.manual_seed(0)
    params = ModelParams.model_validate(
        {
            "kind": "fields", "compose_scale": 2, "max_flow": 0.05, "width": 8, "num_levels": 2, "num_fusion_blocks": 1,
            "unshuffle": 2, "window": 0.75, "copies_source": True, "moves_template": True, "discriminator_width": 8,
        }
        | changes
    )  # fmt: skip
    return FieldGenerator(params, embedding_size=12, pooled_size=12, size_px=64)


def images(size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def guide(flow: float = 0.0, visible: float = 1.0) -> Guide:
    flows = [torch.full((2, 2, 64, 64), value) for value in (flow, 0.5 * flow)]
    ones = torch.ones(2, 1, 64, 64)
    return Guide(
        *flows, visible * ones, kept=0 * ones, skin=ones, eyes=0 * ones, brows=0 * ones, lips=0 * ones, near=ones
    )


@pytest.mark.parametrize("size", [64, 128, 192])
@pytest.mark.parametrize("window", [0.75, 1.0])
def test_fields_of_the_working_size_and_images_of_any(size: int, window: float) -> None:
    swap = generator(window=window)(images(size), images(size, 1), torch.zeros(2, 24), guide())
    assert swap.image.shape == swap.raw.shape == (2, 3, size, size)
    assert swap.mask.shape == (2, 1, size, size)
    assert swap.fields is not None
    assert {field.shape[-1] for field in swap.fields} == {64}
    torch.testing.assert_close(swap.fields.shares.sum(1), torch.ones(2, 64, 64))


def test_training_starts_from_the_guided_source() -> None:
    fields = generator()(images(64), images(64, 1), torch.zeros(2, 24), guide(flow=0.1)).fields
    assert fields is not None
    assert fields.shares[:, 1].mean() > 0.8
    assert fields.shares[:, 0].mean() < 0.1
    assert (fields.source_flow - 0.1).abs().max() < 0.02
    assert (fields.template_flow - 0.05).abs().max() < 0.02
    assert fields.mask[..., 30:50, 20:44].mean() > 0.9


def test_the_network_cannot_overrule_a_sure_guide() -> None:
    network = generator().eval()
    torch.nn.init.constant_(network.output.bias, -50.0)
    fields = network(images(64), images(64, 1), torch.zeros(2, 24), guide()).fields
    assert fields is not None
    assert (fields.shares[:, 1] > fields.shares[:, 2]).all()


def test_a_thin_seam_of_the_template_stays_thin() -> None:
    """The edges of a mask are eroded where the source may end; a seam of closed lips would become a band of both lips."""
    seam = torch.zeros(2, 1, 64, 64)
    seam[..., 40, 24:40] = 1
    fields = generator()(images(64), images(64, 1), torch.zeros(2, 24), guide()._replace(kept=seam)).fields
    assert fields is not None
    assert fields.shares[:, 2, 40, 26:38].mean() > 0.8
    assert fields.shares[:, 1, [37, 38, 39, 41, 42, 43], 26:38].mean() > 0.8


def test_where_the_source_shows_nothing_training_starts_from_the_template() -> None:
    fields = generator()(images(64), images(64, 1), torch.zeros(2, 24), guide(visible=0.0)).fields
    assert fields is not None
    assert fields.shares[:, 2].mean() > 0.8
    assert fields.shares[:, 1].mean() < 0.1


def test_far_from_the_face_training_starts_without_a_mask() -> None:
    far = guide()._replace(near=torch.zeros(2, 1, 64, 64))
    fields = generator()(images(64), images(64, 1), torch.zeros(2, 24), far).fields
    assert fields is not None
    assert fields.mask.max() < 0.05


def test_the_correction_of_the_guide_is_bounded() -> None:
    model = generator()
    torch.nn.init.constant_(model.coarse.bias, 50.0)
    fields = model(images(64), images(64, 1), torch.zeros(2, 24), guide(flow=0.2)).fields
    assert fields is not None
    torch.testing.assert_close(fields.source_flow, torch.full((2, 2, 64, 64), 0.2 + 2 * 0.05), atol=1e-3, rtol=0)


def test_outside_the_window_the_template_stays_to_the_bit() -> None:
    swap = generator()(images(128), images(128, 1), torch.zeros(2, 24), guide())
    assert torch.equal(swap.image[..., :24, :], images(128, 1)[..., :24, :])


def test_light_starts_as_the_templates() -> None:
    source, template = torch.full((2, 3, 64, 64), -0.4), torch.full((2, 3, 64, 64), 0.4)
    fields = generator()(source, template, torch.zeros(2, 24), guide()).fields
    assert fields is not None
    lit = relight(source, fields.light)[..., 20:50, 20:44]
    assert lit.mean().item() == pytest.approx(0.4, abs=0.15)


def test_every_weight_is_trained() -> None:
    model = generator()
    swap = model(images(128), images(128, 1), torch.randn(2, 24), guide())
    assert swap.fields is not None
    (swap.image.square().sum() + swap.fields.template_flow.sum()).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_shrinking_averages() -> None:
    assert shrink(torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]]), 1).item() == 3.0
    assert shrink(images(64), 64) is not None


def test_flows_are_float32_under_autocast() -> None:
    model = generator()
    exact = model(images(64), images(64, 1), torch.zeros(2, 24), guide(flow=0.1)).fields
    with torch.autocast("cpu", torch.bfloat16):
        found = model(images(64), images(64, 1), torch.zeros(2, 24), guide(flow=0.1)).fields
    assert exact is not None
    assert found is not None
    assert all(field.dtype == torch.float32 for field in found)
    assert (found.source_flow - exact.source_flow).abs().max() < 0.005
