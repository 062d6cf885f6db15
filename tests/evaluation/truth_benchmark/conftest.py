"""Two frozen sets small enough for a test, rendered once."""

import pytest
import torch

from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.rendered import TruthSet, render_set

TINY = Extent(num_people=2, images_per_person=1, sources_per_template=1, size_px=64)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_extent() -> Extent:
    return TINY


@pytest.fixture(scope="session")
def tiny() -> TruthSet:
    """Two people with a picture each: two pairs."""
    return render_set(TINY, workers=1)


@pytest.fixture(scope="session")
def small() -> TruthSet:
    """Three people with two pictures each: six pairs, and others to be found among."""
    return render_set(Extent(num_people=3, images_per_person=2, sources_per_template=1, size_px=64), workers=1)
