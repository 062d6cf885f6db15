"""The collected cases through the commands themselves: `swap` and `video`, with the right result of each."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from swapcore.cli import main as cli
from swapcore.data.images import read_photograph
from swapcore.video.reading import read_frames
from tests.video.clips import facts, times_of

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not part of the repository"),
]

PATCHES = np.array([(230, 20, 20), (20, 200, 30), (30, 40, 230), (230, 220, 20)])
"""Of the images."""
VIDEO_PATCHES = np.array([(220, 30, 30), (30, 180, 40), (40, 50, 220), (220, 210, 40)])
LEFT, TOP, SIDE, STEP = 235, 12, 55, 48
"""Place of the patches in a frame of 320 x 240 px, without their borders."""
SIZES = {"sar.mp4": (456, 240), "odd.mp4": (319, 239), "hd709.mp4": (1280, 720)}
WARNINGS = {
    "cover.mp4": "streams that the result does not have: 1 video",
    "mulaw.avi": "cannot hold its sound; it is encoded as AAC", "hdrpq.mp4": "tone-mapped to SDR", "hlg.mp4": "tone-mapped to SDR",
    "resize.ts": "the size changes to", "fragtrunc.mp4": "cut off or damaged",
}  # fmt: skip
"""Case -> what is said of it."""
NAMES = (
    sorted(path.name for path in CASES.iterdir() if path.suffix in {".mp4", ".ts", ".avi"}) if CASES.is_dir() else []
)


def run(*words: object) -> int:
    try:
        cli.main(list(map(str, words)))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.parametrize("name", NAMES)
def test_a_video_keeps_what_players_show(tmp_path, name, copying_model, caplog):
    out = tmp_path / "out.mp4"
    with caplog.at_level(logging.WARNING):
        assert run("video", CASES / "source.png", CASES / name, "-o", out, "--model", copying_model) == 0
    assert WARNINGS.get(name, "") in caplog.text
    assert name in WARNINGS or not caplog.records
    found = facts(out)
    assert found["size"] == SIZES.get(name, (320, 240))
    assert found["shape"] in {None, Fraction(0), Fraction(1)}
    assert 0 <= min(times_of(out)) <= Fraction(1, 20)
    before, after = (list(read_frames(path, quiet=True)) for path in (CASES / name, out))
    assert len(after) == len(before) > 1
    # The face is on the left; the patches on the right stay.
    width = before[0].image.shape[1]
    face = (slice(None), slice(0, width // 2))
    assert np.abs(after[0].image[face].astype(int) - before[0].image[face]).mean() > 1
    rest = (slice(None), slice(width * 7 // 10, None))
    assert np.abs(after[0].image[rest].astype(int) - before[0].image[rest]).mean() <= 2
    if name in {"ts10h.ts", "mulaw.avi"}:
        assert found["sounds"] == ["aac"]
    if name == "hd709.mp4":
        assert found["tags"] == (1, 1, 1, 1)


def patches(image: np.ndarray) -> np.ndarray:
    """Mean colors (4, 3) of the patches of a frame that is 320 x 240 px, or scaled from it."""
    down, across = image.shape[0] / 240, image.shape[1] / 320
    return np.array(
        [
            image[
                int((TOP + STEP * n) * down) : int((TOP + STEP * n + 30) * down),
                int(LEFT * across) : int((LEFT + SIDE) * across),
            ].mean((0, 1))
            for n in range(4)
        ]
    )


@pytest.mark.parametrize(
    "name", ["cover.mp4", "sar.mp4", "ts10h.ts", "odd.mp4", "resize.ts", "fragtrunc.mp4", "mulaw.avi"]
)
def test_colors_are_read_as_they_were_made(name):
    assert np.abs(patches(next(iter(read_frames(CASES / name))).image) - VIDEO_PATCHES).max() <= 6


@pytest.mark.parametrize("name", ["icc_p3.jpg", "icc_adobe.jpg"])
def test_a_swap_keeps_the_colors_of_a_profile(tmp_path, name, copying_model):
    out = tmp_path / "out.png"
    assert run("swap", CASES / "source.png", CASES / name, "-o", out, "--model", copying_model) == 0
    image = read_photograph(out).image
    for number, color in enumerate(PATCHES):
        patch = image[20 + 75 * number : 65 + 75 * number, 350:450].mean((0, 1))
        # JPEG rounded the stored colors; in dark channels one level there is several of sRGB.
        assert np.abs(patch - color)[color > 100].max() <= 3
        assert np.abs(patch - color).max() <= 7
