"""Parsers of our own on damaged data: an error of the package or a result, never another error or a hang."""

import contextlib
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.config import NetworkParams, read_params
from swapcore.data.artifact import CARD, read_card_file
from swapcore.data.consent import CONSENT, read_consent
from swapcore.data.recognizer_file import RECOGNIZER, read_recognizer_file
from swapcore.errors import SwapcoreError
from swapcore.evaluation.metrics_file import METRICS_FILE, read_metrics
from swapcore.faces.dlib_weights import RECOGNIZER_FILE, package_file, read_dlib_weights
from swapcore.faces.mesh.files import SHORT_RANGE, locate
from swapcore.faces.mesh.flatbuffer import read_flexbuffer
from swapcore.faces.mesh.tflite import TfliteNetwork
from swapcore.files import fit_name, printable, to_text
from swapcore.hub.references import NAMED, resolve_model
from swapcore.inference.batch import JOURNAL, SwapRow
from swapcore.inference.journal import Journal
from swapcore.models.artifact import CONFIGURATION, read_configuration
from swapcore.provenance import watermark
from swapcore.provenance.payload import from_bits

PARAMS = (Path(__file__).parents[1] / "params.yaml").read_text()
NAMES = st.text(st.characters(), max_size=300)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("parsers")


@given(data=st.binary(max_size=400))
def test_consent(place, data):
    (place / CONSENT).write_bytes(b"identity,basis,licence,expires\n" + data)
    with contextlib.suppress(SwapcoreError):
        read_consent(place)


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, len(PARAMS)), length=st.integers(0, 60), text=st.text(max_size=20))
def test_params(place, first, length, text):
    path = place / "params.yaml"
    path.write_bytes((PARAMS[:first] + text + PARAMS[first + length :]).encode(errors="surrogatepass"))
    with contextlib.suppress(SwapcoreError):
        read_params(path)


@given(data=st.binary(max_size=400))
def test_journal(place, data):
    path = place / JOURNAL
    with Journal(path, SwapRow):
        pass
    path.write_bytes(path.read_bytes() + data)
    with contextlib.suppress(SwapcoreError):
        Journal(path, SwapRow)
    path.unlink()


@pytest.fixture(scope="module")
def network() -> bytes:
    return locate(SHORT_RANGE).read_bytes()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), header=st.booleans())
def test_tflite_reader(place, network, seed, header):
    rng = np.random.default_rng(seed)
    data = bytearray(network)
    for position in rng.integers(0, 4000 if header else len(data), 8):
        data[position] = int(rng.integers(256))
    (place / "n.tflite").write_bytes(data[: int(rng.integers(1, len(data)))] if rng.random() < 0.3 else data)
    with contextlib.suppress(SwapcoreError):
        TfliteNetwork(place / "n.tflite")


@given(data=st.binary(max_size=80))
def test_flexbuffers(data):
    with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError, struct.error):
        read_flexbuffer(data)


@pytest.fixture(scope="module")
def weights() -> bytes:
    return package_file(RECOGNIZER_FILE).read_bytes()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_dlib_weights_reader(place, weights, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(weights)
    for position in rng.integers(0, 3000, 4):
        data[position] = int(rng.integers(256))
    (place / "w.dat").write_bytes(data)
    with contextlib.suppress(SwapcoreError):
        read_dlib_weights(place / "w.dat")


@given(st.integers(0, 2**28 - 1))
def test_payload(bits):
    found = from_bits(bits)
    assert found is None or len(found.model) == 6


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200), seed=st.integers(0, 99))
def test_watermark_reader(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert watermark.read(image) is None


@given(NAMES)
def test_names_as_text(name):
    to_text(name).encode()
    assert "\n" not in printable(name)
    printable(name).encode()
    if "\0" not in name and "/" not in name and not any(0xD800 <= ord(each) <= 0xDFFF for each in name):
        assert len(fit_name(name, ".", ".partial").encode()) <= 255


HUGE = "1" + "0" * 400
JSON = [
    "", "[]", "3", "null", '"x"', "{", "\ud800", '{"a": 1}', "[" * 100_000, "9" * 5000, f'{{"embedding_mean": [{HUGE}]}}',
    '{"format": [], "generator": {}}', '{"network": 3, "embedding_mean": {}}', '{"name": 1}', f'{{"identity/top1": {HUGE}}}',
]  # fmt: skip
READERS = {
    CARD: lambda folder: read_card_file(folder / CARD, "faces"),
    RECOGNIZER: read_recognizer_file,
    CONFIGURATION: read_configuration,
    METRICS_FILE: read_metrics,
    NAMED: resolve_model,
}
"""File of an artifact -> what reads it."""


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", JSON, ids=lambda text: text[:12])
def test_json_that_is_valid_or_not_gives_the_packages_own_error(tmp_path, name, text, model):
    if name == NAMED:  # it is read after a valid model.json
        shutil.copy(model / CONFIGURATION, tmp_path)
    network = NetworkParams(kind="dlib", path=None, sha256=None).model_dump()
    text = text.replace('{"embedding_mean"', json.dumps({"network": network})[:-1] + ', "embedding_mean"')
    (tmp_path / name).write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(SwapcoreError):
        READERS[name](tmp_path)
