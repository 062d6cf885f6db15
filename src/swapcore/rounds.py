"""Rounds: the champion makes the fakes, a challenger trains on them from its weights, and the gate decides who goes on."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from swapcore import __version__
from swapcore.config import Params, Section
from swapcore.data.artifact import Kind, artifact_digest, read_card
from swapcore.errors import ArtifactError, InputError, ParamsError
from swapcore.files import put_in_place
from swapcore.hub.references import resolve_model
from swapcore.models.artifact import read_configuration
from swapcore.registry.evaluated import read_judged
from swapcore.registry.gate import Decision, decide
from swapcore.stages import evaluate, groups, train

DECISION = "decision.json"


@dataclass(frozen=True)
class Player:
    """A model, and the report on it."""

    model: Path
    report: Path


@dataclass(frozen=True)
class Round:
    """What came of one round."""

    number: int
    champion: Path
    """Model folder of the player who goes on."""
    decision: Decision

    @property
    def improved(self) -> bool:
        """Whether the challenger took the champion's place; if not, the series is over."""
        return self.decision.outcome == "champion"


def play(num_rounds: int, params: Params, *, faces: Path, champion: str | Path, folder: Path) -> Iterator[Round]:
    """Play rounds until one brings nothing, or so many are played.

    All of a round lies below folder/NN: groups, model, report, decision.json; the first champion's own report below
    folder/00. What is whole there and was made of the same inputs, params and version is not made again, and a training
    that was killed goes on from its checkpoint: after a kill the same call goes on where it was.

    Args:
        num_rounds: at most so many.
        params: the sections groups (all but the teacher), train, evaluate and register.gate count.
        faces: the faces artifact on which the rounds are played; its test people judge all models.
        champion: the first teacher: a model folder, models:/ URI or s3:// prefix.
        folder: where the rounds go.

    Raises:
        InputError, ArtifactError: faces or champion are missing or damaged.
        ParamsError: train's crop size or shape is not the champion's.
        TrainingInterruptedError: SIGTERM; call again to go on.
    """
    first = resolve_model(champion).folder
    _require_like(params, first)
    _require_apart(folder, faces, first)
    player = _judged(params, faces, first, folder / "00" / "report")
    for number in range(1, num_rounds + 1):
        place = folder / f"{number:02d}"
        challenger = _challenge(params, faces, player.model, place)
        decision = decide(
            read_judged(challenger.report), read_judged(player.report), player.model.name, params.register.gate
        )
        _write(place / DECISION, decision)
        player = challenger if decision.outcome == "champion" else player
        played = Round(number, player.model, decision)
        if not played.improved or number == num_rounds:
            _remove_after(number, folder)
        yield played
        if not played.improved:
            return


def _require_like(params: Params, champion: Path) -> None:
    """Refuse early what training or the gate would refuse after the work is done."""
    configuration = read_configuration(champion)
    if configuration.size_px != params.train.size_px:
        raise ParamsError(
            f"train.size_px: {params.train.size_px}, and {champion} works at {configuration.size_px} px; champion and "
            "challenger can only be compared at one size"
        )


def _require_apart(folder: Path, *inputs: Path) -> None:
    """The folder's rounds are replaced, so no input may lie among them, unless it is the first champion of another series."""
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{path}: lies in {folder}, where the rounds are written; name another folder for them")


def _challenge(params: Params, faces: Path, champion: Path, place: Path) -> Player:
    """Let the champion make groups, train on them from the champion's weights, and judge the result."""
    made, model = place / "groups", place / "model"
    taught = params.groups.model_copy(update={"teacher": "registered", "teacher_model": None})
    digest = resolve_model(champion).digest
    _unless_done(
        made, "groups", taught, {"faces": artifact_digest(faces), "teacher": digest},
        lambda: groups.run(taught, faces=faces, teacher=champion, groups=made),
    )  # fmt: skip
    _unless_done(
        model, "model", params.train, {"groups": artifact_digest(made), "initial": digest},
        lambda: train.run(params.train, groups=made, initial=champion, model=model),
    )  # fmt: skip
    return _judged(params, faces, model, place / "report")


def _judged(params: Params, faces: Path, model: Path, report: Path) -> Player:
    inputs = {"faces": _digest(faces, "faces"), "model": _digest(model, "model")}
    _unless_done(
        report, "report", params.evaluate, inputs,
        lambda: evaluate.run(params.evaluate, faces=faces, model=model, report=report),
    )  # fmt: skip
    return Player(model, report)


def _digest(folder: Path, kind: Kind) -> str:
    read_card(folder, kind)
    return artifact_digest(folder)


def _unless_done(
    target: Path, kind: Kind, section: Section, inputs: dict[str, str], make: Callable[[], object]
) -> None:
    """Run a stage, unless its artifact is there and was made by this version of the same params and inputs."""
    try:
        card = read_card(target, kind)
    except ArtifactError:
        make()
        return
    params = section.model_dump(mode="json", exclude={"workers"})
    if (card.params, card.inputs, card.swapcore_version) != (params, inputs, __version__):
        make()


def _write(path: Path, decision: Decision) -> None:
    text = json.dumps(decision.document(), indent=2, sort_keys=True) + "\n"
    put_in_place(path, text)


def _remove_after(number: int, folder: Path) -> None:
    """Remove the rounds that an earlier, longer series left: they follow from nothing any more."""
    for place in folder.glob("[0-9][0-9]"):
        if int(place.name) > number:
            shutil.rmtree(place)
