"""Marks that write_marked writes and inspect reads, also if one of them is lost."""

import datetime
import json
import stat
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from swapcore.cli import main as cli
from swapcore.errors import ImageError, InputError
from swapcore.provenance import credentials
from swapcore.provenance.inspection import as_json, as_text, inspect_file
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, write_marked
from swapcore.provenance.payload import Payload, from_bits, to_bits

PROVENANCE = Provenance(
    action="swapped",
    model=ModelReference("swapcore", "3", "5a7b9c" + "00" * 29),
    ingredients=(Ingredient("source", "a.jpg", "01" * 32), Ingredient("template", "b.jpg", "02" * 32)),
)
WATERMARK = Payload("swapped", "5a7b9c")


def make_image(side_px: int = 256) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return cv2.resize(small, (side_px, side_px), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWAPCORE_CONFIG", str(tmp_path / "configuration"))
    return tmp_path / "configuration"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marked") / "image.png"
    write_marked(path, make_image(), PROVENANCE)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_both_marks_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    write_marked(path, make_image(), PROVENANCE)
    found = inspect_file(path)
    assert found.manifest is not None
    assert found.manifest.state == "Valid"
    assert found.manifest.self_made
    assert found.manifest.problems == ("signingCredential.untrusted",)
    assert found.manifest.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert found.manifest.provenance is not None
    facts = found.manifest.provenance
    assert (facts.action, facts.model.name, facts.model.version) == ("swapped", "swapcore", "3")
    assert facts.model.digest == PROVENANCE.model.digest
    assert [(i.role, i.name, i.sha256) for i in facts.ingredients] == [
        ("source", "a.jpg", "01" * 32),
        ("template", "b.jpg", "02" * 32),
    ]
    assert found.watermark == WATERMARK


def test_the_manifest_lists_the_ingredients_by_hash(marked: Path) -> None:
    import c2pa

    with c2pa.Reader(str(marked)) as reader:
        document = json.loads(reader.json())
    active = document["manifests"][document["active_manifest"]]
    assert [(i["title"], i["relationship"], i["instance_id"]) for i in active["ingredients"]] == [
        ("a.jpg", "inputTo", f"urn:sha256:{'01' * 32}"),
        ("b.jpg", "parentOf", f"urn:sha256:{'02' * 32}"),
    ]
    assert not any("thumbnail" in part for part in [active, *active["ingredients"]])


def test_the_manifest_of_an_anonymized_image_names_no_file(tmp_path: Path) -> None:
    who = Provenance("anonymized", PROVENANCE.model, (Ingredient("template", "anna-smith.jpg", "02" * 32),))
    write_marked(tmp_path / "p.jpg", make_image(), who)
    assert b"anna" not in (tmp_path / "p.jpg").read_bytes()


def test_a_changed_file_is_invalid_and_its_watermark_is_still_read(marked: Path, tmp_path: Path) -> None:
    data = bytearray(marked.read_bytes())
    data[-100] ^= 1  # in the pixels, before IEND
    broken = tmp_path / "broken.jpg"
    PIL.Image.open(marked).save(broken)
    assert inspect_file(broken).manifest is None
    assert inspect_file(broken).watermark == WATERMARK
    write_marked(broken, make_image(), PROVENANCE, overwrite=True)
    data = bytearray(broken.read_bytes())
    data[-200] ^= 1
    broken.write_bytes(data)
    found = inspect_file(broken)
    assert found.is_broken
    assert found.manifest is not None
    assert "assertion.dataHash.mismatch" in found.manifest.problems
    assert "INVALID" in as_text(found)


def test_a_manifest_moved_to_another_image_is_invalid(marked: Path, tmp_path: Path) -> None:
    """The manifest's chunk is inserted into an image that it was not signed for."""
    data = marked.read_bytes()
    start = data.index(b"caBX") - 4
    chunk = data[start : start + 12 + int.from_bytes(data[start : start + 4], "big")]
    other = cv2.imencode(".png", make_image(200))[1].tobytes()
    (tmp_path / "other.png").write_bytes(other[:33] + chunk + other[33:])
    assert inspect_file(tmp_path / "other.png").is_broken


def test_a_tiny_image_has_the_manifest_only(tmp_path: Path) -> None:
    write_marked(tmp_path / "tiny.png", make_image(64), PROVENANCE)
    found = inspect_file(tmp_path / "tiny.png")
    assert found.manifest is not None
    assert found.watermark is None
    assert np.array_equal(np.asarray(PIL.Image.open(tmp_path / "tiny.png")), make_image(64))


def test_the_self_made_certificate_is_private_and_kept(configuration: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_marked(tmp_path / name, make_image(64), PROVENANCE)
    folder = configuration / "self-made"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert sorted(p.name for p in configuration.iterdir()) == ["self-made"]
    first, second = (inspect_file(tmp_path / name).manifest for name in ("a.png", "b.png"))
    assert first is not None
    assert second is not None
    assert first.signer == second.signer == credentials.SELF_MADE


def test_a_second_process_uses_the_certificate_of_the_first(configuration: Path) -> None:
    folder = configuration / "self-made"
    credentials.make_credentials(folder)
    before = (folder / "key.pem").read_bytes()
    credentials.make_credentials(folder)
    assert (folder / "key.pem").read_bytes() == before
    assert sorted(p.name for p in configuration.iterdir()) == ["self-made"]


def test_the_users_certificate_is_used_and_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "SELF_MADE", "Example Studio")
    credentials.make_credentials(tmp_path / "own")
    monkeypatch.setenv(credentials.CERTIFICATE_VARIABLE, str(tmp_path / "own" / "certificate.pem"))
    monkeypatch.setenv(credentials.KEY_VARIABLE, str(tmp_path / "own" / "key.pem"))
    write_marked(tmp_path / "p.png", make_image(64), PROVENANCE)
    found = inspect_file(tmp_path / "p.png").manifest
    assert found is not None
    assert (found.state, found.signer, found.self_made) == ("Valid", "Example Studio", False)
    monkeypatch.setenv("SWAPCORE_TRUST_ANCHORS", str(tmp_path / "own" / "certificate.pem"))
    found = inspect_file(tmp_path / "p.png").manifest
    assert found is not None
    assert (found.state, found.problems) == ("Trusted", ())


def wrong_certificate(tmp_path: Path) -> tuple[str, str]:
    credentials.make_credentials(tmp_path / "own")
    return str(tmp_path / "own" / "certificate.pem"), str(tmp_path / "own" / "key.pem")


@pytest.mark.parametrize("wrong", ["no key", "missing", "no PEM", "key of another", "curve", "expired", "anchors"])
def test_a_certificate_that_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "expired":
        monkeypatch.setattr(credentials, "_VALID", datetime.timedelta(seconds=-5))
    certificate, key = wrong_certificate(tmp_path)
    if wrong == "no PEM":
        Path(certificate).write_text("hello")
    if wrong == "missing":
        Path(key).unlink()
    if wrong in {"key of another", "curve"}:
        curve = ec.SECP256K1() if wrong == "curve" else ec.SECP256R1()
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        Path(key).write_bytes(ec.generate_private_key(curve).private_bytes(*form))
    monkeypatch.setenv(credentials.CERTIFICATE_VARIABLE, certificate)
    if wrong == "anchors":
        monkeypatch.setenv("SWAPCORE_TRUST_ANCHORS", str(tmp_path / "nowhere"))
    if wrong != "no key":
        monkeypatch.setenv(credentials.KEY_VARIABLE, key)
    path = tmp_path / "p.png"
    if wrong == "anchors":
        write_marked(path, make_image(64), PROVENANCE)
    with pytest.raises(InputError) as caught:
        inspect_file(path) if wrong == "anchors" else write_marked(path, make_image(64), PROVENANCE)
    assert "\n" not in str(caught.value)
    assert path.exists() == (wrong == "anchors")


@pytest.mark.parametrize("action", ["swapped", "anonymized", "video"])
def test_the_payload_round_trips(action) -> None:
    bits = to_bits(Provenance(action, ModelReference("m", None, "00ffee" + "0" * 58), ()))
    assert from_bits(bits) == Payload(action, "00ffee")


def test_a_payload_of_another_version_is_ignored() -> None:
    assert from_bits(1 << 26) is None
    assert from_bits(3 << 24) is None


def inspect(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["inspect", *words])
    return int(ended.value.code or 0)


def test_the_command_tells_both_and_ends_by_what_it_found(
    marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, text, broken = tmp_path / "plain.png", tmp_path / "text.jpg", tmp_path / "broken.png"
    cv2.imwrite(str(plain), make_image())
    text.write_text("no picture")
    data = bytearray(marked.read_bytes())
    data[data.index(b"swapped")] ^= 1
    broken.write_bytes(data)
    assert inspect(str(marked)) == 0
    out = capsys.readouterr().out
    for said in (
        "Self-made by swapcore, not trusted",
        "signer not trusted",
        "model swapcore version 3",
        "5a7b9c…",
        "01" * 32,
    ):
        assert said in out
    assert inspect(str(marked), str(plain)) == 10
    assert "manifest   none" in capsys.readouterr().out
    assert inspect(str(marked), str(plain), str(text)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert inspect("--json", str(marked), str(plain)) == 10
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == as_json(inspect_file(marked))
    assert first["manifest"]["provenance"]["ingredients"][1]["name"] == "b.jpg"
    assert (second["manifest"], second["watermark"]) == (None, None)


def test_what_is_no_photograph(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        inspect_file(tmp_path / "nothing.png")
