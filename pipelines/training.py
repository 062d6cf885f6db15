"""The graph: photographs to registered model; each task sees only its own section, which is its cache key."""

from importlib import import_module
from pathlib import Path

from kfp import dsl

from components.around import bring_photographs, good_enough, record_ending
from components.run_stage import replaced
from pipelines.deployment import task, use_mlflow
from swapcore.config import read_params
from swapcore.stages import STAGES

PARAMS = Path(__file__).parents[1] / "params.yaml"
STAGE = {name: getattr(import_module(f"components.{name}"), name) for name in STAGES}


def sections(path: Path) -> dict[str, dict]:
    """The stages' validated sections of a params file, as the pipeline takes them."""
    return replaced(read_params(path).model_dump(mode="json", include=set(STAGES)), None, "null")


_default = sections(PARAMS)


@dsl.pipeline(name="photographs-to-model")
def journey(
    photographs: dsl.Input[dsl.Dataset], crop: dict, groups: dict, train: dict, evaluate: dict, register: dict
) -> None:
    """Crop, make groups, train, judge, and register the model if its figures lie within register.bounds."""
    # One task: crop needs the mean over all training people and compares each face with its person's others.
    faces = task(STAGE["crop"], "4", "8Gi", params=crop, photographs=photographs).outputs["faces"]
    grouped = task(STAGE["groups"], "4", "8Gi", params=groups, faces=faces).outputs["groups"]
    trained = task(STAGE["train"], "4", "32Gi", gpu=True, params=train, groups=grouped)
    model = use_mlflow(trained).outputs["model"]
    judged = task(STAGE["evaluate"], "4", "16Gi", gpu=True, params=evaluate, faces=faces, model=model)
    use_mlflow(judged)
    good = task(good_enough, "1", "1Gi", metrics=judged.outputs["metrics"], params=register)
    with dsl.If(good.output == True, name="good-enough"):  # noqa: E712  # a channel, compiled to a condition
        use_mlflow(task(STAGE["register"], "1", "4Gi", params=register, model=model, report=judged.outputs["report"]))


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
    """The journey of given photographs, or of people who do not exist.

    Args:
        photographs: s3://bucket/prefix, or a folder that the tasks see; empty = people who do not exist.
        fingerprint: of what is below the prefix; another one means that the photographs are to be brought anew.
        synthesize: that section of params.yaml; so the others.
    """
    sections = {"crop": crop, "groups": groups, "train": train, "evaluate": evaluate, "register": register}
    ending = task(record_ending, "1", "1Gi").set_caching_options(False)
    # Twice the same journey, because kfp's local runs know no dsl.OneOf of artifacts.
    with dsl.ExitHandler(ending, name="training"):
        with dsl.If(photographs == "", name="no-photographs"):
            made = task(STAGE["synthesize"], "4", "8Gi", params=synthesize)
            journey(photographs=made.outputs["photographs"], **sections)
        with dsl.Else(name="photographs"):
            brought = task(bring_photographs, "2", "4Gi", uri=photographs, fingerprint=fingerprint)
            journey(photographs=brought.outputs["photographs"], **sections)
