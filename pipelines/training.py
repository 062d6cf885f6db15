"""The graph: photographs to registered model; each task sees only its own section, which is its cache key."""

from pathlib import Path

from kfp import dsl

from components import stages
from components.run_stage import replaced
from pipelines.deployment import CROP_SHARDS, TRAIN_JOB, task
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
        grouped = task(stages.groups, "4", "8Gi", params=groups, faces=faces).outputs["groups"]
        given = {"params": train, "groups": grouped}
        if TRAIN_JOB:
            job = Path(TRAIN_JOB).read_text(encoding="utf-8")
            trained = task(stages.train_on_nodes, "1", "4Gi", job=job, image=stages.IMAGE, **given)
        else:
            trained = task(stages.train, "4", "32Gi", gpu=True, mlflow=True, **given)
        given = {"faces": faces, "model": trained.outputs["model"]}
        judged = task(stages.evaluate, "4", "16Gi", gpu=True, mlflow=True, params=evaluate, **given)
        good = task(stages.good_enough, "1", "1Gi", metrics=judged.outputs["metrics"], params=register)
        with dsl.If(good.output == True, name="good-enough"):  # noqa: E712  # a channel, compiled to a condition
            given = {"model": trained.outputs["model"], "report": judged.outputs["report"]}
            task(stages.register, "1", "4Gi", mlflow=True, params=register, **given)
