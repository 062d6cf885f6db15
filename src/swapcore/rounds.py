"""Self-training rounds of champion and challenger."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from swapcore import __version__
from swapcore.config import Params, Section
from swapcore.data.artifact import Kind, artifact_digest, card_params, read_card
from swapcore.errors import ArtifactError, InputError, ParamsError
from swapcore.files import write_atomic
from swapcore.hub.references import resolve_model
from swapcore.models.artifact import read_configuration
from swapcore.registry.gate import Decision, decide
from swapcore.registry.reports import read_evaluated
from swapcore.stages import evaluate, groups, train

DECISION = "decision.json"


@dataclass(frozen=True)
class Contender:
    """A model and its report."""

    model: Path
    report: Path


@dataclass(frozen=True)
class Round:
    """Result of one round."""

    number: int
    champion: Path
    """Model folder of the champion after the round."""
    decision: Decision

    @property
    def improved(self) -> bool:
        """Whether the challenger was promoted; if not, the series ends."""
        return self.decision.outcome == "champion"


def run_rounds(num_rounds: int, params: Params, *, faces: Path, champion: str | Path, folder: Path) -> Iterator[Round]:
    """Run rounds until one brings no improvement, or num_rounds are finished.

    In each round the champion makes the fakes, a challenger is trained on them from the champion's weights, and the gate decides
    whether the challenger is promoted. Round N writes groups, model, report and decision.json to folder/NN; the report of the first
    champion is in folder/00. Artifacts made from the same inputs, params and version are reused, and a killed training resumes, so
    that the same call resumes a killed series.

    Args:
        num_rounds: largest number of rounds.
        params: the sections groups (except the teacher), train, evaluate and register.gate are used.
        faces: the faces artifact; all models are evaluated on its test people.
        champion: the first teacher: a model folder, models:/ URI or s3:// prefix.
        folder: where the rounds are written.

    Yields:
        The result of each round.

    Raises:
        InputError: the champion does not exist, or an input is inside folder.
        ArtifactError: faces or champion are missing or damaged.
        ParamsError: train's crop size or shape differs from the champion's.
        TrainingInterruptedError: SIGTERM; call again to resume.
    """
    first = resolve_model(champion).folder
    _require_like(params, first)
    _require_apart(folder, faces, first)
    best = _evaluated(params, faces, first, folder / "00" / "report")
    for number in range(1, num_rounds + 1):
        place = folder / f"{number:02d}"
        challenger = _challenge(params, faces, best.model, place)
        decision = decide(
            read_evaluated(challenger.report), read_evaluated(best.report), best.model.name, params.register.gate
        )
        _write(place / DECISION, decision)
        best = challenger if decision.outcome == "champion" else best
        result = Round(number, best.model, decision)
        if not result.improved or number == num_rounds:
            _remove_after(number, folder)
        yield result
        if not result.improved:
            return


def _require_like(params: Params, champion: Path) -> None:
    """Refuse early what training or the gate would refuse later."""
    configuration = read_configuration(champion)
    if configuration.size_px != params.train.size_px:
        raise ParamsError(
            f"train.size_px: {params.train.size_px}, but {champion} works at {configuration.size_px} px; champion and "
            "challenger can only be compared at the same size; set the champion's"
        )


def _require_apart(folder: Path, *inputs: Path) -> None:
    """Refuse inputs inside the folder, whose contents are replaced."""
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{path}: is inside {folder}, where the rounds are written; choose another folder for them"
            )


def _challenge(params: Params, faces: Path, champion: Path, place: Path) -> Contender:
    """Make groups with the champion, train a challenger on them from the champion's weights, and evaluate it."""
    made, model = place / "groups", place / "model"
    section = params.groups.model_copy(update={"teacher": "registered", "teacher_model": None})
    digest = resolve_model(champion).digest
    _unless_done(
        made, "groups", section, {"faces": artifact_digest(faces), "teacher": digest},
        lambda: groups.run(section, faces=faces, teacher=champion, groups=made),
    )  # fmt: skip
    _unless_done(
        model, "model", params.train, {"groups": artifact_digest(made), "initial": digest},
        lambda: train.run(params.train, groups=made, initial=champion, model=model),
    )  # fmt: skip
    return _evaluated(params, faces, model, place / "report")


def _evaluated(params: Params, faces: Path, model: Path, report: Path) -> Contender:
    inputs = {"faces": _digest(faces, "faces"), "model": _digest(model, "model")}
    _unless_done(
        report, "report", params.evaluate, inputs,
        lambda: evaluate.run(params.evaluate, faces=faces, model=model, report=report),
    )  # fmt: skip
    return Contender(model, report)


def _digest(folder: Path, kind: Kind) -> str:
    read_card(folder, kind)
    return artifact_digest(folder)


def _unless_done(
    target: Path, kind: Kind, section: Section, inputs: dict[str, str], make: Callable[[], object]
) -> None:
    """Run a stage unless its artifact exists and was made by this version from the same params and inputs."""
    try:
        card = read_card(target, kind)
    except ArtifactError:
        make()
        return
    if (card.params, card.inputs, card.swapcore_version) != (card_params(section), inputs, __version__):
        make()


def _write(path: Path, decision: Decision) -> None:
    text = json.dumps(decision.document(), indent=2, sort_keys=True) + "\n"
    write_atomic(path, text)


def _remove_after(number: int, folder: Path) -> None:
    """Remove later rounds, which an earlier and longer series left."""
    for place in folder.glob("[0-9][0-9]"):
        if int(place.name) > number:
            shutil.rmtree(place)
