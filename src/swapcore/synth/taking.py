"""Images of shots: from the compiled renderer, or in batches from a GPU."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from swapcore.ops.image import encode_png
from swapcore.synth.people import Shot, to_row
from swapcore.synth.render import Picture, render


def take(shots: Sequence[Shot], device: str, batch_size: int) -> Iterator[Picture]:
    """Render shots of one size, in order.

    Args:
        shots: those of one person one after the other, because the person is prepared once for them.
        device: cpu for the compiled renderer; cuda or cuda:N for the batched one.
        batch_size: images that the batched renderer draws at once.

    Raises:
        ParamsError: the device is not available, or its memory is too small for the batch.
    """
    if device == "cpu":
        yield from (render(shot.identity, shot.attributes, shot.size_px) for shot in shots)
        return
    from swapcore.synth.batched.render import find_gpu, render_on

    gpu = find_gpu(device)
    for start in range(0, len(shots), batch_size):
        batch = shots[start : start + batch_size]
        yield from render_on(gpu, [(shot.identity, shot.attributes) for shot in batch], batch[0].size_px)


def save(shot: Shot, picture: Picture, folder: Path) -> Any:
    """Write the image into the folder and return its PictureRow."""
    path = folder / shot.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_png(picture.image))
    return to_row(shot, picture)
