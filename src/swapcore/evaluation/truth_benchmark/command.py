"""Command of the truth benchmark: export or evaluation."""

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
from swapcore.evaluation.truth_benchmark.scoring import BenchmarkResult, score

SHEET_ROWS = 12


@dataclass(frozen=True)
class Request:
    """Options of the command line; exactly one of the first four is given."""

    model: Path | None
    outputs: Path | None
    swap: str | None
    export: Path | None
    size_px: int
    out: Path | None
    cache: Path | None
    workers: int
    device: str = "cpu"


def run_benchmark(request: Request) -> str:
    """Run the command and return its output.

    Raises:
        InputError: not exactly one of the four options is given, or the function or outputs cannot be used.
        ArtifactError: the model folder is invalid.
    """
    _require_one(request)
    if request.model is not None:
        swap_of_model(request.model, request.device)  # fail before minutes of rendering
    if request.swap is not None:
        import_function(request.swap)
    truth_set = load_or_render(standard(request.size_px), request.workers, request.cache)
    if request.export is not None:
        export(request.export, truth_set)
        return f"{headline(truth_set)}\nwritten to {request.export}: write the swap of source/N.png and template/N.png to OUT/N.png"
    swap, label = _swap(request, truth_set)
    measured = score(swap, label, truth_set)
    if request.out is not None:
        write_results(request.out, measured, swap, SHEET_ROWS)
    return f"{headline(truth_set)}\n\n{table(measured)}"


def _require_one(request: Request) -> None:
    asked = [request.model, request.outputs, request.swap, request.export]
    if sum(choice is not None for choice in asked) != 1:
        raise InputError("benchmark truth: give exactly one of --model, --outputs, --swap and --export")
    if request.outputs is not None and not request.outputs.is_dir():
        raise InputError(f"{request.outputs}: no such folder; export the pairs, swap them and give the outputs' folder")


def _swap(request: Request, truth_set: TruthSet) -> tuple[Swap, str]:
    if request.model is not None:
        return swap_of_model(request.model, request.device), "this model"
    if request.outputs is not None:
        return swap_of_folder(request.outputs, truth_set), "these outputs"
    assert request.swap is not None
    return swap_of_function(import_function(request.swap), request.swap, truth_set), request.swap


def measure(
    swap: SwapFunction, *, label: str = "this swap", size_px: int = SIZE_PX, workers: int = 1, cache: Path | None = None
) -> BenchmarkResult:
    """Evaluate any swap function from Python.

    Args:
        swap: source and template, both uint8 (S, S, 3) RGB aligned crops, to the swapped image of the same shape.
        label: name in the table.
        size_px: side S of the crops; metrics of different sizes are not comparable.
        workers: rendering processes, 0 = one per core; more than one needs an `if __name__ == "__main__":` guard in the
            caller's script.
        cache: folder that keeps the rendered images.

    Raises:
        InputError: the function fails or returns something else.
    """
    truth_set = load_or_render(standard(size_px), workers, cache)
    return score(swap_of_function(swap, label, truth_set), label, truth_set)
