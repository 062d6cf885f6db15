import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from swapcore.errors import ArtifactError
from swapcore.synth.layers import Part
from swapcore.synth.truth_file import (
    TRUTH,
    TruthFiles,
    TruthWriter,
    decode_truth,
    encode_depth,
    encode_parts,
    read_truth,
)

PARTS = np.array([[part] * 12 for part in Part], np.uint8)
DEPTH = np.linspace(40.0, 430.0, 144, dtype=np.float32).reshape(12, 12)
DEPTH[0] = np.inf


def test_masks_and_depth_come_back_and_encode_to_the_same_bytes() -> None:
    parts, depth = encode_parts(PARTS), encode_depth(DEPTH)
    truth = decode_truth(parts, depth)
    assert np.array_equal(truth.parts, PARTS)
    assert np.isinf(truth.depth[0]).all()
    np.testing.assert_allclose(truth.depth[1:], DEPTH[1:], atol=0.0051, rtol=0)
    assert (encode_parts(truth.parts), encode_depth(truth.depth)) == (parts, depth)


def test_any_reader_gets_part_numbers_and_tenths_of_a_millimetre() -> None:
    indexed, gray = (PillowImage.open(io.BytesIO(data)) for data in (encode_parts(PARTS), encode_depth(DEPTH)))
    assert indexed.mode == "P"
    assert indexed.getpixel((0, int(Part.LIP))) == Part.LIP
    assert len({indexed.convert("RGB").getpixel((0, int(part))) for part in Part}) == len(Part)
    assert gray.getpixel((0, 0)) == 0
    assert gray.getpixel((11, 11)) == 43_000


def test_a_missing_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"{TRUTH}: no such file; synthesize with write_truth: true"):
        next(read_truth(tmp_path))
    with TruthWriter(tmp_path) as writer:
        writer.add(TruthFiles("person-00000/0000.png", encode_parts(PARTS), encode_depth(DEPTH)))
    assert [file for file, _ in read_truth(tmp_path)] == ["person-00000/0000.png"]
    (tmp_path / TRUTH).write_bytes((tmp_path / TRUTH).read_bytes()[:1100])
    with pytest.raises(ArtifactError, match=f"{TRUTH}: is damaged"):
        list(read_truth(tmp_path))
