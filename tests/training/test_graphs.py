"""Networks and losses of a step are compiled into one graph each: ``fullgraph`` refuses a break."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from swapcore.config import NetworkParams
from swapcore.faces.mesh.crops import crop_expression
from swapcore.faces.mesh.landmarker import load_face_mesh
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.losses.expression import expression_loss
from swapcore.losses.feature import feature_loss
from swapcore.losses.fields import Correspondence, field_terms
from swapcore.losses.identity import source_identity_loss, template_identity_loss
from swapcore.losses.jitter import Jitter, apply_jitter
from swapcore.losses.pixel import change_weight, pixel_loss
from swapcore.losses.total import FieldTargets, SwapLoss, Targets
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.discriminator import Discriminator
from swapcore.ops.compose import Fields, Guide, Swap, compose
from swapcore.ops.embedding import centered

BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)
NUM, WORKING_PX, COMPOSED_PX, DIM = 2, 64, 128, 128


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return load_recognizer(BUILT_IN)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def in_one_graph(function: Callable[..., Any], *arguments: Any) -> None:
    """Compile without a break, and compare with the function itself; the backend runs the captured graph as it is."""
    graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, _inputs: Any) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(function, fullgraph=True, backend=count)
    found = torch.utils._pytree.tree_leaves(compiled(*arguments))
    expected = torch.utils._pytree.tree_leaves(function(*arguments))
    assert len(graphs) == 1
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def image(seed: int, size_px: int = COMPOSED_PX) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(NUM, 3, size_px, size_px, generator=generator) * 2 - 1


def fields() -> Fields:
    flow = torch.full((NUM, 2, WORKING_PX, WORKING_PX), 0.02)
    colors, one = image(9, WORKING_PX), torch.full((NUM, 1, WORKING_PX, WORKING_PX), 0.5)
    light = (4.5 + 0.1 * colors, 4.5 + 0.1 * colors, one, 0 * one, 0 * one, 0 * one)
    return Fields(flow, flow, *light, 0.1 * colors, colors.softmax(1), colors, one)


def guide() -> Guide:
    flow = torch.full((NUM, 2, WORKING_PX, WORKING_PX), 0.01)
    one = torch.ones(NUM, 1, WORKING_PX, WORKING_PX)
    return Guide(flow, flow, one, kept=0 * one, skin=one, eyes=0 * one, brows=0 * one, lips=0 * one, near=one)


def known() -> Correspondence:
    points, shown = torch.zeros(NUM, 5, 2), torch.ones(NUM, 5)
    return Correspondence(points, points + 0.1, shown, 1 - shown)


def jitter() -> Jitter:
    return Jitter(torch.full((NUM, 2), 0.01), torch.full((NUM,), 1.02), torch.full((NUM,), 0.3))


def test_a_break_would_be_found() -> None:
    def breaking(values: torch.Tensor) -> torch.Tensor:
        return values * float(values.sum().tolist())

    with pytest.raises(Exception, match=r"(?i)tolist|data.dependent|graph break"):
        in_one_graph(breaking, torch.ones(2))


@pytest.mark.parametrize("size_px", [64, 112, 512])
def test_the_recognizer(recognizer: Recognizer, size_px: int) -> None:
    in_one_graph(recognizer.features, image(0, size_px))


def test_single_losses(recognizer: Recognizer) -> None:
    identities = [centered(image(seed).flatten(1)[:, :DIM], torch.zeros(DIM)) for seed in range(3)]
    levels = [image(seed, 16) for seed in range(2)]
    in_one_graph(feature_loss, levels[:1], levels[1:])
    in_one_graph(source_identity_loss, *identities[:2])
    in_one_graph(template_identity_loss, *identities)
    in_one_graph(change_weight, image(0), image(1), 2.0)
    weight, is_fake = torch.ones(NUM, 1, COMPOSED_PX, COMPOSED_PX), torch.tensor([True, False])
    in_one_graph(partial(pixel_loss, real=1.0, fake=0.5), image(0), image(1), weight, is_fake)
    in_one_graph(apply_jitter, image(0), jitter(), torch.eye(2, 3).repeat(NUM, 1, 1))


def test_the_expression_loss() -> None:
    measure = partial(crop_expression, mesh=load_face_mesh())
    in_one_graph(partial(expression_loss, measure), image(0), image(1))


def test_the_composition_of_fields(tiny) -> None:
    predicted, given, points = fields(), guide(), known()
    in_one_graph(partial(compose, predicted), image(0), image(1))
    in_one_graph(partial(compose, predicted, smooth=True), image(0), image(1))
    weights = tiny(model={"kind": "fields"}).weights
    in_one_graph(lambda flow: field_terms(weights, predicted._replace(source_flow=flow), given, points), predicted[0])


@pytest.mark.parametrize("num_fake_labels", [0, 1, NUM])
def test_all_losses_together(tiny, recognizer: Recognizer, num_fake_labels: int) -> None:
    params = tiny(model={"kind": "fields"})
    loss = SwapLoss(params.weights, recognizer.features, torch.zeros(DIM), params.feature.num_levels, None)
    identity = centered(image(3).flatten(1)[:, :DIM], torch.zeros(DIM))
    view = torch.eye(2, 3).repeat(NUM, 1, 1)

    targets = Targets(image(4), image(5), num_fake_labels, identity, identity, view)
    predicted, given, moved = fields(), FieldTargets(guide(), known()), jitter()

    def terms(output: torch.Tensor, raw: torch.Tensor) -> dict[str, torch.Tensor]:
        swap = Swap(output, raw, torch.ones(NUM, 1, COMPOSED_PX, COMPOSED_PX), predicted)
        return loss(swap, targets, fields=given, jitter=moved, use_raw=False, frozen_rows=slice(0, None, 1))

    in_one_graph(terms, image(0), image(1))


@pytest.mark.parametrize("kind", ["pixels", "fields"])
def test_generator_and_discriminator(tiny, kind: str) -> None:
    shape = ModelConfiguration(
        generator=tiny(model={"kind": kind}).model, size_px=WORKING_PX, embedding_size=DIM, pooled_size=12
    )
    generator = shape.build()
    description, given = torch.zeros(NUM, generator.description.size), guide()
    in_one_graph(
        lambda source, template: generator(source, template, description, given)[:3],
        image(0, WORKING_PX),
        image(1, WORKING_PX),
    )
    in_one_graph(Discriminator(8).eval(), image(0))
