"""The package's own parsers as functions of bytes, each with valid input to start from."""

import atexit
import functools
import io
import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import c2pa
import numpy as np

from swapcore.config import NetworkParams, read_params
from swapcore.data.artifact import CARD, read_card_file
from swapcore.data.consent import CONSENT, read_consent
from swapcore.data.manifests import LIST, read_manifest
from swapcore.data.recognizer_file import RECOGNIZER, read_recognizer_file
from swapcore.errors import SwapcoreError
from swapcore.faces.dlib_weights import LAYER_COUNTS, read_dlib_weights
from swapcore.faces.mesh.files import SHORT_RANGE, locate
from swapcore.faces.mesh.flatbuffer import read_flexbuffer
from swapcore.faces.mesh.tflite import TfliteNetwork
from swapcore.files import fit_name, printable, to_text
from swapcore.inference.batch import JOURNAL, SwapRow
from swapcore.inference.journal import Journal
from swapcore.models.artifact import CONFIGURATION, ModelConfiguration, read_configuration
from swapcore.ops.image import encode_png
from swapcore.provenance import inspection, manifest, watermark
from swapcore.provenance.credentials import signing_credentials
from swapcore.provenance.facts import Ingredient, ModelReference, Provenance
from swapcore.provenance.payload import from_bits
from swapcore.provenance.watermark_code import NUM_CHIPS, from_chips

ROOT = Path(__file__).parents[2]
INGREDIENTS = (Ingredient("source", "a.png", "cd" * 32), Ingredient("template", "b.png", "ef" * 32))
PROVENANCE = Provenance("swapped", ModelReference("model", "3", "ab" * 32), INGREDIENTS)


@dataclass(frozen=True)
class Target:
    """A parser of bytes."""

    parse: Callable[[bytes], object]
    """Returns, or raises a SwapcoreError; everything else is a finding."""
    seeds: Callable[[], list[bytes]]
    max_bytes: int = 2000


@functools.cache
def place() -> Path:
    """Folder for the files of this process, in memory where the system has such a folder."""
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="fuzz-", dir=shared if shared.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def from_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """A parser of bytes from one that reads a file."""

    def parse(data: bytes) -> object:
        path = place() / name
        path.write_bytes(data)
        return read(path)

    return parse


def edited(whole: bytes, data: bytes) -> bytes:
    """Apply edits to a valid file, so that small inputs reach all of a large one.

    Args:
        whole: the valid file.
        data: edits of four bytes each: three for the position, one for the new value.
    """
    changed = bytearray(whole)
    for start in range(0, len(data) - 3, 4):
        position = int.from_bytes(data[start : start + 3], "big")
        changed[position % len(changed)] = data[start + 3]
    return bytes(changed)


# TensorFlow Lite and FlexBuffers.


def tflite(data: bytes) -> object:
    whole = locate(SHORT_RANGE).read_bytes()
    # The first byte chooses between edits of a network and bytes of one's own.
    content = data[1:] if data[:1] == b"\0" else edited(whole, data[1:])
    return from_file(TfliteNetwork, "n.tflite")(content)


def flexbuffer(data: bytes) -> object:
    try:
        return read_flexbuffer(data)
    except (
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
        struct.error,
    ):  # which TfliteNetwork turns into its error
        return None


# dlib's weights.


def dlib_integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def dlib_network() -> bytes:
    """A valid weights file whose layers have one channel."""
    number = dlib_integer

    def text(value: str) -> bytes:
        return number(len(value)) + value.encode()

    def tensor(*values: float) -> bytes:
        shape = (1, 1, 1, len(values)) if values else (0, 0, 0, 0)
        return b"".join(map(number, (2, *shape))) + np.asarray(values, "<f4").tobytes()

    alias = b"".join(map(number, (1, 1, 1, 1, 1)))
    real = number(0) + number(0)
    ones = b"".join(map(number, [1] * 6))
    body = {
        "con_4": tensor(1, 2) + b"".join(map(number, (1, 1, 1, 1, 1, 0, 0))) + 2 * alias + 4 * real,
        "affine_": tensor(1, 2) + 2 * alias + number(0),
        "fc_2": number(1) + number(1) + tensor(1) + 2 * alias + number(1) + 4 * real,
        "avg_pool_2": ones,
        "max_pool_2": ones,
    }
    after = b"000" + 3 * tensor()
    kinds = [kind for kind, count in LAYER_COUNTS.items() for _ in range(count) if kind != "affine_"]
    kinds = [each for kind in kinds for each in ([kind, "affine_"] if kind == "con_4" else [kind])]
    layers = [
        text(kind) + body.get(kind, b"") + after + (number(1) if place == 0 else b"")
        for place, kind in enumerate(kinds)
    ]
    head = (
        number(1)
        + text("loss_metric_2")
        + 2 * real
        + text("input_rgb_image_sized")
        + 3 * real
        + number(150)
        + number(150)
    )
    return head + b"".join(layers)


def dlib(data: bytes) -> object:
    content = data[1:] if data[:1] == b"\0" else edited(dlib_network(), data[1:])
    return from_file(read_dlib_weights, "w.dat")(content)


# Text files.


def photographs(data: bytes) -> object:
    folder = place() / "list"  # a folder without consent.csv and other files
    folder.mkdir(exist_ok=True)
    (folder / LIST).write_bytes(data)
    return read_manifest(folder / LIST)


def journal(data: bytes) -> object:
    (place() / JOURNAL).write_bytes(data)
    rows = Journal(place() / JOURNAL, SwapRow)
    before = list(rows.rows)
    with rows:
        pass
    assert Journal(place() / JOURNAL, SwapRow).rows == before, "rows that were written differ from those that were read"
    return before


def journal_seeds() -> list[bytes]:
    path = place() / "seed.csv"
    with Journal(path, SwapRow) as rows:
        rows.add(SwapRow("a\r\n,\"b'.png", "a.png", "swapped", "", "", 1, "ab", "cd", "ef", "one"))
        rows.add(SwapRow("b.png", "", "refused", "no-face", "é", 0, "", "cd", "ef", "one"))
    return [path.read_bytes()]


CARD_TEXT = json.dumps({"kind": "faces", "swapcore_version": "1", "params": {"a": [1, None]}, "inputs": {"photographs": "ab"},
                        "counts": {"faces": 3}, "rejections": {}, "facts": {}, "content": "cd"}).encode()  # fmt: skip
NETWORK = NetworkParams(kind="dlib", path=None, sha256=None).model_dump()
RECOGNIZER_TEXT = json.dumps({"network": NETWORK, "embedding_mean": [0.0, 1.5]}).encode()


def model_seeds() -> list[bytes]:
    shape = read_params(ROOT / "params.yaml").train.model
    configuration = ModelConfiguration(generator=shape, size_px=64, embedding_size=128, pooled_size=896)
    return [configuration.model_dump_json().encode()]


# Marks.


def provenance_document(data: bytes) -> object:
    """What a C2PA reader returns for a manifest that others wrote."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return shown(manifest.summarize(document))


def shown(found: manifest.Manifest | None) -> object:
    """Format a manifest as inspect does; nothing in it may print more than its own line."""
    result = inspection.Inspection(Path("a.png"), found, None)
    for line in inspection.as_text(result).split("\n"):
        assert line == printable(line), f"a line that is not printable: {line!r}"
    return json.dumps(inspection.as_json(result))


def signed_png(data: bytes) -> object:
    content = data[1:] if data[:1] == b"\0" else edited(signed(), data[1:])
    return shown(manifest.read(content, "image/png"))


@functools.cache
def signed() -> bytes:
    png = encode_png(np.zeros((8, 8, 3), np.uint8))
    return manifest.sign(png, "image/png", PROVENANCE, signing_credentials(), watermarked=False)


def document_seeds() -> list[bytes]:
    text = c2pa.Reader("image/png", io.BytesIO(signed())).json()
    return [json.dumps(json.loads(text)).encode()]


def payload(data: bytes) -> object:
    found = from_bits(int.from_bytes(data[:4], "big") & (2**28 - 1))
    soft = np.resize(np.frombuffer(data[4:] or b"\0", np.int8).astype(float), NUM_CHIPS)
    decoded = from_chips(soft)
    assert decoded is None or 0 <= decoded < 2**28
    return found


def watermark_image(data: bytes) -> object:
    """An image whose pixels repeat the bytes; the first two give its size."""
    if len(data) < 3:
        return None
    height, width = 1 + data[0], 1 + data[1]
    found = watermark.read(np.resize(np.frombuffer(data[2:], np.uint8), (height, width, 3)))
    return found and from_bits(found.payload)


def marked_seeds() -> list[bytes]:
    image = np.random.default_rng(0).integers(90, 160, (168, 176, 3), dtype=np.uint8)
    return [bytes([167, 175]) + watermark.embed(image, 0x123456).tobytes(), bytes([59, 255]) + b"ab" * 99]


def names(data: bytes) -> object:
    name = data.decode(errors="surrogateescape")
    to_text(name).encode()
    assert "\n" not in printable(name)
    assert len(fit_name(name, ".", ".partial").encode(errors="surrogateescape")) <= 255
    return None


def tflite_seeds() -> list[bytes]:
    return [b"\1", b"\1\0\0\x40\1\0\0\x90\2", b"\0" + locate(SHORT_RANGE).read_bytes()[:1500]]


FLEXBUFFERS = [bytes([1, 2, 3, 3, 1, 0, 4, 4, 4, 5, 40, 1]), b"a\0b\0\2\4\3\1\2\7\1\2\5\4\6\x25\1"]
CONSENTS = [
    b"identity,basis,licence,expires\nanna,signed,none,2030-12-31\n*,a,b,31/12/2030\n",
    'identity;basis;license;expires\r\n"an\nna";x;;1 Jan 2030\r\n'.encode("utf-16"),
]
LISTS = [b"file,identity,split\na/1.png,anna,train\nb\\..\\1.png,ben,\n", b"sep=;\nidentity;file\nx;y\n"]


def in_folder(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """A reader of a file from one that takes the file's folder."""
    return lambda path: read(path.parent)


TARGETS = {
    "tflite": Target(tflite, tflite_seeds),
    "flexbuffer": Target(flexbuffer, lambda: FLEXBUFFERS, 400),
    "dlib": Target(dlib, lambda: [b"\1", b"\0" + dlib_network()], 9000),
    "consent": Target(from_file(in_folder(read_consent), CONSENT), lambda: CONSENTS),
    "photographs": Target(photographs, lambda: LISTS),
    "params": Target(from_file(read_params, "params.yaml"), lambda: [(ROOT / "params.yaml").read_bytes()], 9000),
    "journal": Target(journal, journal_seeds),
    "card": Target(from_file(lambda path: read_card_file(path, "faces"), CARD), lambda: [CARD_TEXT]),
    "recognizer": Target(from_file(in_folder(read_recognizer_file), RECOGNIZER), lambda: [RECOGNIZER_TEXT]),
    "model": Target(from_file(in_folder(read_configuration), CONFIGURATION), model_seeds),
    "manifest": Target(provenance_document, document_seeds, 8000),
    "signed": Target(signed_png, lambda: [b"\1", b"\0" + signed()], 20_000),
    "payload": Target(payload, lambda: [bytes(388)], 400),
    "watermark": Target(watermark_image, marked_seeds, 100_000),
    "names": Target(names, lambda: ["é\n\u202e👩\u200d🚀".encode(), b"caf\xe9" * 70], 600),
}
"""Name -> parser."""


def parse(name: str, data: bytes) -> None:
    """Parse; the package's own errors are right."""
    try:
        TARGETS[name].parse(data)
    except SwapcoreError as error:
        printable(str(error)).encode()  # as the command line prints it
