"""The pipeline's graph, from images to a registered model."""

from functools import partial
from pathlib import Path
from typing import Any

from kfp import dsl

from components import stages
from components.run_stage import replaced
from pipelines.deployment import CHAMPION, CROP_SHARDS, NUM_ROUNDS, TRAIN_JOB, TRAIN_NEEDS, task
from swapcore.config import read_params
from swapcore.stages import STAGES

PARAMS = Path(__file__).parents[1] / "params.yaml"


def sections(path: Path) -> dict[str, dict]:
    """Validated sections of a params file, with "null" for None. Each task gets its own section only, as its cache key."""
    return replaced(read_params(path).model_dump(mode="json", include=set(STAGES)), None, "null")


_default = sections(PARAMS)


@dsl.pipeline(name="swapcore-training", description="From images to a registered identity-swap model.")
def training(
    photographs: str = "",
    fingerprint: str = "",
    synthesize: dict = _default["synthesize"],
    crop: dict = _default["crop"],
    groups: dict = _default["groups"],
    train: dict = _default["train"],
    evaluate: dict = _default["evaluate"],
    register: dict = _default["register"],
) -> None:
    """Crop, make groups, train, evaluate, and register the model if its metrics are within register.bounds.

    Args:
        photographs: s3://bucket/prefix, s3://…/list.csv, or a path that the tasks can read; empty = synthetic people.
        fingerprint: of the files below the prefix; a new one makes the pipeline fetch the images again.
        synthesize: that section of params.yaml, as are the others.
    """
    ending = task(stages.record_ending, "1", "1Gi").set_caching_options(False)
    with dsl.ExitHandler(ending, name="training"):
        people = task(stages.synthesize, "4", "8Gi", params=synthesize, uri=photographs, fingerprint=fingerprint)
        with dsl.ParallelFor(list(range(CROP_SHARDS)), name="crop-shards") as shard:
            given = {"photographs": people.outputs["photographs"], "shard": shard, "shards": CROP_SHARDS}
            shard_part = task(stages.crop_shard, "4", "8Gi", params=crop, uri=photographs, **given)
        parts = dsl.Collected(shard_part.outputs["part"])
        faces = task(stages.crop, "4", "8Gi", params=crop, parts=parts).outputs["faces"]
        evaluated = partial(task, stages.evaluate, "4", "16Gi", gpu=True, mlflow=True, params=evaluate, faces=faces)

        def add_round(left: int, teacher: Any = None, baseline: Any = None) -> None:
            """Add the tasks from groups to registration. In rounds the champion is teacher, initial model and baseline."""
            made = task(stages.groups, "4", "8Gi", params=groups, faces=faces, teacher=teacher).outputs["groups"]
            given = {"params": train, "job": TRAIN_JOB, "groups": made, "initial": teacher}
            model = task(stages.train, **TRAIN_NEEDS, **given).outputs["model"]
            report = evaluated(model=model).outputs["report"]
            good = task(stages.good_enough, "1", "2Gi", params=register, report=report, champion=baseline)
            with dsl.If(good.output == True, name="good-enough"):  # noqa: E712  # a channel, compiled to a condition
                task(stages.register, "1", "4Gi", mlflow=True, params=register, model=model, report=report)
                if left > 1:
                    add_round(left - 1, model, report)

        if NUM_ROUNDS:  # not cached: the same URI may name another model later
            first = task(stages.bring_champion, "1", "4Gi", mlflow=True, uri=CHAMPION).set_caching_options(False)
            add_round(NUM_ROUNDS, first.output, evaluated(model=first.output).outputs["report"])
        else:
            add_round(1)
