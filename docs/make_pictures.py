"""Make the README's images of swap, anonymize and video, with rendered people: `python docs/make_pictures.py`."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from swapcore.cli import main as cli
from swapcore.data.images import read_photograph
from swapcore.ops.image import Image, encode_png, encode_sheet, tile
from swapcore.synth.attributes import NEUTRAL, Attributes
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render
from swapcore.video.reading import read_frames

DOCS = Path(__file__).parent / "images"
SEED = 8_000_000
"""Not used by params.yaml, so that no person of the images was in training."""
SIDE_PX, VIDEO_PX, SHOWN_PX = 512, 320, 240
NEAR = NEUTRAL.but(span_cm=25.0)
"""The face fills the image."""
SCENES = [
    NEAR.but(yaw_deg=14.0, smile=0.5, light_azimuth_deg=-40.0, background_seed=11, clothes_hue=0.1),
    NEAR.but(yaw_deg=-16.0, pitch_deg=5.0, light_warmth=0.5, background_seed=12, clothes_hue=0.9),
    NEAR.but(roll_deg=8.0, mouth_open=0.25, light_azimuth_deg=50.0, ambient=0.3, background_seed=13, clothes_hue=0.35),
    NEAR.but(
        yaw_deg=6.0, smile=0.8, gaze_x_deg=8.0, light_elevation_deg=55.0, background_seed=14, clothes_darkness=0.9
    ),
]
SWAPPED = ((8, 57), (29, 27), (7, 12))
"""Source and template of each column; people without beards, which the warp ends at the template's jaw."""
ANONYMIZED = (29, 16)
NUM_FRAMES, RATE = 24, 12


def photograph(path: Path, person: int, attributes: Attributes, size_px: int = SIDE_PX) -> Path:
    """Render and write an image of a person."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(rendered(person, attributes, size_px)))
    return path


def rendered(person: int, attributes: Attributes, size_px: int) -> Image:
    """Render a person."""
    return render(draw_identity(np.random.default_rng([SEED, person])), attributes, size_px).image


def swapcore(*words: object) -> None:
    """Run a command of swapcore."""
    cli.main([str(word) for word in words])


def show(name: str, rows: Iterable[Iterable[Path | Image]]) -> None:
    """Write a sheet of images and of files that the commands wrote."""
    images = [[read_photograph(each).image if isinstance(each, Path) else each for each in row] for row in rows]
    (DOCS / name).write_bytes(encode_sheet(tile(images, SHOWN_PX)))
    print(DOCS / name)


def show_swap(folder: Path, model: str) -> None:
    """Make swap.png; rows: source, template, result."""
    rows = []
    for number, (one, other) in enumerate(SWAPPED, 1):
        scene = SCENES[number % 3]
        source = photograph(folder / f"source{number}.png", one, NEAR)
        template = photograph(folder / f"template{number}.png", other, scene)
        out = folder / f"swapped{number}.png"
        swapcore("swap", source, template, "--output", out, "--model", model)
        rows.append([source, template, out])
    show("swap.png", zip(*rows, strict=True))


def show_anonymize(folder: Path, model: str) -> None:
    """Make anonymize.png; above: two people with two images each, below: the same, anonymized."""
    files = [Path(f"{'ab'[person]}/{number}.png") for person in range(2) for number in range(2)]
    for number, file in enumerate(files):
        photograph(folder / "photographs" / file, ANONYMIZED[number // 2], SCENES[number])
    swapcore("anonymize", folder / "photographs", "--output", folder / "shareable", "--model", model, "--workers", 1)
    show("anonymize.png", ([folder / place / file for file in files] for place in ("photographs", "shareable")))


def show_video(folder: Path, model: str) -> None:
    """Make video.png; the source, every sixth frame of a turning head, and below the same frames after the swap."""
    source = photograph(folder / "source.png", 8, NEAR)
    turning = [SCENES[1].but(yaw_deg=-18.0 + 36.0 * n / NUM_FRAMES, noise_seed=n) for n in range(NUM_FRAMES)]
    frames = [rendered(57, attributes, VIDEO_PX) for attributes in turning]
    write_video(folder / "in.mp4", frames)
    swapcore("video", source, folder / "in.mp4", "--output", folder / "out.mp4", "--model", model)
    before, after = ([frame.image for frame in read_frames(folder / name)][2::6] for name in ("in.mp4", "out.mp4"))
    blank = np.full((SHOWN_PX, SHOWN_PX, 3), 255, np.uint8)
    show("video.png", [[source, *before], [blank, *after]])


def write_video(path: Path, frames: list[Image]) -> None:
    """Write H.264 without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = VIDEO_PX, VIDEO_PX, "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    """Make the three images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="builtin:warp")
    model = parser.parse_args().model
    for make in (show_swap, show_anonymize, show_video):
        with TemporaryDirectory() as folder:
            make(Path(folder), model)


if __name__ == "__main__":
    main()
