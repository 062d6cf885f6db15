"""The truth benchmark, whole: render or load the frozen set, then export it, or measure somebody's swaps on it."""

from dataclasses import dataclass
from pathlib import Path

from swapcore.errors import InputError
from swapcore.evaluation.methods import Swap
from swapcore.evaluation.truth_benchmark.frozen import SIZE_PX, standard
from swapcore.evaluation.truth_benchmark.methods import (
    SwapFunction,
    import_function,
    swap_of_folder,
    swap_of_function,
    swap_of_model,
)
from swapcore.evaluation.truth_benchmark.rendered import TruthSet, load_or_render
from swapcore.evaluation.truth_benchmark.results import export, headline, table, write_results
from swapcore.evaluation.truth_benchmark.scoring import Measured, score

SHEET_ROWS = 12


@dataclass(frozen=True)
class Request:
    """What the command line asks for; exactly one of the first four is given."""

    model: Path | None
    outputs: Path | None
    swap: str | None
    export: Path | None
    size_px: int
    out: Path | None
    cache: Path | None
    workers: int
    device: str = "cpu"


def answer(request: Request) -> str:
    """Do what was asked and return what is printed.

    Raises:
        InputError: not exactly one thing is asked for, or its function or outputs cannot be used.
        ArtifactError: the model folder holds none.
    """
    _require_one(request)
    if request.model is not None:
        swap_of_model(request.model, request.device)  # what cannot be loaded is told before minutes of rendering
    if request.swap is not None:
        import_function(request.swap)
    truth_set = load_or_render(standard(request.size_px), request.workers, request.cache)
    if request.export is not None:
        export(request.export, truth_set)
        return f"{headline(truth_set)}\nwritten to {request.export}: put source/N.png onto template/N.png as OUT/N.png"
    swap, label = _contestant(request, truth_set)
    measured = score(swap, label, truth_set)
    if request.out is not None:
        write_results(request.out, measured, swap, SHEET_ROWS)
    return f"{headline(truth_set)}\n\n{table(measured)}"


def _require_one(request: Request) -> None:
    asked = [request.model, request.outputs, request.swap, request.export]
    if sum(choice is not None for choice in asked) != 1:
        raise InputError("benchmark truth: give exactly one of --model, --outputs, --swap and --export")
    if request.outputs is not None and not request.outputs.is_dir():
        raise InputError(f"{request.outputs}: no such folder; export the pairs, swap them and name the outputs' folder")


def _contestant(request: Request, truth_set: TruthSet) -> tuple[Swap, str]:
    if request.model is not None:
        return swap_of_model(request.model, request.device), "this model"
    if request.outputs is not None:
        return swap_of_folder(request.outputs, truth_set), "these outputs"
    assert request.swap is not None
    return swap_of_function(import_function(request.swap), request.swap, truth_set), request.swap


def measure(
    swap: SwapFunction, *, label: str = "this swap", size_px: int = SIZE_PX, workers: int = 1, cache: Path | None = None
) -> Measured:
    """Measure any function from Python.

    Args:
        swap: source and template, both uint8 (S, S, 3) RGB aligned crops, to the swapped picture of the same shape.
        label: its name in the table.
        size_px: side S of the crops; figures of different sizes cannot be compared.
        workers: processes that render, 0 = one for each core; more than one needs the caller's script to be guarded by
            `if __name__ == "__main__":`, as always with Python's processes.
        cache: a folder in which the rendered pictures are kept for the next time.

    Raises:
        InputError: the function fails, or returns something else.
    """
    truth_set = load_or_render(standard(size_px), workers, cache)
    return score(swap_of_function(swap, label, truth_set), label, truth_set)
