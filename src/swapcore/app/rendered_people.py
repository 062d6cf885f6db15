"""Rendered people that the page knows again by their pictures' bytes, so that the truth of a swap can be shown."""

from pathlib import Path

from swapcore.data.artifact import file_digest
from swapcore.ops.image import Image
from swapcore.synth.people import PARAMETERS, Shot, read_shots
from swapcore.synth.truth import render_true_swap


class KnownPeople:
    """Pictures of a folder that `swapcore synthesize` wrote; an empty set where there is no such folder."""

    def __init__(self, folder: Path) -> None:
        """Read who is in every picture.

        Raises:
            ArtifactError: the folder's table is damaged.
        """
        shots = read_shots(folder) if (folder / PARAMETERS).is_file() else {}
        self._shots = {file_digest(folder / name): shot for name, shot in shots.items() if (folder / name).is_file()}

    def true_swap(self, source: str, template: str) -> Image | None:
        """The true swap of two pictures named by SHA-256, uint8 (H, W, 3) as large as the template; None if one is not known."""
        first, second = self._find(source), self._find(template)
        if first is None or second is None:
            return None
        return render_true_swap(first.identity, second.identity, second.attributes, second.size_px).image

    def _find(self, sha256: str) -> Shot | None:
        return self._shots.get(sha256)
