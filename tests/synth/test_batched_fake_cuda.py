"""A batch of the renderer on fake CUDA tensors: one device, a fixed number of waits, float32 whatever autocast says."""

from collections import Counter

import numpy as np
import pytest
import torch

from swapcore.ops.device import autocast
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.batched.render import draw
from swapcore.synth.identity import HairStyle, Identity
from swapcore.synth.setting import Setting, arrange
from tests.training.fake_cuda import CUDA, Observer, fake_cuda

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor:UserWarning")
SIZE = 64
WAITS = ["tolist"] * 2
"""For the numbers of boxes' pixels, and of shaded pixels and hair's fragments."""


@pytest.fixture(scope="module")
def setting(person: Identity) -> Setting:
    return arrange(person.but(hair_style=int(HairStyle.BOB), beard=0.5), NEUTRAL.but(glasses=1), SIZE)


def drawn(batch: list[Setting], precision: str) -> Observer:
    with fake_cuda() as seen, autocast(CUDA, precision):
        images = draw(batch, CUDA)
        assert images.device == CUDA
        assert images.dtype == torch.float32
        assert images.shape == (len(batch), SIZE, SIZE, 5)
    return seen


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_batch_is_drawn_in_float32_with_two_waits(setting: Setting, precision: str) -> None:
    seen = drawn([setting] * 2, precision)
    assert seen.waits == WAITS
    assert seen.imprecise == []
    assert seen.low_precision == 0


def test_autocast_changes_no_operation(setting: Setting) -> None:
    plain, *others = (drawn([setting], precision).operations for precision in ("fp32", "bf16", "fp16"))
    assert others == [plain, plain]


def test_waits_and_operations_do_not_depend_on_the_number_of_images(setting: Setting) -> None:
    few, many = drawn([setting] * 2, "fp32"), drawn([setting] * 7, "fp32")
    assert many.waits == few.waits == WAITS
    assert many.operations == few.operations


def test_fetching_the_images_is_one_more_wait(setting: Setting) -> None:
    with fake_cuda() as seen:
        draw([setting], CUDA).cpu()
    assert [wait.split(" in ")[0] for wait in seen.waits] == [*WAITS, "copy from cuda:0 to cpu"]


def test_on_real_tensors_the_number_of_operations_grows_only_with_the_chunks(setting: Setting) -> None:
    """On fake tensors all numbers are one; here chunks are counted with real ones."""

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.operations: Counter[str] = Counter()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.operations[str(func)] += 1
            return func(*args, **(kwargs or {}))

    totals = []
    for num in (1, 3):
        with Counting() as counting:
            images = draw([setting] * num, torch.device("cpu"))
        totals.append(counting.operations.total())
        assert np.isfinite(images[..., :3].numpy()).all()
    assert totals[1] <= totals[0] * 1.02
