"""Named metrics with intervals, summarized from score rows."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.realism import Realism
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.slices import MIN_PAIRS
from swapcore.ops.metrics import Interval, crossed_bootstrap_interval

DECIMALS = 6
"""Decimals of metrics.json: far below every interval."""


@dataclass(frozen=True)
class Metric:
    """A metric of the report."""

    name: str
    """Name in metrics.json."""
    column: str
    """Column of ScoreRow; empty if the metric is not the mean of a column."""
    label: str
    unit: str
    better: str
    """higher or lower."""
    meaning: str


METRICS = [
    Metric("identity/cosine_source", "cosine_source", "Cosine to source", "", "higher",
           "centered cosine of the face features of the swapped image and of the source's photograph"),
    Metric("identity/cosine_template", "cosine_template", "Cosine to template (leak)", "", "lower",
           "centered cosine to the template's photograph: identity leak of the template"),
    Metric("identity/margin", "margin", "Margin", "", "higher",
           "cosine to source minus cosine to template; above 0 the image is closer to the source's identity"),
    Metric("identity/gain", "gain", "Gain", "", "higher",
           "cosine to source minus that of the untouched template; 0 for a model that changes nothing"),
    Metric("identity/top1", "top1", "Source retrieved first", "%", "higher",
           "share of pairs in which the source's person is the nearest of all test people, by photographs other than "
           "the pair's own two"),
    Metric("identity/top5", "top5", "Source in top 5", "%", "higher",
           "share of pairs in which the source's person is among the five nearest people"),
    Metric("identity/leak_top1", "leak_top1", "Template retrieved first", "%", "lower",
           "share of pairs in which the template's person is the nearest"),
    Metric("truth/psnr_face", "truth_psnr_face", "PSNR to the true swap, face", "dB", "higher",
           "peak signal-to-noise ratio to the true swap inside the face; 100 = equal"),
    Metric("truth/ssim_face", "truth_ssim_face", "SSIM to the true swap, face", "", "higher",
           "structural similarity of luma to the true swap inside the face; 1 = equal"),
    Metric("truth/l1_face", "truth_l1_face", "L1 to the true swap, face", "gray levels", "lower",
           "mean absolute difference to the true swap inside the face, of 255"),
    Metric("truth/psnr", "truth_psnr", "PSNR to the true swap, crop", "dB", "higher",
           "peak signal-to-noise ratio to the true swap over the whole crop"),
    Metric("truth/ssim", "truth_ssim", "SSIM to the true swap, crop", "", "higher",
           "structural similarity of luma to the true swap over the whole crop"),
    Metric("truth/l1", "truth_l1", "L1 to the true swap, crop", "gray levels", "lower",
           "mean absolute difference to the true swap over the whole crop, of 255"),
    Metric("truth/feature", "truth_feature", "Feature distance to the true swap", "", "lower",
           "mean absolute difference of a frozen network's feature maps to those of the true swap, mean of its levels"),
    Metric("attributes/landmark_error", "landmark_error", "Landmark error", "% of eye distance", "lower",
           "mean distance of the landmarks of the swapped image to those of the template"),
    Metric("attributes/yaw_error_deg", "yaw_error_deg", "Yaw error", "°", "lower",
           "difference of the head's yaw, estimated from the landmarks of both images"),
    Metric("attributes/roll_error_deg", "roll_error_deg", "Roll error", "°", "lower",
           "difference of the head's roll, estimated from the landmarks of both images"),
    Metric("attributes/pitch_error_deg", "pitch_error_deg", "Pitch error", "°", "lower",
           "difference of the head's pitch to that of the reference (the true swap if it can be rendered, else the "
           "template), estimated from the landmarks of both"),
    Metric("attributes/mouth_open_error", "mouth_open_error", "Mouth opening", "% of eye distance", "lower",
           "difference of the gap between the lips to the reference's"),
    Metric("attributes/eye_open_error", "eye_open_error", "Eye opening", "% of eye distance", "lower",
           "difference of the distance of the eyelids to the reference's"),
    Metric("attributes/mouth_width_error", "mouth_width_error", "Mouth width (smile)", "% of eye distance", "lower",
           "difference of the distance of the mouth corners to the reference's"),
    Metric("attributes/brow_error", "brow_error", "Brow height", "% of eye distance", "lower",
           "difference of the brow height above the eyes to the reference's"),
    Metric("attributes/gaze_error", "gaze_error", "Gaze", "% of eye width", "lower",
           "distance of the iris, relative to the corners of the eye, to its position in the reference"),
    Metric("attributes/yaw_exact_deg", "yaw_exact_deg", "Yaw against the parameters", "°", "lower",
           "difference of the estimated yaw to the template's render parameter"),
    Metric("attributes/pitch_exact_deg", "pitch_exact_deg", "Pitch against the parameters", "°", "lower",
           "difference of the estimated pitch to the template's render parameter"),
    Metric("attributes/roll_exact_deg", "roll_exact_deg", "Roll against the parameters", "°", "lower",
           "difference of the estimated roll to the template's render parameter"),
    Metric("outside/l1", "outside_l1", "Change outside the face", "gray levels", "lower",
           "mean absolute difference to the template outside face, jaw and temples, of 255"),
    Metric("inside/l1", "inside_l1", "Change inside the face", "gray levels", "higher",
           "mean absolute difference to the template inside the face, of 255; 0 = nothing was changed"),
    Metric("failures/no_face", "no_face", "No face found", "%", "lower",
           "share of swapped images in which the detector finds no face"),
    Metric("realism/kid", "", "KID", "", "lower",
           "kernel distance of frozen features of the swapped images to those of real photographs; the value of the "
           "copied template is that of real photographs"),
]  # fmt: skip
PERCENT = {"top1", "top5", "leak_top1", "no_face"}


@dataclass(frozen=True)
class Value:
    """A metric's value with its 95 % interval."""

    value: float
    interval: Interval
    count: int
    """Number of pairs (or images) of the mean."""


@dataclass(frozen=True)
class SliceValue:
    """The margin of one slice."""

    slice: str
    word: str
    value: Value

    @property
    def metric(self) -> str:
        """Name in metrics.json."""
        return f"slices/{self.slice}/{self.word}/margin".replace(" ", "_")


def mean_of(rows: Sequence[ScoreRow], column: str, *, num_samples: int, seed: int) -> Value | None:
    """Return the mean of a column with a bootstrap interval over people, or None if no row has a value.

    Shares are in percent. The bootstrap interval of a share of 0 or 100 % is empty, so it gets the rule of three over the
    number of people: Hanley, Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 1983.

    Args:
        rows: score rows of one method.
        column: of ScoreRow.
        num_samples: bootstrap samples.
        seed: of the bootstrap.
    """
    known = [row for row in rows if getattr(row, column) is not None]
    if not known:
        return None
    values = np.array([getattr(row, column) for row in known], dtype=np.float64) * (100 if column in PERCENT else 1)
    sources = np.array([row.source_identity for row in known])
    templates = np.array([row.template_identity for row in known])
    if column in PERCENT and values.min() == values.max():
        interval = rule_of_three(float(values[0]), len(set(sources.tolist())))
    else:
        interval = crossed_bootstrap_interval(values, sources, templates, num_samples=num_samples, seed=seed)
    return Value(float(values.mean()), interval, len(known))


def rule_of_three(percent: float, num_people: int) -> Interval:
    """Return the 95 % interval of a share of 0 or 100 % observed in num_people people: a width of 3 / num_people."""
    width = 100 * min(1.0, 3 / num_people)
    return Interval(0.0, width) if percent == 0 else Interval(100 - width, 100.0)


def summarize(rows: Sequence[ScoreRow], realism: Realism | None, *, num_samples: int, seed: int) -> dict[str, Value]:
    """Return all known metrics of one method.

    Args:
        rows: the method's score rows.
        realism: its realism, or None.
        num_samples: bootstrap samples.
        seed: of the bootstrap.
    """
    values = {}
    for metric in METRICS:
        value = mean_of(rows, metric.column, num_samples=num_samples, seed=seed) if metric.column else None
        if value is not None:
            values[metric.name] = value
    if realism is not None:
        values["realism/kid"] = Value(realism.kid, realism.interval, realism.num_images)
    return values


def slice_values(
    rows: Sequence[ScoreRow], words: Sequence[Mapping[str, str]], *, num_samples: int, seed: int
) -> list[SliceValue]:
    """Return the margin of every slice.

    Args:
        rows: one method's score rows.
        words: slice -> word for each pair.
        num_samples: bootstrap samples.
        seed: of the bootstrap.
    """
    values = []
    for name in sorted({name for word in words for name in word}):
        for word in sorted({word[name] for word in words if name in word}):
            members = [row for row in rows if words[row.pair].get(name) == word]
            value = mean_of(members, "margin", num_samples=num_samples, seed=seed)
            if value is not None:
                values.append(SliceValue(name, word, value))
    return values


def divided(values: Sequence[SliceValue]) -> list[SliceValue]:
    """Drop slices that contain all pairs: they equal the overall mean."""
    num_words = Counter(value.slice for value in values)
    return [value for value in values if num_words[value.slice] > 1]


def worst_slice(values: Sequence[SliceValue]) -> SliceValue | None:
    """Return the slice with the lowest margin among those with at least MIN_PAIRS pairs."""
    large = [value for value in divided(values) if value.value.count >= MIN_PAIRS]
    return min(large, key=lambda value: value.value.value, default=None)


def flatten(methods: Mapping[str, Mapping[str, Value]], slices: Sequence[SliceValue]) -> dict[str, float]:
    """Flatten to name, name/low and name/high; metrics of other methods than the model are prefixed by the method."""
    flat: dict[str, float] = {}
    named = [
        (metric if method == MODEL else f"{method}/{metric}", value)
        for method, values in methods.items()
        for metric, value in values.items()
    ]
    for name, value in [*named, *((entry.metric, entry.value) for entry in slices)]:
        for suffix, number in (("", value.value), ("/low", value.interval.low), ("/high", value.interval.high)):
            assert math.isfinite(number), name
            flat[name + suffix] = round(number, DECIMALS)
    return dict(sorted(flat.items()))
