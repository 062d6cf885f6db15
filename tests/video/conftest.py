"""A clip of a rendered person: a shot in which the head turns, then an empty shot, with a tone."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from swapcore.ops.image import Image, encode_png
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render

SIDE_PX, NUM_TURNING, NUM_EMPTY, RATE = 176, 16, 8, 25


@dataclass(frozen=True)
class Clip:
    video: Path
    source: Path
    frames: list[Image]


def write_video(path: Path, frames: list[Image], *, sound: bool) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = SIDE_PX, SIDE_PX, "yuv420p"
        tone = container.add_stream("aac", rate=16_000) if sound else None
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
        if tone is not None:
            samples = np.sin(np.arange(16_000 * len(frames) // RATE) / 6).astype(np.float32)
            for start in range(0, len(samples), 1024):
                samples_out = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 1024], format="fltp", layout="mono"
                )
                samples_out.sample_rate, samples_out.pts, samples_out.time_base = 16_000, start, Fraction(1, 16_000)
                container.mux(tone.encode(samples_out))
            container.mux(tone.encode())


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clip")
    person, other = (draw_identity(np.random.default_rng(seed)).but(beard=0.0) for seed in (11, 12))
    turning = [
        render(person, NEUTRAL.but(yaw_deg=-9 + 18 * n / NUM_TURNING, noise_seed=n), SIDE_PX).image
        for n in range(NUM_TURNING)
    ]
    empty = [np.full((SIDE_PX, SIDE_PX, 3), (40, 60, 90 + n), np.uint8) for n in range(NUM_EMPTY)]
    frames = [*turning, *empty]
    write_video(folder / "clip.mp4", frames, sound=True)
    (folder / "source.png").write_bytes(encode_png(render(other, NEUTRAL, 192).image))
    return Clip(folder / "clip.mp4", folder / "source.png", frames)
