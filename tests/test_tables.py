"""Typed rows in Parquet."""

from dataclasses import dataclass, fields, make_dataclass

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.data.faces import FaceRow, QuarantineRow
from swapcore.data.groups import GroupRow, ImageRow
from swapcore.errors import ArtifactError
from swapcore.tables import read_table, schema_of, write_table


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
