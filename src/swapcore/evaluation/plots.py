"""Reproducible SVG plots of the report."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.summary import SliceValue, Value

INK, MUTED, ACCENT, LINE = "#1d2327", "#7b868c", "#0b6e6e", "#d9dedf"
COLORS = (ACCENT, "#c8742b", "#8b95a1", "#5b4b8a", "#b8a13a")
"""Colors of the methods, in their order."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "swapcore",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
SMOOTHING = 0.04
"""Window of the smoothed loss curves, as a share of the points."""


def _svg(figure: Figure) -> str:
    """Return the figure as an <svg> element without XML header and date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.02)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def identity_scatter(methods: Mapping[str, Sequence[ScoreRow]]) -> str:
    """Plot each pair: cosine to the template on x, to the source on y; above the diagonal the source's identity prevails.

    Args:
        methods: label -> rows.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 4.4))
        axes = figure.subplots()
        axes.plot([-1, 1], [-1, 1], color=LINE, lw=1, zorder=0)
        for (label, rows), color in zip(methods.items(), COLORS, strict=False):
            across, up = [row.cosine_template for row in rows], [row.cosine_source for row in rows]
            axes.scatter(across, up, s=12, color=color, alpha=0.55, lw=0, label=label)
        everything = [
            value for rows in methods.values() for row in rows for value in (row.cosine_template, row.cosine_source)
        ]
        low = math.floor(10 * min(everything, default=0) - 0.5) / 10
        axes.set(
            xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal", xlabel="cosine to template", ylabel="cosine to source"
        )
        axes.text(low + 0.03, 0.97, "the source's face", color=MUTED, va="top")
        axes.text(1.0, low + 0.03, "the template's face", color=MUTED, ha="right")
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, handletextpad=0.1)
        return _svg(figure)


def slice_plot(values: Sequence[SliceValue], overall: Value) -> str:
    """Plot the margin and its interval for every slice, one line each; the vertical line is the mean of all pairs.

    Args:
        values: the slices.
        overall: the margin over all pairs.
    """
    with mpl.rc_context(STYLE):
        names = list(dict.fromkeys(value.slice for value in values))
        num_lines = len(values) + len(names)
        figure = Figure(figsize=(7.2, 0.26 * num_lines + 0.5))
        axes = figure.subplots()
        axes.axvline(overall.value, color=LINE, lw=1, zorder=0)
        line = 0
        for name in names:
            axes.text(-0.02, line, name, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
            line += 1
            for value in (v for v in values if v.slice == name):
                _dot_line(axes, line, value)
                line += 1
        axes.set(
            ylim=(line - 0.4, -0.6),
            yticks=[],
            xlabel="margin: cosine to source minus cosine to template, with 95 % interval",
        )
        axes.spines["left"].set_visible(False)
        return _svg(figure)


def _dot_line(axes: Axes, line: int, value: SliceValue) -> None:
    low, high = value.value.interval
    axes.plot([low, high], [line, line], color=ACCENT, lw=1.5, alpha=0.5, solid_capstyle="butt")
    axes.plot([value.value.value], [line], "o", color=ACCENT, ms=4.5)
    side = axes.get_yaxis_transform()
    axes.text(-0.02, line, value.word, transform=side, ha="right", va="center", color=MUTED)
    axes.text(1.01, line, f"{value.value.count} pairs", transform=side, va="center", color=MUTED, size=8)


def loss_curves(steps: npt.NDArray[np.floating], curves: Mapping[str, npt.NDArray[np.floating]]) -> str:
    """Plot every loss term over the steps on its own scale: raw values light, smoothed values dark."""
    with mpl.rc_context(STYLE):
        columns = 3
        rows = -(-len(curves) // columns)
        figure = Figure(figsize=(8.4, 1.75 * rows))
        for index, (name, values) in enumerate(curves.items()):
            axes = figure.add_subplot(rows, columns, index + 1)
            axes.plot(steps, values, color=ACCENT, lw=0.7, alpha=0.35)
            axes.plot(steps, _smooth(values), color=ACCENT, lw=1.4)
            axes.set_title(name.removeprefix("loss/").replace("_", " "))
            axes.locator_params(nbins=4)
            axes.margins(x=0.01)
        figure.tight_layout()
        return _svg(figure)


def _smooth(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the running mean over a centered window that shrinks at both ends; NaN values are skipped."""
    radius = max(1, round(SMOOTHING * len(values)))
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    left = np.maximum(np.arange(len(values)) - radius, 0)
    right = np.minimum(np.arange(len(values)) + radius + 1, len(values))
    number = counts[right] - counts[left]
    return np.where(number > 0, (sums[right] - sums[left]) / np.maximum(number, 1), np.nan)
