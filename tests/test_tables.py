"""Typed rows in Parquet."""

from dataclasses import dataclass, fields, make_dataclass

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore import tables
from swapcore.cache import CACHE
from swapcore.data.faces import FaceRow, QuarantineRow
from swapcore.data.groups import GroupRow, ImageRow
from swapcore.errors import ArtifactError
from swapcore.tables import KeyedTable, TableWriter, open_table, read_table, schema_of, write_table


@dataclass(frozen=True)
class Row:
    name: str
    count: int
    share: float
    good: bool
    points: list[float]
    cosine: float | None


ROWS = st.builds(
    Row,
    name=st.text(st.characters(exclude_categories=["Cs"])),
    count=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False),
    good=st.booleans(),
    points=st.lists(st.floats(allow_nan=False)),
    cosine=st.none() | st.floats(allow_nan=False),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=5))
def test_rows_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    write_table(path, Row, rows)
    assert read_table(path, Row) == rows


def test_schema_by_hand():
    assert schema_of(Row) == pa.schema(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("share", pa.float64(), nullable=False),
            pa.field("good", pa.bool_(), nullable=False),
            pa.field("points", pa.list_(pa.float64()), nullable=False),
            pa.field("cosine", pa.float64(), nullable=True),
        ]
    )


@pytest.mark.parametrize("row_type", [FaceRow, QuarantineRow, GroupRow, ImageRow])
def test_every_row_of_the_project_has_a_schema(row_type):
    assert schema_of(row_type).names == [field.name for field in fields(row_type)]


def test_an_empty_table_keeps_its_schema(tmp_path):
    write_table(tmp_path / "t.parquet", Row, [])
    assert read_table(tmp_path / "t.parquet", Row) == []


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path):
    folder = tmp_path / "learning_rate=0.1" / "seed=3"
    folder.mkdir(parents=True)
    row = Row("a", 1, 0.5, True, [1.0], None)
    write_table(folder / "t.parquet", Row, [row])
    assert read_table(folder / "t.parquet", Row) == [row]


def test_same_rows_same_bytes(tmp_path):
    row = Row("a", 1, 0.5, True, [1.0], None)
    for name in ("a", "b"):
        write_table(tmp_path / name, Row, [row] * 3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_errors_are_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(ArtifactError, match="make the artifact again"):
        read_table(path, Row)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(ArtifactError, match="cannot be read") as error:
        read_table(path, Row)
    assert "\n" not in str(error.value)
    other = make_dataclass("Other", [("name", str)])
    write_table(path, other, [other("a")])
    with pytest.raises(ArtifactError, match="another version of swapcore"):
        read_table(path, Row)


def test_columns_with_a_default_may_be_missing(tmp_path):
    newer = make_dataclass("Newer", [("name", str), ("score", float | None, None)], frozen=True)
    older = make_dataclass("Older", [("name", str)], frozen=True)
    write_table(tmp_path / "t.parquet", older, [older("a")])
    assert read_table(tmp_path / "t.parquet", newer) == [newer("a")]
    write_table(tmp_path / "t.parquet", newer, [newer("a", 0.5)])
    assert read_table(tmp_path / "t.parquet", newer) == [newer("a", 0.5)]
    with pytest.raises(ArtifactError, match="another version"):
        read_table(tmp_path / "t.parquet", older)


@dataclass(frozen=True)
class Keyed:
    key: str
    kind: str
    numbers: list[float]


KEYED = [Keyed(f"k{i}", "ab"[i % 2], [float(i), 0.5 * i]) for i in range(100)]


@pytest.fixture(params=["in memory", "mapped"])
def keyed(request, tmp_path, monkeypatch):
    """A table of several row groups, opened in both ways."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "_ROWS_PER_GROUP", 16)
    monkeypatch.setattr(tables, "_MAPPED_BYTES", 0 if request.param == "mapped" else 10**9)
    write_table(tmp_path / "t.parquet", Keyed, KEYED)
    table = open_table(tmp_path / "t.parquet", Keyed, "digest")
    assert (tmp_path / "cache" / "t-digest.arrow").exists() == (request.param == "mapped")
    return table


def test_a_table_is_a_sequence_of_rows(keyed):
    assert len(keyed) == 100
    assert list(keyed) == KEYED
    assert keyed == KEYED
    assert keyed != KEYED[1:]
    assert [keyed[0], keyed[17], keyed[-1]] == [KEYED[0], KEYED[17], KEYED[-1]]
    assert keyed[10:40:7] == KEYED[10:40:7]
    with pytest.raises(IndexError):
        keyed[100]


def test_columns_and_values(keyed):
    assert keyed.column("key") == [row.key for row in KEYED]
    assert [keyed.value("kind", i) for i in (0, 33)] == ["a", "b"]
    assert [keyed.vector("numbers", i).tolist() for i in (0, 15, 16, 99)] == [KEYED[i].numbers for i in (0, 15, 16, 99)]
    codes, names = keyed.codes("kind")
    assert names == ["a", "b"]
    assert codes.tolist() == [0, 1] * 50


def test_rows_by_key(keyed):
    by_key = KeyedTable(keyed)
    assert [by_key.index(row.key) for row in KEYED] == list(range(100))
    assert by_key["k42"] == KEYED[42]
    assert list(by_key) == [row.key for row in KEYED]
    assert "k100" not in by_key


def test_a_mapped_table_is_converted_once_and_not_mixed_up(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "_MAPPED_BYTES", 0)
    path = tmp_path / "t.parquet"
    write_table(path, Keyed, KEYED[:10])
    open_table(path, Keyed, "one")
    converted = (tmp_path / "cache" / "t-one.arrow").stat().st_mtime_ns
    write_table(path, Keyed, KEYED[10:])
    assert len(open_table(path, Keyed, "two")) == 90  # other content, other file
    assert [file.name for file in sorted((tmp_path / "cache").glob("*.arrow"))] == ["t-one.arrow", "t-two.arrow"]
    assert converted <= (tmp_path / "cache" / "t-two.arrow").stat().st_mtime_ns
    with pytest.raises(ArtifactError, match="another version of swapcore"):
        open_table(path, Row, "three")


def test_a_writer_holds_one_row_group(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_PER_GROUP", 16)
    with TableWriter(tmp_path / "t.parquet", Keyed) as writer:
        for row in KEYED:
            writer.add(row)
            assert len(writer._rows) < 16
    assert read_table(tmp_path / "t.parquet", Keyed) == KEYED
