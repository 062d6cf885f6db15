"""Example images and an example clip of rendered people; `docs/make_examples.py` makes them."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
IMAGES: Final = tuple(f"face-{number}.webp" for number in range(1, 7))
"""Files of the images."""
CLIP: Final = "clip.mp4"
