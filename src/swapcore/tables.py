"""Parquet tables with a dataclass as schema."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from swapcore.errors import ArtifactError, first_line

Row = TypeVar("Row")

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list[float]: pa.list_(pa.float64()),
    bytes: pa.binary(),
}


def schema_of(row_type: type[Any]) -> pa.Schema:
    """Return the Arrow schema of a dataclass; fields are str, int, float, bool, bytes or list[float], optionally | None."""
    fields = []
    for name, annotation in typing.get_type_hints(row_type).items():
        options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
        plain = [option for option in options if option is not type(None)]
        fields.append(pa.field(name, _ARROW[plain[0]], nullable=len(options) > len(plain)))
    return pa.schema(fields)


def write_table(path: Path, row_type: type[Row], rows: list[Row]) -> None:
    """Write rows of a dataclass; an empty list gives an empty table with the same schema."""
    records = [dataclasses.asdict(row) for row in rows]  # type: ignore[call-overload]
    pq.write_table(pa.Table.from_pylist(records, schema=schema_of(row_type)), path)


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """Read rows of a dataclass; columns that it has defaults for may be missing.

    Raises:
        ArtifactError: the file is missing or damaged, or has another schema.
    """
    try:
        # Without partitioning=None a parent folder with a name like a=b would become a column.
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise ArtifactError(f"{path}: cannot be read ({first_line(error)}); make the artifact again") from None
    if not table.schema.equals(_expected(row_type, set(table.schema.names))):
        raise ArtifactError(f"{path}: was written by another version of swapcore; make the artifact again")
    return [row_type(**record) for record in table.to_pylist()]


def _expected(row_type: type[Any], present: set[str]) -> pa.Schema:
    """The schema without those columns with a default that a table does not have: an earlier version did not write them."""
    without_default = {field.name for field in dataclasses.fields(row_type) if field.default is dataclasses.MISSING}
    return pa.schema([field for field in schema_of(row_type) if field.name in present | without_default])
