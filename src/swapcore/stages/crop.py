"""The crop stage: aligned faces, and a table of rejected photographs."""

import shutil
from pathlib import Path

from swapcore.config import CropParams, InputPath, OutputPath
from swapcore.cropping.extract import extract_shard
from swapcore.cropping.merge import merge_parts
from swapcore.cropping.part import PartSet, Shard
from swapcore.data.artifact import Card, building, read_card
from swapcore.files import hidden_sibling


def run(params: CropParams, *, photographs: InputPath, faces: OutputPath) -> dict[str, float]:
    """Crop every photograph with consent and write the faces artifact.

    Args:
        params: the section crop.
        photographs: a folder with a sub-folder per person, or a CSV `file,identity[,split]`, with consent.csv.
        faces: the faces artifact to write.

    Returns:
        Counts, and rejected/REASON for each rejection reason.

    Raises:
        InputError: the photographs' list or consent.csv is invalid, or no photograph has a usable face.
        ParamsError: a device or network that is not available.
    """
    part = hidden_sibling(faces, "part")
    with building(faces) as folder:
        try:
            crop_shard(params, photographs=photographs, part=part, shard=0, shards=1)
            card = merge_parts(params, PartSet(params, [part]), folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return _counts(card)


def crop_shard(
    params: CropParams, *, photographs: InputPath, part: OutputPath, shard: int, shards: int
) -> dict[str, float]:
    """Crop one of several shards of the photographs; shards may run on different machines.

    Args:
        params: the section crop.
        photographs: as in `run`.
        part: the part artifact to write, for `merge_shards`.
        shard: number of this shard, from 0.
        shards: number of shards.

    Raises:
        InputError: the photographs' list or consent.csv is invalid.
    """
    with building(part) as folder:
        extract_shard(params, photographs, Shard(shard, shards), folder)
    return {name: float(count) for name, count in read_card(part, "part").counts.items()}


def merge_shards(params: CropParams, *, parts: list[Path], faces: OutputPath) -> dict[str, float]:
    """Merge all parts into the faces artifact; the bytes do not depend on the number of parts.

    Raises:
        ArtifactError: the parts do not belong together or to these params.
        InputError: no photograph has a usable face.
    """
    with building(faces) as folder:
        card = merge_parts(params, PartSet(params, parts), folder)
    return _counts(card)


def _counts(card: Card) -> dict[str, float]:
    rejected = {f"rejected/{reason}": count for reason, count in card.rejections.items()}
    return {name: float(count) for name, count in {**card.counts, **rejected}.items()}
