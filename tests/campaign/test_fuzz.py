"""The targets of the fuzzing tool: valid input is read, and damaged input gives a result or the package's own error."""

import importlib.util
import subprocess
import sys

import pytest

from tests.campaign import fuzz
from tests.campaign.folders import seeded
from tests.campaign.fuzz_targets import ROOT, TARGETS, parse

REFUSED = {"tflite": [1, 2], "dlib": [], "signed": []}
"""Target -> the seeds that are no whole file."""


def test_the_tool_has_every_target():
    assert set(fuzz.TARGETS) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_valid_input_is_read(name):
    for number, seed in enumerate(TARGETS[name].seeds()):
        assert len(seed) <= TARGETS[name].max_bytes
        if number not in REFUSED.get(name, []):
            TARGETS[name].parse(seed)


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "watermark"])
def test_damaged_input_gives_a_result_or_the_packages_own_error(name):
    rng = seeded(len(name))
    for seed in TARGETS[name].seeds():
        for _ in range(40):
            data = bytearray(seed)
            for _ in range(int(rng.integers(1, 6))):
                place = int(rng.integers(len(data) + 1))
                data[place : place + int(rng.integers(3))] = rng.bytes(int(rng.integers(3)))
            parse(name, bytes(data))


FOUND = {
    "weights of another number of dimensions": (
        "tflite",
        "01000c00000008000000f0000000020000007800000004000000a891ffff100000001000b9b9b9b9b8b9b9b9b9b9b9b9b974"
        "65637465642062626f7862626f7800009002",
    ),
}  # fmt: skip
"""Inputs that fuzzing found, in hex."""


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_stays_repaired(what):
    name, data = FOUND[what]
    parse(name, bytes.fromhex(data))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is an optional dependency")
def test_the_tool_counts_executions(tmp_path):
    words = ["--seconds", "2", "--target", "payload", "--found", str(tmp_path / "found")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.fuzz", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[1]) > 100
    assert "0 findings" in done.stdout
