"""Evaluated swaps: model folder, Python function, or folder of outputs."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from swapcore.data.faces import Face
from swapcore.errors import InputError, first_line
from swapcore.evaluation.methods import Batch, Swap, swap_or_keep
from swapcore.evaluation.truth_benchmark.frozen import pair_name
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.ops.image import Image, decode, resize

SwapFunction = Callable[[Image, Image], Image]
"""Source and template, both uint8 (S, S, 3) RGB -> swapped image of the same shape and type."""


def swap_of_function(function: SwapFunction, label: str, truth_set: TruthSet) -> Swap:
    """Make a batched swap of a function of one pair.

    Raises:
        InputError: (when called) the function fails or returns something else than uint8 (S, S, 3).
    """

    def swap_one(source: Face, template: Face) -> Image:
        pair = pair_name(truth_set.number(source, template))
        try:
            # Copies, because the function may modify its arguments.
            swapped: Any = function(source.image.copy(), template.image.copy())
        except Exception as error:  # a user's function may raise anything
            raise InputError(f"{label}: pair {pair}: {type(error).__name__}: {first_line(error)}") from error
        found = f"{swapped.dtype} {swapped.shape}" if isinstance(swapped, np.ndarray) else type(swapped).__name__
        if found != f"uint8 {template.image.shape}":
            raise InputError(f"{label}: pair {pair}: returned {found}, must return uint8 {template.image.shape} RGB")
        return np.asarray(swapped, dtype=np.uint8)

    return lambda sources, templates: np.stack([swap_one(s, t) for s, t in zip(sources, templates, strict=True)])


def import_function(reference: str) -> SwapFunction:
    """Import `module:function`; the working directory is searched too.

    Raises:
        InputError: it cannot be imported or is not callable.
    """
    module_name, colon, name = reference.partition(":")
    if not (module_name and colon and name):
        raise InputError(f"--swap {reference}: expected module:function, as in mypackage.swapping:swap")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # a user's module may raise anything during the import
        raise InputError(
            f"--swap {reference}: cannot be imported: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not callable(found):
        raise InputError(f"--swap {reference}: is a {type(found).__name__}; name a function swap(source, template)")
    function: SwapFunction = found
    return function


def swap_of_folder(folder: Path, truth_set: TruthSet) -> Swap:
    """Read finished outputs from a folder, one image per pair, named like the pair (0000.png …).

    Raises:
        InputError: outputs are missing, unreadable or of another size.
    """
    paths = [folder / f"{pair_name(number)}.png" for number in range(len(truth_set.pairs))]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(paths)} outputs are missing, the first is {missing[0].name}; "
            "write one PNG per pair of `--export`"
        )
    outputs = [_read_output(path, truth_set.extent.size_px) for path in paths]
    return lambda sources, templates: np.stack(
        [outputs[truth_set.number(s, t)] for s, t in zip(sources, templates, strict=True)]
    )


def _read_output(path: Path, size_px: int) -> Image:
    try:
        image = decode(path.read_bytes())
    except (ValueError, cv2.error):
        raise InputError(f"{path}: not a readable image; write it again as PNG") from None
    if image.shape[:2] != (size_px, size_px):
        height, width = image.shape[:2]
        raise InputError(
            f"{path}: size is {width} x {height} px, expected {size_px} x {size_px}; "
            "write it at the size of its template, or give the --size of the export"
        )
    return image


def swap_of_model(model: str | Path, device: str = "cpu") -> Swap:
    """Return the swap of a model; one of another size runs at its own size.

    Args:
        model: a reference as for ``resolve_model``.
        device: where it runs.

    Raises:
        InputError: there is no such model.
        ArtifactError: the folder has no model or a damaged one.
    """
    swapper = load_face_swapper(model, device)

    def swap(sources: Sequence[Face], templates: Sequence[Face]) -> Batch:
        side_px = side_for(swapper, templates[0].image.shape[0])
        small = [np.stack([resize(face.image, side_px) for face in side]) for side in (sources, templates)]
        swapped = swap_or_keep(swapper, *small)
        images = [template.image for template in templates]
        return np.stack([upscale_change(*three) for three in zip(swapped, small[1], images, strict=True)])

    return swap


def upscale_change(swapped: Image, before: Image, full: Image) -> Image:
    """Apply the change of a small template to the template (S, S, 3) at full size.

    Resizing the output itself would also blur the pixels that did not change.
    """
    change = swapped.astype(np.float32) - before
    size_px = full.shape[0]
    if change.shape[0] != size_px:
        change = np.asarray(cv2.resize(change, (size_px, size_px), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.asarray(np.clip(full + change + 0.5, 0, 255), dtype=np.uint8)
