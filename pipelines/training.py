"""The graph: photographs to registered model; each task sees only its own section, which is its cache key."""

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
    """The stages' validated sections of a params file, as the pipeline takes them."""
    return replaced(read_params(path).model_dump(mode="json", include=set(STAGES)), None, "null")


_default = sections(PARAMS)


@dsl.pipeline(name="swapcore-training", description="From photographs to a registered identity-swap model.")
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
    """Crop, make groups, train, judge, and register the model if its figures lie within register.bounds.

    Args:
        photographs: s3://bucket/prefix, s3://…/list.csv, or either where the tasks see it; empty = people who do not exist.
        fingerprint: of what is below the prefix; another one means that the photographs are to be brought anew.
        synthesize: that section of params.yaml; so the others.
    """
    ending = task(stages.record_ending, "1", "1Gi").set_caching_options(False)
    with dsl.ExitHandler(ending, name="training"):
        people = task(stages.synthesize, "4", "8Gi", params=synthesize, uri=photographs, fingerprint=fingerprint)
        with dsl.ParallelFor(list(range(CROP_SHARDS)), name="crop-shards") as shard:
            given = {"photographs": people.outputs["photographs"], "shard": shard, "shards": CROP_SHARDS}
            cut = task(stages.cut_photographs, "4", "8Gi", params=crop, **given)
        parts = dsl.Collected(cut.outputs["part"])
        faces = task(stages.crop, "4", "8Gi", params=crop, parts=parts).outputs["faces"]
        judge = partial(task, stages.evaluate, "4", "16Gi", gpu=True, mlflow=True, params=evaluate, faces=faces)

        def turn(left: int, teacher: Any = None, rival: Any = None) -> None:
            """From groups to the registry. In rounds the champion teaches, is the start, and is the rival to beat."""
            made = task(stages.groups, "4", "8Gi", params=groups, faces=faces, teacher=teacher).outputs["groups"]
            given = {"params": train, "job": TRAIN_JOB, "groups": made, "initial": teacher}
            model = task(stages.train, **TRAIN_NEEDS, **given).outputs["model"]
            report = judge(model=model).outputs["report"]
            good = task(stages.good_enough, "1", "2Gi", params=register, report=report, champion=rival)
            with dsl.If(good.output == True, name="good-enough"):  # noqa: E712  # a channel, compiled to a condition
                task(stages.register, "1", "4Gi", mlflow=True, params=register, model=model, report=report)
                if left > 1:
                    turn(left - 1, model, report)

        if NUM_ROUNDS:  # the champion's address may name another model tomorrow, so it is never taken from the cache
            first = task(stages.bring_champion, "1", "4Gi", mlflow=True, uri=CHAMPION).set_caching_options(False)
            turn(NUM_ROUNDS, first.output, judge(model=first.output).outputs["report"])
        else:
            turn(1)
