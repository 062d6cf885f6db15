"""Photographs to aligned faces: every photograph ends as a row of the index or, with its reason, of the quarantine."""

import shutil
from pathlib import Path

from swapcore.config import CropParams, InputPath, OutputPath
from swapcore.cropping.cutting import cut_shard
from swapcore.cropping.joining import join_parts
from swapcore.cropping.part import Parts, Shard
from swapcore.data.artifact import building, read_card


def run(params: CropParams, *, photographs: InputPath, faces: OutputPath) -> dict[str, float]:
    """Crop every photograph that its person allows to be used, and write the faces artifact: one shard, cut and joined.

    Raises:
        InputError: the photographs' list or consent.csv cannot be used, or no photograph shows a usable face.
    """
    part = faces.with_name(f".{faces.name}.part")
    try:
        cut(params, photographs=photographs, part=part, shard=0, shards=1)
        return join(params, parts=[part], faces=faces)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def cut(params: CropParams, *, photographs: InputPath, part: OutputPath, shard: int, shards: int) -> dict[str, float]:
    """Cut one of several shards of the photographs, which may happen on as many machines, for `join`.

    Raises:
        InputError: the photographs' list or consent.csv cannot be used.
    """
    with building(part) as folder:
        cut_shard(params, photographs, Shard(shard, shards), folder)
    return {name: float(count) for name, count in read_card(part, "part").counts.items()}


def join(params: CropParams, *, parts: list[Path], faces: OutputPath) -> dict[str, float]:
    """Make the faces artifact of all parts: the same bytes, however many there are.

    Raises:
        ArtifactError: the parts do not belong together, or not to these params.
        InputError: no photograph shows a usable face.
    """
    with building(faces) as folder:
        card = join_parts(params, Parts(params, parts), folder)
    rejected = {f"rejected/{reason}": count for reason, count in card.rejections.items()}
    return {name: float(count) for name, count in {**card.counts, **rejected}.items()}
