"""Command of the truth benchmark: export or evaluation."""

from dataclasses import dataclass
from pathlib import Path

from swapcore.errors import InputError
from swapcore.evaluation.methods import Swap
from swapcore.evaluation.truth_benchmark.frozen import NUM_PEOPLE, SIZE_PX, standard
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
from swapcore.hub.references import BUILTIN

SHEET_ROWS = 12


@dataclass(frozen=True)
class Request:
    """Options of the command line; exactly one of the first four is given."""

    model: str | None
    """A model reference."""
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
        ArtifactError: the model is damaged.
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
        label = request.model if request.model.startswith(BUILTIN) else "this model"
        return swap_of_model(request.model, request.device), label
    if request.outputs is not None:
        return swap_of_folder(request.outputs, truth_set), "these outputs"
    assert request.swap is not None
    return swap_of_function(import_function(request.swap), request.swap, truth_set), request.swap


def evaluate_pairs(
    swap: SwapFunction,
    *,
    label: str = "this swap",
    size_px: int = SIZE_PX,
    num_people: int = NUM_PEOPLE,
    workers: int = 1,
    cache: Path | None = None,
) -> BenchmarkResult:
    """Score any swap function on the truth benchmark.

    The benchmark renders people who do not exist, and the true swap of each pair, so that the distance of a swap to the
    truth can be measured. Baselines and the truth itself are scored with the function.

    Args:
        swap: takes source and template, both uint8 (S, S, 3) RGB aligned crops, and returns the swapped crop, uint8 (S, S, 3).
        label: name of the function in the table.
        size_px: side S of the crops. Results of different sizes are not comparable.
        num_people: 12 is the benchmark; fewer render faster, and their results are not comparable with the benchmark's.
        workers: processes that render, 0 = one per core. With more than one, the calling script needs the guard
            ``if __name__ == "__main__":``.
        cache: a folder in which the rendered images are kept for the next call.

    Raises:
        InputError: the function raises an error, or returns something else than uint8 (S, S, 3).

    Example:
        Score a function that returns the template, on a small set:

        >>> def no_swap(source, template):
        ...     return template
        >>> results = evaluate_pairs(no_swap, size_px=64, num_people=3)
        >>> round(results.values["swap"]["truth/l1_face"].value) > 0
        True
    """
    truth_set = load_or_render(standard(size_px, num_people), workers, cache)
    return score(swap_of_function(swap, label, truth_set), label, truth_set)
