"""Rendered images with known true swaps, identified by their bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

from swapcore.data.artifact import file_digest
from swapcore.ops.image import Image

if TYPE_CHECKING:
    from swapcore.synth.people import Shot


class RenderedPeople:
    """Images of a folder that `swapcore synthesize` wrote; empty if there is no such folder."""

    def __init__(self, folder: Path) -> None:
        """Read the parameters of every image.

        Raises:
            ArtifactError: the folder's table is damaged.
        """
        self._shots: dict[str, Shot] = {}
        if not folder.is_dir():
            return
        from swapcore.synth.people import PARAMETERS, read_shots  # slow to import

        shots = read_shots(folder) if (folder / PARAMETERS).is_file() else {}
        self._shots = {file_digest(folder / name): shot for name, shot in shots.items() if (folder / name).is_file()}

    def true_swap(self, source: str, template: str) -> Image | None:
        """Render the true swap of two images.

        Args:
            source: SHA-256 (hex) of the source's file.
            template: SHA-256 (hex) of the template's file.

        Returns:
            uint8 (H, W, 3), as large as the template; None if one of them is not a rendered image of this folder.
        """
        first, second = self._shots.get(source), self._shots.get(template)
        if first is None or second is None:
            return None
        from swapcore.synth.truth import render_true_swap

        return render_true_swap(first.identity, second.identity, second.attributes, second.size_px).image
