"""Rows of scores to named figures with intervals: what metrics.json and the report's tables hold."""

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
"""To which figures are rounded in metrics.json: far below every interval."""


@dataclass(frozen=True)
class Figure:
    """A figure of the report: what it is called, counted in, and means."""

    name: str
    """In metrics.json."""
    column: str
    """In ScoreRow; empty where the figure is no mean of a column."""
    label: str
    unit: str
    better: str
    """higher or lower."""
    meaning: str


FIGURES = [
    Figure("identity/cosine_source", "cosine_source", "Cosine to source", "", "higher",
           "centered cosine of the face features of the swapped picture and of the source's photograph"),
    Figure("identity/cosine_template", "cosine_template", "Cosine to template (leak)", "", "lower",
           "the same to the template's photograph: how much of the template's person is left"),
    Figure("identity/margin", "margin", "Margin", "", "higher",
           "cosine to source less cosine to template; above 0 the picture shows the source rather than the template"),
    Figure("identity/gain", "gain", "Gain", "", "higher",
           "cosine to source less what the untouched template scores; 0 for a model that changes nothing"),
    Figure("identity/top1", "top1", "Source found first", "%", "higher",
           "share of pairs in which the source's person is nearest among all test people, by photographs other than "
           "the pair's own two"),
    Figure("identity/top5", "top5", "Source among first five", "%", "higher",
           "the same among the five nearest people"),
    Figure("identity/leak_top1", "leak_top1", "Template found first", "%", "lower",
           "share of pairs in which the template's person is nearest"),
    Figure("truth/psnr_face", "truth_psnr_face", "PSNR to the truth, face", "dB", "higher",
           "peak signal-to-noise ratio to the true swap inside the face; 100 = equal"),
    Figure("truth/ssim_face", "truth_ssim_face", "SSIM to the truth, face", "", "higher",
           "structural similarity of luma to the true swap inside the face; 1 = equal"),
    Figure("truth/l1_face", "truth_l1_face", "L1 to the truth, face", "gray levels", "lower",
           "mean absolute difference to the true swap inside the face, of 255"),
    Figure("truth/psnr", "truth_psnr", "PSNR to the truth, crop", "dB", "higher", "the same over the whole crop"),
    Figure("truth/ssim", "truth_ssim", "SSIM to the truth, crop", "", "higher", "the same over the whole crop"),
    Figure("truth/l1", "truth_l1", "L1 to the truth, crop", "gray levels", "lower", "the same over the whole crop"),
    Figure("truth/feature", "truth_feature", "Feature distance to the truth", "", "lower",
           "mean absolute difference of a frozen network's feature maps to those of the true swap, mean of its levels"),
    Figure("attributes/landmark_error", "landmark_error", "Key points moved", "% of eye distance", "lower",
           "mean distance of the key points found in the swapped picture to those found in the template"),
    Figure("attributes/yaw_error_deg", "yaw_error_deg", "Yaw error", "°", "lower",
           "difference of the head's turn, estimated from the key points of both pictures"),
    Figure("attributes/roll_error_deg", "roll_error_deg", "Roll error", "°", "lower",
           "difference of the head's tilt, from the key points of both pictures"),
    Figure("attributes/pitch_error_deg", "pitch_error_deg", "Pitch error", "°", "lower",
           "difference of the head's bend up or down to the wanted picture's (the true swap where it can be rendered, else the "
           "template), from the key points of both"),
    Figure("attributes/mouth_open_error", "mouth_open_error", "Mouth opening", "% of eye distance", "lower",
           "difference of the height of the lips' red at the mouth's middle to the wanted picture's"),
    Figure("attributes/mouth_width_error", "mouth_width_error", "Mouth width (smile)", "% of eye distance", "lower",
           "difference of the distance of the mouth corners to the wanted picture's"),
    Figure("attributes/brow_error", "brow_error", "Brow height", "% of eye distance", "lower",
           "difference of the brows' height above the eyes to the wanted picture's"),
    Figure("attributes/gaze_error", "gaze_error", "Gaze", "% of eye width", "lower",
           "distance of the iris, relative to the corners of the eye, to where it is in the wanted picture"),
    Figure("attributes/yaw_exact_deg", "yaw_exact_deg", "Yaw against the parameters", "°", "lower",
           "difference of the estimated turn to the one that the template was rendered with"),
    Figure("attributes/pitch_exact_deg", "pitch_exact_deg", "Pitch against the parameters", "°", "lower",
           "the same of the bend"),
    Figure("attributes/roll_exact_deg", "roll_exact_deg", "Roll against the parameters", "°", "lower",
           "the same of the tilt"),
    Figure("outside/l1", "outside_l1", "Change outside the face", "gray levels", "lower",
           "mean absolute difference to the template outside face, jaw and temples, of 255"),
    Figure("inside/l1", "inside_l1", "Change inside the face", "gray levels", "higher",
           "mean absolute difference to the template inside the face, of 255: whether anything was done at all"),
    Figure("failures/no_face", "no_face", "No face found", "%", "lower",
           "share of swapped pictures in which the detector finds no face"),
    Figure("realism/kid", "", "KID", "", "lower",
           "kernel distance of frozen features of the swapped pictures to those of real photographs; the template "
           "copied shows what real photographs score"),
]  # fmt: skip
PERCENT = {"top1", "top5", "leak_top1", "no_face"}


@dataclass(frozen=True)
class Value:
    """A figure's value with its 95 % interval."""

    value: float
    interval: Interval
    count: int
    """Pairs (or pictures) that it is a mean of."""


@dataclass(frozen=True)
class SliceValue:
    """The headline figure on one kind of pairs."""

    slice: str
    word: str
    value: Value

    @property
    def metric(self) -> str:
        """Its name in metrics.json."""
        return f"slices/{self.slice}/{self.word}/margin".replace(" ", "_")


def mean_of(rows: Sequence[ScoreRow], column: str, *, num_samples: int, seed: int) -> Value | None:
    """Mean of a column over the rows that have it, with the crossed bootstrap's interval over people; None: no row has.

    Shares are given in percent. Where all pairs agree a bootstrap knows no doubt, so a share of 0 or 100 % gets the rule
    of three over the people that were drawn: Hanley, Lippman-Hand, "If nothing goes wrong, is everything all right?",
    JAMA 1983.
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
    """95 % interval of a share of 0 or 100 % that was seen in num_people people: up to 3 / num_people may be otherwise."""
    doubt = 100 * min(1.0, 3 / num_people)
    return Interval(0.0, doubt) if percent == 0 else Interval(100 - doubt, 100.0)


def summarize(rows: Sequence[ScoreRow], realism: Realism | None, *, num_samples: int, seed: int) -> dict[str, Value]:
    """Every figure of one answer that can be told."""
    values = {}
    for figure in FIGURES:
        value = mean_of(rows, figure.column, num_samples=num_samples, seed=seed) if figure.column else None
        if value is not None:
            values[figure.name] = value
    if realism is not None:
        values["realism/kid"] = Value(realism.kid, realism.interval, realism.num_pictures)
    return values


def slice_values(
    rows: Sequence[ScoreRow], words: Sequence[Mapping[str, str]], *, num_samples: int, seed: int
) -> list[SliceValue]:
    """The margin on every kind of pairs; words[i] tells the kinds of pair i."""
    values = []
    for name in sorted({name for word in words for name in word}):
        for word in sorted({word[name] for word in words if name in word}):
            members = [row for row in rows if words[row.pair].get(name) == word]
            value = mean_of(members, "margin", num_samples=num_samples, seed=seed)
            if value is not None:
                values.append(SliceValue(name, word, value))
    return values


def divided(values: Sequence[SliceValue]) -> list[SliceValue]:
    """Without the slices in which all pairs are of one kind: they say nothing that the mean of all does not."""
    kinds = Counter(value.slice for value in values)
    return [value for value in values if kinds[value.slice] > 1]


def worst_slice(values: Sequence[SliceValue]) -> SliceValue | None:
    """The kind of pairs with the lowest margin, among those with enough pairs to be named."""
    large = [value for value in divided(values) if value.value.count >= MIN_PAIRS]
    return min(large, key=lambda value: value.value.value, default=None)


def flatten(answers: Mapping[str, Mapping[str, Value]], slices: Sequence[SliceValue]) -> dict[str, float]:
    """Flat names to numbers: name, name/low, name/high; other answers than the model's carry their name in front."""
    flat: dict[str, float] = {}
    named = [
        (figure if answer == MODEL else f"{answer}/{figure}", value)
        for answer, values in answers.items()
        for figure, value in values.items()
    ]
    for name, value in [*named, *((entry.metric, entry.value) for entry in slices)]:
        for suffix, number in (("", value.value), ("/low", value.interval.low), ("/high", value.interval.high)):
            assert math.isfinite(number), name
            flat[name + suffix] = round(number, DECIMALS)
    return dict(sorted(flat.items()))
