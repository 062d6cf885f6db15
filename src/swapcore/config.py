"""Typed sections of params.yaml, one per stage."""

import hashlib
import json
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from swapcore.errors import ParamsError, first_line

InputPath = Annotated[Path, "input"]
"""A port that a stage reads: a `deps` entry in dvc.yaml, an Input of the KFP component."""
OptionalInputPath = Annotated[Path | None, "input"]
"""A port that may be absent and is then None: not in dvc.yaml, an optional Input of the KFP component."""
OutputPath = Annotated[Path, "output"]
"""A port that a stage writes: an `outs` entry in dvc.yaml, an Output of the KFP component."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
CropSize = Annotated[int, Field(ge=64, le=1024, multiple_of=16)]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="where torch computes")]
Workers = Annotated[int, Field(ge=0, le=256, description="number of processes; 0 = one per core")]


class Section(BaseModel):
    """A frozen part of params.yaml that forbids unknown keys and has no defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    not_in_cards: ClassVar[dict[str, Any]] = {"workers": 0}
    """Fields that do not change the result and that cards do not have, with values for reading a card."""

    def digest(self) -> str:
        """SHA-256 (hex) of the validated values, independent of how they are written in YAML."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class NetworkParams(Section):
    """A frozen network: the built-in one, or a user's file with its hash."""

    kind: Annotated[
        Literal["dlib", "onnx", "torchscript", "vgg16", "alexnet"],
        Field(description="dlib is built in; vgg16 and alexnet are torchvision's and give features only"),
    ]
    path: Annotated[Path | None, Field(description="file of the network; null for dlib")]
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$", description="hash of the file; null for dlib")]

    @model_validator(mode="after")
    def _file_named(self) -> Self:
        if self.kind == "dlib" and (self.path or self.sha256):
            raise ValueError("path and sha256 must be null for kind dlib, which is built in")
        if self.kind != "dlib" and not (self.path and self.sha256):
            raise ValueError(f"kind {self.kind} needs path and sha256")
        return self


class SynthesizeParams(Section):
    """Rendered synthetic people."""

    not_in_cards = {"workers": 0, "device": "cpu", "batch_size": 16}

    first_person: Annotated[
        int,
        Field(ge=0, le=1_000_000, description="number of the first person, for data sets that are rendered in parts"),
    ]
    num_people: Annotated[int, Field(ge=2, le=1_000_000, description="number of people")]
    images_per_person: Annotated[int, Field(ge=2, le=10_000, description="images of each person")]
    size_px: Annotated[int, Field(ge=64, le=2048, description="width and height of the images")]
    attribute_range: Annotated[float, Field(gt=0, le=1, description="range of pose, expression and light; 1 = full")]
    write_truth: Annotated[bool, Field(description="also write truth.tar with part masks and depth of each image")]
    seed: Seed
    device: Annotated[
        str, Field(pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu = compiled loops; cuda = batches on a GPU")
    ]
    batch_size: Annotated[int, Field(ge=1, le=4096, description="images that a GPU draws at once; the CPU ignores it")]
    workers: Workers


class QualityLimits(Section):
    """Limits for faces; one outside of them goes to the quarantine table with the reason."""

    min_eye_distance_px: Annotated[float, Field(ge=4, description="distance of the eye centers in the input image")]
    min_sharpness: Annotated[
        NonNegative, Field(description="mean squared Laplacian of the face at 128 px, relative to its variance")
    ]
    min_brightness: Annotated[Fraction, Field(description="mean luma inside the face; 0 = black, 1 = white")]
    max_brightness: Annotated[Fraction, Field(description="the same, upper limit")]
    max_clipped: Annotated[Fraction, Field(description="share of face pixels that are black or white")]
    max_yaw_deg: Annotated[float, Field(gt=0, le=90, description="estimated rotation to the left or right")]
    max_roll_deg: Annotated[float, Field(gt=0, le=180, description="rotation in the image plane")]


class SplitParams(Section):
    """Split by person; people in neither share are for training."""

    validation: Annotated[float, Field(ge=0, lt=0.5, description="share of people")]
    test: Annotated[float, Field(ge=0, lt=0.5, description="share of people")]
    seed: Seed


class CropParams(Section):
    """From images to aligned faces."""

    not_in_cards = {"workers": 0, "device": "cpu"}

    size_px: CropSize
    several_faces: Annotated[
        Literal["largest", "central", "reject"], Field(description="which face of an image with several is used")
    ]
    max_megapixels: Annotated[float, Field(gt=0, le=1000, description="larger images are refused before decoding")]
    quality: QualityLimits
    near_duplicate_bits: Annotated[
        int,
        Field(
            ge=-1,
            le=32,
            description="maximum Hamming distance (of 64 bits) of perceptual hashes of near-duplicates; -1 = off",
        ),
    ]
    near_duplicate_cosine: Annotated[
        float,
        Field(
            ge=-1,
            le=1,
            description="minimum cosine of the embeddings of near-duplicates, if there are people to center them by",
        ),
    ]
    min_identity_cosine: Annotated[
        float,
        Field(
            ge=-1,
            le=1,
            description="a face with a lower mean cosine to the other faces of its person is a probable wrong label",
        ),
    ]
    split: SplitParams
    recognizer: NetworkParams
    device: Device
    workers: Workers


class FakeChecks(Section):
    """Conditions that a fake must meet to become part of a sample group."""

    min_changed_inside: Annotated[
        float, Field(ge=0, le=255, description="mean |fake - template| inside the face, gray levels")
    ]
    max_changed_outside: Annotated[float, Field(ge=0, le=255, description="the same outside the face")]
    min_identity_gain: Annotated[
        float, Field(ge=-2, le=2, description="cos(fake, reference) - cos(template, reference), centered")
    ]


class GroupsParams(Section):
    """Sample groups of both kinds, with fakes made by a teacher."""

    not_in_cards = {"workers": 0, "device": "cpu"}

    teacher: Literal["warp", "oracle", "registered"]
    teacher_model: Annotated[
        str | None,
        Field(
            description="builtin:warp, model folder, models:/ URI or s3:// prefix of a registered teacher, else null"
        ),
    ]
    size_px: CropSize
    references_per_label: Annotated[int, Field(ge=0, le=1000, description="fake-template groups for each photograph")]
    sources_per_template: Annotated[int, Field(ge=0, le=1000, description="fake-label groups for each photograph")]
    source_image: Annotated[
        Literal["alike", "any", "different"],
        Field(
            description="image of a fake's source person: nearest to the template in expression and pose, drawn at random, or "
            "farthest"
        ),
    ]
    skin_sigma: Annotated[
        float,
        Field(
            gt=0,
            description="standard deviation, Lab lightness, of the preference for people of similar skin; large = any",
        ),
    ]
    checks: FakeChecks
    shard_megabytes: Annotated[int, Field(ge=1, le=4096)]
    seed: Seed
    device: Device
    workers: Workers


class ModelParams(Section):
    """Generator and discriminator."""

    kind: Annotated[
        Literal["fields", "pixels"],
        Field(description="fields: predict where pixels come from, compose at any size; pixels: predict the pixels"),
    ]
    compose_scale: Annotated[
        Literal[1, 2, 3, 4],
        Field(description="size of the images in training over train.size_px, for which fields are predicted"),
    ]
    max_flow: Annotated[
        float, Field(gt=0, le=0.25, description="fields: reach of the learned correction of the guide, of the side")
    ]
    width: Annotated[int, Field(ge=8, le=512, description="channels at full working resolution")]
    num_levels: Annotated[int, Field(ge=1, le=5, description="downsampling steps of the encoder")]
    num_fusion_blocks: Annotated[int, Field(ge=1, le=16, description="blocks that fuse mean and variance")]
    unshuffle: Annotated[Literal[1, 2, 4], Field(description="factor of the pixel unshuffle in the stem")]
    window: Annotated[
        float,
        Field(ge=0.5, le=1, description="side of the processed square as a share of the crop's side; 1 = whole crop"),
    ]
    copies_source: Annotated[
        bool, Field(description="the decoder may blend in the source's pixels, warped by a predicted coarse flow")
    ]
    moves_template: Annotated[
        bool, Field(description="the same with the template's pixels, which carry expression, gaze and light")
    ]
    discriminator_width: Annotated[int, Field(ge=8, le=512)]

    @model_validator(mode="after")
    def _only_fields_are_composed(self) -> Self:
        if self.kind == "pixels" and self.compose_scale != 1:
            raise ValueError("compose_scale must be 1 for kind: pixels, which are predicted at one size")
        return self


class LossWeights(Section):
    """Weights of the method's losses; 0 switches a term off."""

    pixel_real: Annotated[NonNegative, Field(description="w1: against the real label of a fake-template group")]
    pixel_fake: Annotated[NonNegative, Field(description="w2 < w1: against the fake label")]
    pixel_raw: Annotated[NonNegative, Field(description="pixel loss of the image before the mask, relative to pixel")]
    pixel_change: Annotated[NonNegative, Field(description="extra weight of pixels where label and template differ")]
    feature: NonNegative
    identity_source: Annotated[NonNegative, Field(description="first identity loss: similarity to the source")]
    identity_template: Annotated[
        NonNegative, Field(description="second identity loss: as far from the template as the source is")
    ]
    adversarial: NonNegative
    expression: Annotated[
        NonNegative, Field(description="openings of mouth and eyes, mouth width and gaze, by the face mesh; costs time")
    ]
    edges: Annotated[NonNegative, Field(description="share of the pixel loss on differences of neighboring pixels")]
    flow: Annotated[NonNegative, Field(description="fields: per working pixel between flow and known correspondence")]
    hidden: Annotated[NonNegative, Field(description="fields: source share at points that the source does not show")]
    blend: Annotated[NonNegative, Field(description="fields: mixing of source and template, which doubles features")]
    paint: Annotated[NonNegative, Field(description="fields: painted share of the composite")]
    paint_hidden: Annotated[
        Fraction,
        Field(description="fields: its price where the source does not show the point, of the price elsewhere"),
    ]
    still: Annotated[NonNegative, Field(description="fields: movement of the template, per working pixel")]
    smooth: Annotated[NonNegative, Field(description="fields: second differences of the flows")]

    @model_validator(mode="after")
    def _real_weighs_more(self) -> Self:
        if self.pixel_real <= self.pixel_fake:
            raise ValueError("pixel_real must be greater than pixel_fake: the real label weighs more")
        return self


class AugmentParams(Section):
    """Augmentation of sample groups; template and label get the same values, the shift applies to all three images."""

    other_source: Annotated[
        Fraction, Field(description="probability of replacing the source by another photograph of the same person")
    ]
    flip: Annotated[Fraction, Field(description="probability of mirroring, drawn separately for source and template")]
    shift: Annotated[float, Field(ge=0, le=0.25, description="largest shift, share of the crop's side")]
    gain: Annotated[float, Field(ge=0, lt=1, description="largest relative change of each color channel")]
    occlusion: Annotated[Fraction, Field(description="probability of something drawn over template and label")]


class JitterParams(Section):
    """Random transforms before the frozen networks; prevent adversarial overfitting to pixel positions."""

    shift: Annotated[float, Field(ge=0, le=0.25, description="largest shift, share of the crop's side")]
    scale: Annotated[float, Field(ge=0, lt=0.5, description="largest relative change of size")]
    blur: Annotated[Fraction, Field(description="largest share of a 3x3 binomial blur")]


class FeatureParams(Section):
    """Network of the feature loss."""

    network: Annotated[NetworkParams | None, Field(description="null = the recognizer's early levels")]
    num_levels: Annotated[int, Field(ge=1, le=8, description="levels compared, from the first")]


class SamplingParams(Section):
    """How batches are drawn from the sample groups."""

    fake_label_share: Annotated[Fraction, Field(description="share of fake-label groups in a batch")]
    cache_megabytes: Annotated[
        Count,
        Field(
            description="disk space in SWAPCORE_CACHE for decoded images and source descriptions of all trainings; 0 = "
            "decode images at each use"
        ),
    ]
    workers: Annotated[int, Field(ge=0, le=64, description="threads that make batches; 0 = 4 for a GPU, 1 for a CPU")]
    prefetch: Annotated[int, Field(ge=1, le=64, description="batches that each of them makes ahead")]
    augment: AugmentParams


class ScheduleParams(Section):
    """Values that depend on the step."""

    learning_rate: Annotated[Positive, Field(le=1)]
    discriminator_learning_rate: Annotated[Positive, Field(le=1)]
    floor: Annotated[Fraction, Field(description="share of the learning rates that remains at the last step")]
    warmup_steps: Count
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    raw_phase: Annotated[
        Fraction,
        Field(description="share of the steps in which identity and feature losses use the image before the mask"),
    ]
    adversarial_start: Annotated[Fraction, Field(description="share of the steps before the discriminator is used")]


class StepParams(Section):
    """How one step is computed."""

    accumulate: Annotated[
        int, Field(ge=1, le=1024, description="parts of a process's share of the batch; more parts need less memory")
    ]
    frozen_network_every: Annotated[
        int, Field(ge=1, le=8, description="compute frozen-network losses on every N-th sample; the offset rotates")
    ]
    max_gradient_norm: Positive
    compile: Annotated[bool, Field(description="torch.compile the generator; takes minutes before the first step")]
    channels_last: Annotated[bool, Field(description="channels-last memory format; faster on GPUs")]


class RecoveryParams(Section):
    """Rollback to a checkpoint, with lower learning rates, on NaN or a loss spike."""

    attempts: Annotated[int, Field(ge=0, le=100, description="rollbacks before training fails")]
    lr_factor: Annotated[float, Field(gt=0, lt=1, description="factor of the learning rates for each rollback")]
    loss_spike: Annotated[float, Field(gt=1, description="loss-spike threshold, x running mean of the total loss")]


class HealthCheckParams(Section):
    """Bounds of metrics that reveal a failing training, see docs/how-to/training.md."""

    action: Annotated[Literal["off", "warn", "fail"], Field(description="fail = end the stage with exit code 3")]
    start: Annotated[
        Fraction, Field(description="share of the steps before the first check; every model begins by copying")
    ]
    patience: Annotated[int, Field(ge=1, description="consecutive failed checks before the stage fails")]
    min_change: Annotated[
        NonNegative, Field(description="mean |output - template| over |label - template|: 0 = template copied")
    ]
    min_distance_to_source: Annotated[
        NonNegative, Field(description="mean |output - source| over |template - source|: 0 = source copied")
    ]
    min_discriminator_loss: Annotated[
        float, Field(ge=0, le=2, description="hinge loss: 2 = no separation, 0 = perfect separation and no gradient")
    ]
    max_background_l1: Annotated[
        float, Field(ge=0, le=255, description="gray levels from the template where label and template agree")
    ]


class LoopParams(Section):
    """Intervals of logging and validation."""

    log_every: Annotated[int, Field(ge=1, description="steps between rows of losses.csv")]
    sample_every: Annotated[int, Field(ge=1, description="steps between image sheets and validation metrics")]
    validation_groups: Annotated[int, Field(ge=1, le=10_000, description="largest number of each kind")]


class CheckpointParams(Section):
    """When training saves its state."""

    every: Annotated[int, Field(ge=1, description="steps between checkpoints")]
    keep: Annotated[int, Field(ge=1, le=100, description="number of checkpoints kept")]


class TrainParams(Section):
    """One training run."""

    initial: Annotated[
        str | None, Field(description="model that training starts from: a folder or reference; null = random weights")
    ]
    size_px: CropSize
    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2, description="samples of a step, over all processes")]
    seed: Seed
    device: Device
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], Field(description="autocast of forward and losses")]
    threads: Annotated[int, Field(ge=0, description="torch threads; 0 = one for each core")]
    model: ModelParams
    sampling: SamplingParams
    schedule: ScheduleParams
    step: StepParams
    weights: LossWeights
    feature: FeatureParams
    jitter: JitterParams
    loop: LoopParams
    checkpoint: CheckpointParams
    recovery: RecoveryParams
    health_checks: HealthCheckParams

    @model_validator(mode="after")
    def _every_step_has_identity_loss(self) -> Self:
        if self.step.frozen_network_every > self.batch_size:
            raise ValueError("step.frozen_network_every must not be greater than batch_size")
        return self


class EvaluateParams(Section):
    """Evaluation on people of the test split."""

    pairs_per_template: Annotated[int, Field(ge=1, le=1000, description="sources drawn for each test photograph")]
    max_pairs: Annotated[int, Field(ge=1)]
    recognizer: Annotated[
        NetworkParams | None,
        Field(description="recognizer that measures identity; null = the training's own, on jittered images"),
    ]
    champion: Annotated[
        str | None,
        Field(
            pattern=r"^(builtin:warp|models:/[^/@]+(@[^/@]+|/\d+))$",
            description="registered model or builtin:warp to compare on the same pairs; null = none",
        ),
    ]
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    sheet_rows: Annotated[int, Field(ge=1, le=64)]
    batch_size: Annotated[int, Field(ge=1)]
    device: Device
    seed: Seed


class GateParams(Section):
    """Conditions for a new version to be promoted; metrics as named in metrics.json."""

    better: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="metrics that must improve by more than the confidence interval, if both reports have them",
        ),
    ]
    not_worse: Annotated[dict[str, NonNegative], Field(description="metric: how much worse it may be")]
    slice_tolerance: Annotated[
        NonNegative, Field(description="how much lower identity/margin may be on a slice of pairs")
    ]


class RegisterParams(Section):
    """Registration in MLflow."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,64}$", description="name of the registered model")]
    bounds: Annotated[
        dict[str, tuple[float | None, float | None]],
        Field(description="metric: [minimum, maximum]; a model outside of them is not registered"),
    ]
    gate: GateParams
    allow_dirty: Annotated[bool, Field(description="register although the code has uncommitted changes")]


class RoundsParams(Section):
    """Self-training rounds of `dvc repro`; `swapcore rounds` takes both values as arguments."""

    series: Annotated[
        tuple[Annotated[int, Field(ge=1, le=99)], ...],
        Field(max_length=1, description="[3] = at most three rounds; [] = none"),
    ]
    champion: Annotated[Path, Field(description="model folder of the first teacher")]


class PhotographParams(Section):
    """Location of the input images."""

    input: Annotated[Path, Field(description="folder with one sub-folder per person, or a CSV file,identity[,split]")]
    folder: Annotated[Path, Field(description="folder that DVC tracks; it contains input, images and consent.csv")]
    synthetic: Annotated[
        tuple[Path, ...],
        Field(max_length=1, description="folder that synthesize writes; [] for your own images"),
    ]


with warnings.catch_warnings():
    # The section `register` hides ABCMeta.register, which Params does not use.
    warnings.filterwarnings("ignore", 'Field name "register"', UserWarning)

    class Params(Section):
        """The whole of params.yaml."""

        photographs: PhotographParams
        synthesize: SynthesizeParams
        crop: CropParams
        groups: GroupsParams
        train: TrainParams
        evaluate: EvaluateParams
        register: RegisterParams = Field()  # or pydantic takes the inherited method for a default
        rounds: RoundsParams


def describe(error: ValidationError, prefix: str = "") -> str:
    """A validation error on one line: the dotted name of each field, and the problem."""
    problems = []
    for item in error.errors():
        field = ".".join(str(part) for part in (*filter(None, [prefix]), *item["loc"]))
        if item["type"] == "extra_forbidden":
            problems.append(f"{field}: no such key{did_you_mean(field)}")
            continue
        shown = "" if item["type"] == "missing" else f" (got {item['input']!r})"
        problems.append(f"{field or 'params'}: {item['msg']}{shown}")
    return "; ".join(problems)


def did_you_mean(key: str) -> str:
    """Return "; did you mean KEY?" with the key of params.yaml that is nearest to a dotted key; empty if none is near."""
    keys = list(_dotted_keys(Params))
    by_name = {known.rpartition(".")[2]: known for known in reversed(keys)}
    near = get_close_matches(key, keys, 1, 0.8)
    near = near or [by_name[name] for name in get_close_matches(key.rpartition(".")[2], by_name, 1, 0.8)]
    return f"; did you mean {near[0]}?" if near else ""


def _dotted_keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of a section's fields, sub-sections first."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _dotted_keys(field.annotation, f"{prefix}{name}.")
        yield f"{prefix}{name}"


def read_section(path: Path, stage: str) -> Any:
    """Read a stage's section from params.yaml, or from a file with this section only.

    Raises:
        ParamsError: as read_params.
    """
    document = _read_yaml(path)
    if isinstance(document, dict) and list(document) == [stage]:
        return section_of(stage, document[stage])
    return getattr(read_params(path), stage)


def section_of(stage: str, values: Any) -> Any:
    """Validate plain values as a stage's section.

    Raises:
        ParamsError: a key or value is not allowed.
    """
    section: Any = Params.model_fields[stage].annotation
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise ParamsError(describe(error, stage)) from None


def with_device(stage: str, section: Section, device: str) -> Any:
    """A copy of a stage's section with another device.

    Raises:
        ParamsError: the section has no device, or does not allow this one.
    """
    values = section.model_dump(mode="json")
    owner = _owner_of(values, "device")
    if owner is None:
        raise ParamsError(f"{stage}: has no device; leave out --device")
    owner["device"] = device
    return section_of(stage, values)


def _owner_of(values: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The mapping that has a key: this one or a nested one."""
    if key in values:
        return values
    below = (_owner_of(value, key) for value in values.values() if isinstance(value, dict))
    return next(filter(None, below), None)


def read_params(path: Path) -> Params:
    """Read and validate params.yaml.

    Raises:
        ParamsError: the file is missing or not YAML, or a key or value is not allowed.
    """
    try:
        return Params.model_validate(_read_yaml(path))
    except ValidationError as error:
        raise ParamsError(f"{path}: {describe(error)}") from None


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run in the project's folder or give --params FILE") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError) as error:
        # What yaml raises for a date, number or tag that does not exist; it names no line.
        raise ParamsError(
            f"{path}: has a value that cannot be read: {first_line(error)}; correct it, or put it in quotes"
        ) from None
