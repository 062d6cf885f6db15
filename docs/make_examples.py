"""Make the example images and the example clip of `swapcore app`: `python docs/make_examples.py`."""

import io

import av
import PIL.Image

from swapcore.app.examples import CLIP, FOLDER, IMAGES
from swapcore.ops.image import Image
from swapcore.progress import progress
from swapcore.synth.attributes import NEUTRAL, Attributes
from swapcore.synth.people import draw_person
from swapcore.synth.render import render

SEED = 31
"""Not used by params.yaml, so that no person of the examples was in training."""
SIDE_PX, QUALITY = 720, 78
CLIP_PX, CLIP_FRAMES, CLIP_RATE, CLIP_QUALITY = 288, 30, 15, 30
MAX_BYTES = 150_000
"""All examples together, since they are part of the package."""
NEAR = NEUTRAL.but(span_cm=27.0, noise=0.0, blur=0.3, background_blur=0.85, ambient=0.42, clothes_darkness=0.4)
EXAMPLES: list[tuple[int, Attributes]] = [
    (4, NEAR.but(yaw_deg=-8.0, smile=0.35, light_azimuth_deg=-35.0, background_seed=13, clothes_hue=0.02)),
    (1, NEAR.but(yaw_deg=6.0, smile=0.2, light_azimuth_deg=40.0, background_seed=9, clothes_hue=0.55)),
    (2, NEAR.but(smile=0.8, smile_open=0.7, roll_deg=-5.0, background_seed=3, clothes_hue=0.4)),
    (3, NEAR.but(yaw_deg=12.0, smile=0.1, light_azimuth_deg=-40.0, background_seed=5, collar=1)),
    (9, NEAR.but(smile=0.45, yaw_deg=-4.0, pitch_deg=-4.0, background_seed=6, clothes_hue=0.8)),
    (12, NEAR.but(smile=0.6, smile_open=0.3, yaw_deg=-14.0, light_warmth=0.4, background_seed=8)),
]
"""Number of the person and attributes, for each of IMAGES."""
ACTOR = 6


def write_images() -> None:
    """Write an image for each person."""
    for name, (person, attributes) in progress(list(zip(IMAGES, EXAMPLES, strict=True)), "examples"):
        encoded = io.BytesIO()
        image = render(draw_person(SEED, person), attributes, SIDE_PX).image
        PIL.Image.fromarray(image).save(encoded, "WEBP", quality=QUALITY, method=6)
        (FOLDER / name).write_bytes(encoded.getvalue())


def clip_frames() -> list[Image]:
    """Render a person who turns the head and begins to smile."""
    frames = []
    for number in progress(range(CLIP_FRAMES), "clip"):
        share = number / (CLIP_FRAMES - 1)
        attributes = NEAR.but(
            yaw_deg=-16.0 + 32.0 * share, roll_deg=3.0 - 6.0 * share, smile=0.7 * share, background_seed=4
        )
        frames.append(render(draw_person(SEED, ACTOR), attributes, CLIP_PX).image)
    return frames


def write_clip(frames: list[Image]) -> None:
    """Write H.264 without sound."""
    with av.open(str(FOLDER / CLIP), "w") as container:
        stream = container.add_stream(
            "libx264", rate=CLIP_RATE, options={"crf": str(CLIP_QUALITY), "preset": "veryslow"}
        )
        stream.width, stream.height, stream.pix_fmt = CLIP_PX, CLIP_PX, "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    """Make all examples.

    Raises:
        ValueError: they are too large for the package.
    """
    write_images()
    write_clip(clip_frames())
    num_bytes = sum(path.stat().st_size for path in FOLDER.iterdir() if path.suffix != ".py")
    print(f"{FOLDER}: {num_bytes} bytes")
    if num_bytes > MAX_BYTES:
        raise ValueError(f"{num_bytes} bytes are more than {MAX_BYTES}; lower QUALITY or CLIP_QUALITY")


if __name__ == "__main__":
    main()
