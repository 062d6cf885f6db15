"""Color of skin, lips and eyes: what reviewers of portraits found unnatural, for people of every tone."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from swapcore.synth.eyes import IRIS_ANGLE, eye_albedo, iris_tone
from swapcore.synth.identity import Identity
from swapcore.synth.noise import noise_block
from swapcore.synth.passes import compose
from swapcore.synth.shading import BUFFER_CHANNELS
from swapcore.synth.skin import LIPS, bake_skin, base_tone
from swapcore.synth.surface import texel_map

HEIGHT = 512
TONES = (0.0, 0.3, 0.6, 1.0)


@dataclass(frozen=True)
class Lips:
    """Mean colors (3,), linear RGB."""

    skin: npt.NDArray[np.float32]
    upper: npt.NDArray[np.float32]
    line: npt.NDArray[np.float32]
    lower: npt.NDArray[np.float32]


def baked_lips(person: Identity) -> Lips:
    texture, place = bake_skin(person, person, [], HEIGHT), texel_map(HEIGHT).place
    x, y, z = np.moveaxis(place, -1, 0)
    lips, front = texture[..., LIPS] > 0.95, (np.abs(x) < 1.0) & (z > 2.0)
    at = {
        "skin": (np.abs(x) < 1.0) & (np.abs(y + 9.3) < 0.4) & (z > 1.5),
        "upper": lips & front & (np.abs(y + 6.25) < 0.2),
        "line": lips & front & (np.abs(y + 6.70) < 0.04),
        "lower": lips & front & (np.abs(y + 7.3) < 0.25),
    }
    return Lips(**{name: texture[where][:, :3].mean(0) for name, where in at.items()})


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("age", [0.0, 1.0])
def test_lips_are_redder_than_the_skin_and_the_upper_one_and_the_line_are_darker(tone: float, age: float) -> None:
    person = dataclasses.replace(Identity.mean(), skin_tone=tone, age=age, lip_makeup=0.0, lip_redness=0.5)
    lips = baked_lips(person)
    for lip in (lips.upper, lips.lower):
        assert lip[0] / lip[1] > 1.15 * lips.skin[0] / lips.skin[1]
    assert max(lips.line.sum(), lips.upper.sum()) < 0.97 * lips.lower.sum()


def test_lips_of_fair_people_gain_the_most_red() -> None:
    gains = []
    for tone in TONES:
        lips = baked_lips(dataclasses.replace(Identity.mean(), skin_tone=tone, lip_makeup=0.0))
        gains.append((lips.lower[0] / lips.lower[1]) / (lips.skin[0] / lips.skin[1]))
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("undertone", [-1.0, 0.0, 1.0])
def test_darker_skin_is_not_grayer(undertone: float) -> None:
    tones = np.array([base_tone(tone, undertone) for tone in np.linspace(0, 1, 21)])
    assert (np.diff(tones, axis=0) < 0).all()
    assert (np.diff(tones[:, 0] / tones[:, 2]) > -1e-3).all()


@pytest.mark.parametrize("tone", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_an_iris_sinks_toward_its_border_without_a_pale_ring(tone: float) -> None:
    around = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    means = []
    for place in (0.55, 0.7, 0.8, 0.9):
        angle = place * IRIS_ANGLE
        colors = [
            eye_albedo(
                np.sin(angle) * np.cos(a), np.sin(angle) * np.sin(a), np.cos(angle), 1.0, iris_tone(tone), 0.3, 7.0,
                noise_block(),
            )[:3]
            for a in around
        ]  # fmt: skip
        means.append(np.mean(colors))
    assert means == sorted(means, reverse=True)
    if tone <= 0.1:
        assert means[0] < 1.8 * means[1]


def test_light_scattered_into_a_dark_corner_does_not_glow_red() -> None:
    size = 80
    buffer = np.zeros((size, size, BUFFER_CHANNELS), np.float32)
    buffer[..., :3], buffer[..., 9] = 0.5, 1.0
    buffer[:, : size // 2, 3:6] = 1.0
    red, green, _ = np.moveaxis(compose(buffer, 0.02), -1, 0)
    assert red[:, size // 2 + 2].mean() > green[:, size // 2 + 2].mean()
    assert (red <= 1.75 * green + 0.01).all()
