"""One person and the neutral view, drawn once."""

import numpy as np
import pytest

from swapcore.synth.identity import Identity, draw_identity


@pytest.fixture(scope="session")
def person() -> Identity:
    return draw_identity(np.random.default_rng(11)).but(hair_style=0, beard=0.0, freckles=0.0)
