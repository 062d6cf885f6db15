"""Images in tar shards: at random through their places, and by any tar or webdataset reader."""

import io
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.data.shards import Place, ShardReader, ShardWriter
from swapcore.errors import ArtifactError
from swapcore.ops.image import decode


def random_image(seed, size=20):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def write(folder, count, **options):
    with ShardWriter(folder, **options) as writer:
        return [writer.add(f"key{i:03d}", random_image(i)) for i in range(count)]


def test_what_was_written_is_read_at_random(tmp_path):
    places = write(tmp_path, 5)
    reader = ShardReader(tmp_path)
    for i in (3, 0, 4, 1, 2):
        np.testing.assert_array_equal(reader.read(places[i]), random_image(i))


@given(st.lists(st.binary(min_size=0, max_size=2000), min_size=1, max_size=8))
def test_any_bytes_come_back(tmp_path_factory, blobs):
    folder = tmp_path_factory.mktemp("shards")
    with ShardWriter(folder) as writer:
        places = [writer.add_bytes(f"{i}.bin", blob) for i, blob in enumerate(blobs)]
    assert [ShardReader(folder).read_bytes(place) for place in places] == blobs


def test_a_new_shard_when_one_is_full(tmp_path):
    with ShardWriter(tmp_path, max_megabytes=1) as writer:
        places = [writer.add_bytes(f"{i}.bin", bytes(400_000)) for i in range(7)]
    assert [place.shard for place in places] == [f"shard-{i // 3:05d}.tar" for i in range(7)]
    assert ShardReader(tmp_path).read_bytes(places[6]) == bytes(400_000)


def test_a_tar_reader_sees_the_same(tmp_path):
    write(tmp_path, 3)
    with tarfile.open(tmp_path / "shard-00000.tar") as tar:
        assert tar.getnames() == ["key000.png", "key001.png", "key002.png"]
        np.testing.assert_array_equal(decode(tar.extractfile("key001.png").read()), random_image(1))


def test_webdataset_reads_a_shard(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    write(tmp_path, 4)
    dataset = webdataset.WebDataset(str(tmp_path / "shard-00000.tar"), shardshuffle=False).decode("rgb8")
    samples = list(dataset)
    assert [sample["__key__"] for sample in samples] == [f"key{i:03d}" for i in range(4)]
    for i, sample in enumerate(samples):
        np.testing.assert_array_equal(sample["png"], random_image(i))


def test_same_images_same_bytes(tmp_path):
    write(tmp_path / "a", 3)
    write(tmp_path / "b", 3)
    assert (tmp_path / "a/shard-00000.tar").read_bytes() == (tmp_path / "b/shard-00000.tar").read_bytes()


@pytest.mark.parametrize("key", ["a.b", "a/b"])
def test_a_key_that_webdataset_would_split_is_refused(tmp_path, key):
    with ShardWriter(tmp_path) as writer, pytest.raises(ValueError, match="must not contain a dot or slash"):
        writer.add(key, random_image(0))


def test_damage_is_one_line(tmp_path):
    (place,) = write(tmp_path, 1)
    reader = ShardReader(tmp_path)
    with pytest.raises(ArtifactError, match=r"shard-00009\.tar: No such file"):
        reader.read(Place("shard-00009.tar", 0, 1))
    with pytest.raises(ArtifactError, match="ends before byte"):
        reader.read(Place(place.shard, place.offset, 10**9))
    with pytest.raises(ArtifactError, match="damaged at byte 0"):
        reader.read(Place(place.shard, 0, 100))


def test_decode_refuses_what_is_no_image():
    with pytest.raises(ValueError, match="not a readable image"):
        decode(io.BytesIO(b"nothing").getvalue())
