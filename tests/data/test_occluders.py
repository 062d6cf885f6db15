import numpy as np
import pytest

from swapcore.data.occluders import Occluder, draw_occluder, occlude


@pytest.mark.parametrize("seed", range(12))
def test_something_is_hidden_but_not_everything(seed: int) -> None:
    occluder = draw_occluder(112, np.random.default_rng(seed))
    assert occluder.color.shape == (112, 112, 3)
    assert occluder.alpha.shape == (112, 112, 1)
    assert 0 <= occluder.alpha.min() <= occluder.alpha.max() <= 1.0001
    assert 0.0005 < occluder.alpha.mean() < 0.5
    assert 0 <= occluder.color.min() <= occluder.color.max() <= 255


def test_the_same_seed_draws_the_same() -> None:
    first, second = (draw_occluder(64, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.color, second.color)
    assert np.array_equal(first.alpha, second.alpha)


def test_it_covers_by_its_opacity() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    alpha = np.array([[0.0, 1.0], [0.5, 0.0]], np.float32)[..., None]
    covered = occlude(image, Occluder(np.full((2, 2, 3), 200, np.float32), alpha))
    assert covered[..., 0].tolist() == [[100, 200], [150, 100]]
