"""The typed tree of params.yaml: one section a stage, every value with its meaning and bounds, none with a default."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from swapcore.errors import ParamsError

InputPath = Annotated[Path, "input"]
"""A port that a stage reads: a `deps` entry in dvc.yaml, an Input of the KFP component."""
OptionalInputPath = Annotated[Path | None, "input"]
"""The same where a stage can do without, and then gets None: not in dvc.yaml, an optional Input of the KFP component."""
OutputPath = Annotated[Path, "output"]
"""A port that a stage writes: an `outs` entry in dvc.yaml, an Output of the KFP component."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
CropSize = Annotated[int, Field(ge=64, le=1024, multiple_of=16)]
Workers = Annotated[int, Field(ge=0, le=256, description="processes; 0 means one for each core")]


class Section(BaseModel):
    """A part of params.yaml: unknown keys are refused, values cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def digest(self) -> str:
        """SHA-256 (hex) of the validated values, the same for equal values however they were written."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class NetworkParams(Section):
    """A frozen network: the built-in one, or the user's own file, named by path and sha256."""

    kind: Annotated[
        Literal["dlib", "onnx", "torchscript", "vgg16", "alexnet"],
        Field(description="dlib is built in; vgg16 and alexnet are torchvision's, for features only"),
    ]
    path: Annotated[Path | None, Field(description="the network's file; null for dlib")]
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$", description="of the file; null for dlib")]

    @model_validator(mode="after")
    def _file_named(self) -> Self:
        if self.kind == "dlib" and (self.path or self.sha256):
            raise ValueError("kind dlib comes with the package: path and sha256 must be null")
        if self.kind != "dlib" and not (self.path and self.sha256):
            raise ValueError(f"kind {self.kind} needs path and sha256")
        return self


class SynthesizeParams(Section):
    """People who do not exist: how many, how often photographed, and how large."""

    num_people: Annotated[int, Field(ge=2, le=1_000_000)]
    pictures_per_person: Annotated[int, Field(ge=2, le=10_000)]
    size_px: Annotated[int, Field(ge=64, le=2048)]
    attribute_range: Annotated[float, Field(gt=0, le=1, description="1 = full range of pose, expression, light")]
    write_truth: Annotated[bool, Field(description="also truth.tar: part masks and depth of every picture")]
    seed: Seed
    workers: Workers


class QualityLimits(Section):
    """What a face must reach to be used; a face below goes to the quarantine table with the reason."""

    min_eye_distance_px: Annotated[float, Field(ge=4, description="between the eye centers, in the photograph")]
    min_sharpness: Annotated[
        NonNegative, Field(description="squared Laplacian of the face at 128 px over its variance")
    ]
    min_brightness: Annotated[Fraction, Field(description="mean luma inside the face, 0 black to 1 white")]
    max_brightness: Fraction
    max_clipped: Annotated[Fraction, Field(description="share of face pixels that are pure black or white")]
    max_yaw_deg: Annotated[float, Field(gt=0, le=90, description="head turned left or right, estimated")]
    max_roll_deg: Annotated[float, Field(gt=0, le=180)]


class SplitParams(Section):
    """People, not photographs, are divided; the rest of the people is the training part."""

    validation: Annotated[float, Field(ge=0, lt=0.5, description="share of people")]
    test: Annotated[float, Field(ge=0, lt=0.5, description="share of people")]
    seed: Seed


class CropParams(Section):
    """Photograph to aligned face."""

    size_px: CropSize
    several_faces: Annotated[
        Literal["largest", "central", "reject"], Field(description="which face counts when a photograph has several")
    ]
    max_megapixels: Annotated[float, Field(gt=0, le=1000, description="larger files are refused before decoding")]
    quality: QualityLimits
    near_duplicate_bits: Annotated[
        int,
        Field(
            ge=-1, le=32, description="perceptual hashes of a person's faces that differ in so few of 64 bits; -1 = off"
        ),
    ]
    near_duplicate_cosine: Annotated[
        float,
        Field(
            ge=-1, le=1, description="and whose face features agree so well, where there are people to center them by"
        ),
    ]
    min_identity_cosine: Annotated[
        float,
        Field(
            ge=-1, le=1, description="a face whose cosine to the rest of its person is lower is a probable wrong label"
        ),
    ]
    split: SplitParams
    recognizer: NetworkParams
    workers: Workers


class FakeChecks(Section):
    """What a fake must pass to become part of a sample group."""

    min_changed_inside: Annotated[
        float, Field(ge=0, le=255, description="mean |fake - template| inside the face, gray levels")
    ]
    max_changed_outside: Annotated[float, Field(ge=0, le=255, description="the same outside the face")]
    min_identity_gain: Annotated[
        float, Field(ge=-2, le=2, description="cos(fake, reference) - cos(template, reference), centered")
    ]


class GroupsParams(Section):
    """Sample groups of both kinds, made by a teacher."""

    teacher: Literal["classical", "oracle", "registered"]
    teacher_model: Annotated[
        str | None, Field(description="a registered teacher's folder, models:/ URI or s3:// prefix, else null")
    ]
    blend: Annotated[
        Literal["feather", "poisson"], Field(description="how the classical teacher joins face and template")
    ]
    size_px: CropSize
    references_per_label: Annotated[
        int, Field(ge=0, le=1000, description="fake-template groups made of each photograph")
    ]
    sources_per_template: Annotated[int, Field(ge=0, le=1000, description="fake-label groups made of each photograph")]
    checks: FakeChecks
    shard_megabytes: Annotated[int, Field(ge=1, le=4096)]
    seed: Seed
    workers: Workers


class ModelParams(Section):
    """The generator and the discriminator."""

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
    num_levels: Annotated[int, Field(ge=1, le=5, description="halvings of resolution in the encoder")]
    num_fusion_blocks: Annotated[int, Field(ge=1, le=16, description="blocks in which mean and variance are fused")]
    unshuffle: Annotated[Literal[1, 2, 4], Field(description="pixels folded into channels by the stem")]
    window: Annotated[
        float,
        Field(
            ge=0.5,
            le=1,
            description="side of the square that the generator sees and paints, of the crop's; 1 = all of it",
        ),
    ]
    copies_source: Annotated[
        bool, Field(description="the decoder may mix in the source's pixels, moved by a coarse field that it predicts")
    ]
    moves_template: Annotated[
        bool, Field(description="the same with the template's pixels, which have its expression, gaze and light")
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
    pixel_raw: Annotated[
        NonNegative, Field(description="share of the pixel loss that also judges the image before the mask")
    ]
    pixel_change: Annotated[NonNegative, Field(description="extra weight of pixels where label and template differ")]
    feature: NonNegative
    identity_source: Annotated[NonNegative, Field(description="first part: be the source")]
    identity_template: Annotated[
        NonNegative, Field(description="second part: be no nearer the template than the source is")
    ]
    adversarial: NonNegative
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
    """How a sample group is varied; template and label always alike, the shift of all three too."""

    other_source: Annotated[
        Fraction, Field(description="probability that any other photograph of the source's person takes its place")
    ]
    flip: Annotated[Fraction, Field(description="probability of mirroring, drawn for source and template apart")]
    shift: Annotated[float, Field(ge=0, le=0.25, description="largest shift, share of the crop's side")]
    gain: Annotated[float, Field(ge=0, lt=1, description="largest relative change of each color channel")]
    occlusion: Annotated[Fraction, Field(description="probability of something drawn over template and label")]


class JitterParams(Section):
    """How an image is varied before the recognizer of the losses, lest it be fooled by pixels in their exact places."""

    shift: Annotated[float, Field(ge=0, le=0.25, description="largest shift, share of the crop's side")]
    scale: Annotated[float, Field(ge=0, lt=0.5, description="largest relative change of size")]
    blur: Annotated[Fraction, Field(description="largest share of a 3x3 binomial blur")]


class RecoveryParams(Section):
    """What happens when a loss or gradient is not finite, or the loss explodes: back to a checkpoint, at lower rates."""

    attempts: Annotated[int, Field(ge=0, le=100, description="returns to a checkpoint before training gives up")]
    rate_factor: Annotated[float, Field(gt=0, lt=1, description="by which each return multiplies the learning rates")]
    explosion: Annotated[float, Field(gt=1, description="a total loss so many times its running mean has exploded")]


class SentinelParams(Section):
    """Bounds of figures that show a training astray; docs/training.md tells what each figure is."""

    action: Annotated[Literal["off", "warn", "fail"], Field(description="fail = end the stage with exit code 3")]
    start: Annotated[
        Fraction, Field(description="share of the steps before which nothing counts: all begin as copiers")
    ]
    patience: Annotated[int, Field(ge=1, description="samples on end (train.sample_every) before the stage fails")]
    min_change: Annotated[
        NonNegative, Field(description="mean |output - template| over |label - template|: 0 = template copied")
    ]
    min_distance_to_source: Annotated[
        NonNegative, Field(description="mean |output - source| over |template - source|: 0 = source copied")
    ]
    min_discriminator_loss: Annotated[
        float, Field(ge=0, le=2, description="hinge loss: 2 = nothing told apart, 0 = all, and nothing more is taught")
    ]
    max_background_l1: Annotated[
        float, Field(ge=0, le=255, description="gray levels from the template where label and template agree")
    ]


class TrainParams(Section):
    """One training run."""

    initial: Annotated[
        str | None, Field(description="model that training starts from: a folder or reference; null = random weights")
    ]
    size_px: CropSize
    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2, description="of a step, over all processes")]
    accumulate: Annotated[
        int, Field(ge=1, le=1024, description="parts in which a process takes its share, to save memory")
    ]
    fake_label_share: Annotated[Fraction, Field(description="share of fake-label groups in a batch")]
    learning_rate: Annotated[Positive, Field(le=1)]
    discriminator_learning_rate: Annotated[Positive, Field(le=1)]
    learning_rate_floor: Annotated[Fraction, Field(description="share of the rates that is left at the last step")]
    warmup_steps: Count
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    max_gradient_norm: Positive
    raw_phase: Annotated[
        Fraction, Field(description="share of the steps in which identity and features judge the image before the mask")
    ]
    judge_every: Annotated[
        int, Field(ge=1, le=8, description="the frozen networks look at one sample of so many, by turns")
    ]
    adversarial_start: Annotated[Fraction, Field(description="share of the steps before the discriminator joins")]
    augment: AugmentParams
    jitter: JitterParams
    model: ModelParams
    weights: LossWeights
    feature_network: Annotated[NetworkParams | None, Field(description="null = the recognizer's early levels")]
    num_feature_levels: Annotated[int, Field(ge=1, le=8, description="levels compared, from the first")]
    recovery: RecoveryParams
    sentinels: SentinelParams
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], Field(description="autocast of forward and losses")]
    compile: Annotated[bool, Field(description="torch.compile the generator; takes minutes before the first step")]
    channels_last: Annotated[bool, Field(description="pixels before channels in memory; helps on GPUs")]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
    threads: Annotated[int, Field(ge=0, description="torch threads; 0 = one for each core")]
    log_every: Annotated[int, Field(ge=1)]
    sample_every: Annotated[int, Field(ge=1, description="steps between picture sheets and validation figures")]
    validation_groups: Annotated[int, Field(ge=1, le=10_000, description="at most so many of each kind")]
    checkpoint_every: Annotated[int, Field(ge=1)]
    checkpoints_kept: Annotated[int, Field(ge=1, le=100)]
    memory_megabytes: Annotated[Count, Field(description="images are kept decoded if all of them need no more")]
    seed: Seed

    @model_validator(mode="after")
    def _somebody_judged(self) -> Self:
        if self.judge_every > self.batch_size:
            raise ValueError("judge_every must not be greater than batch_size: each step somebody must be looked at")
        return self


class EvaluateParams(Section):
    """Judging a model on people of the test split only."""

    pairs_per_template: Annotated[int, Field(ge=1, le=1000, description="sources drawn for each test photograph")]
    max_pairs: Annotated[int, Field(ge=1)]
    judge: Annotated[
        NetworkParams | None, Field(description="null = the training's own recognizer under jitter, so labeled")
    ]
    champion: Annotated[
        str | None,
        Field(
            pattern=r"^models:/[^/@]+(@[^/@]+|/\d+)$",
            description="registered model that answers the same pairs, beside this one; null = none",
        ),
    ]
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    sheet_rows: Annotated[int, Field(ge=1, le=64)]
    batch_size: Annotated[int, Field(ge=1)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
    seed: Seed


class GateParams(Section):
    """What a new version must reach to take the champion's place; figures as metrics.json names them."""

    better: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="each must be better beyond its interval, where the reports have it"),
    ]
    not_worse: Annotated[dict[str, NonNegative], Field(description="figure -> by how much it may be worse")]
    slice_tolerance: Annotated[NonNegative, Field(description="by how much the margin may be lower on a kind of pairs")]


class RegisterParams(Section):
    """Entering the model in the registry."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,64}$")]
    bounds: Annotated[
        dict[str, tuple[float | None, float | None]],
        Field(description="figure of the report -> least, most; a model outside of them is not registered"),
    ]
    gate: GateParams
    allow_dirty: Annotated[bool, Field(description="register from a checkout whose code has uncommitted changes")]


class RoundsParams(Section):
    """The series of rounds that `dvc repro` plays; the command `swapcore rounds` takes both as arguments."""

    series: Annotated[
        tuple[Annotated[int, Field(ge=1, le=99)], ...],
        Field(max_length=1, description="[3]: at most three rounds; [] for none"),
    ]
    champion: Annotated[Path, Field(description="model folder of the first teacher")]


class PhotographParams(Section):
    """Where the photographs are."""

    input: Annotated[Path, Field(description="a folder with a sub-folder a person, or a CSV file,identity[,split]")]
    folder: Annotated[
        Path, Field(description="the folder that DVC watches: it holds input, photographs and consent.csv")
    ]
    synthetic: Annotated[
        tuple[Path, ...],
        Field(max_length=1, description="the folder that synthesize makes; [] for your own photographs"),
    ]


with warnings.catch_warnings():
    # A section is called `register`, as its stage is; nobody registers virtual subclasses of Params.
    warnings.filterwarnings("ignore", 'Field name "register"', UserWarning)

    class Params(Section):
        """params.yaml, whole."""

        photographs: PhotographParams
        synthesize: SynthesizeParams
        crop: CropParams
        groups: GroupsParams
        train: TrainParams
        evaluate: EvaluateParams
        register: RegisterParams = Field()  # or the inherited method would pass for a default
        rounds: RoundsParams


def describe(error: ValidationError, prefix: str = "") -> str:
    """One line for a validation error: each field with its full dotted name and what is wrong with it."""
    problems = []
    for item in error.errors():
        field = ".".join(str(part) for part in (*filter(None, [prefix]), *item["loc"]))
        shown = "" if item["type"] in {"missing", "extra_forbidden"} else f" (got {item['input']!r})"
        problems.append(f"{field or 'params'}: {item['msg']}{shown}")
    return "; ".join(problems)


def read_section(path: Path, stage: str) -> Any:
    """Read a stage's section from params.yaml, or from a file that holds this section alone.

    Raises:
        ParamsError: as read_params.
    """
    document = _read_yaml(path)
    if isinstance(document, dict) and list(document) == [stage]:
        return section_of(stage, document[stage])
    return getattr(read_params(path), stage)


def section_of(stage: str, values: Any) -> Any:
    """A stage's section from plain values.

    Raises:
        ParamsError: a key or value is not allowed; one line.
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
    """The mapping, this one or one below it, that has a key."""
    if key in values:
        return values
    below = (_owner_of(value, key) for value in values.values() if isinstance(value, dict))
    return next(filter(None, below), None)


def read_params(path: Path) -> Params:
    """Read and validate params.yaml.

    Raises:
        ParamsError: the file is missing, is not YAML, or a key or value is not allowed; one line.
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
