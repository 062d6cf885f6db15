"""Parquet tables with a dataclass as schema."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from swapcore.cache import cached_file
from swapcore.errors import ArtifactError, first_line
from swapcore.files import Closeable

Row = TypeVar("Row")
_ROWS_PER_GROUP = 8192
"""Rows that a writer holds in memory."""
_MAPPED_BYTES = 16_000_000
"""Larger tables are converted once to uncompressed Arrow columns, which all processes of a machine share."""

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


class TableWriter(Closeable, Generic[Row]):
    """Writes rows as they come, holding few of them in memory; equal rows give equal bytes."""

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        self._schema = schema_of(row_type)
        self._file = pq.ParquetWriter(path, self._schema)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Append a row."""
        self._rows.append(row)
        if len(self._rows) == _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        records = [dict(vars(row)) for row in self._rows]
        self._file.write_table(pa.Table.from_pylist(records, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        """Write the rest; the file is complete then."""
        if self._rows:
            self._flush()
        self._file.close()


def write_table(path: Path, row_type: type[Row], rows: typing.Iterable[Row]) -> None:
    """Write rows of a dataclass; no rows give an empty table with the same schema."""
    with TableWriter(path, row_type) as writer:
        for row in rows:
            writer.add(row)


def read_table(path: Path, row_type: type[Row]) -> list[Row]:
    """Read rows of a dataclass into memory; columns that it has defaults for may be missing.

    Raises:
        ArtifactError: the file is missing or damaged, or has another schema.
    """
    return list(open_table(path, row_type))


def open_table(path: Path, row_type: type[Row], digest: str | None = None) -> "Table[Row]":
    """Open a table whose rows are made when they are asked for.

    Args:
        path: the Parquet file.
        row_type: dataclass of a row.
        digest: identifies the content. A large table with a digest is memory-mapped from the cache.

    Raises:
        ArtifactError: the file is missing or damaged, or has another schema.
        InputError: there is no space for the cache.
    """
    try:
        file = pq.ParquetFile(path)
        _require_schema(path, file.schema_arrow, row_type)
        num_bytes = _arrow_bytes(file)
        data = (
            _mapped(file, path, digest, num_bytes) if digest is not None and num_bytes > _MAPPED_BYTES else file.read()
        )
    except (OSError, pa.ArrowException) as error:
        raise ArtifactError(f"{path}: cannot be read ({first_line(error)}); make the artifact again") from None
    return Table(data, row_type)


def _require_schema(path: Path, schema: pa.Schema, row_type: type[Any]) -> None:
    if not schema.equals(_expected(row_type, set(schema.names))):
        raise ArtifactError(f"{path}: was written by another version of swapcore; make the artifact again")


def _expected(row_type: type[Any], present: set[str]) -> pa.Schema:
    """The schema without those columns with a default that a table does not have: an earlier version did not write them."""
    without_default = {field.name for field in dataclasses.fields(row_type) if field.default is dataclasses.MISSING}
    return pa.schema([field for field in schema_of(row_type) if field.name in present | without_default])


def _arrow_bytes(file: pq.ParquetFile) -> int:
    """Return the size of the table in memory, estimated from its first rows; values that repeat make the file much smaller."""
    first = next(file.iter_batches(_ROWS_PER_GROUP), None)
    return first.nbytes * file.metadata.num_rows // len(first) if first else 0


def _mapped(file: pq.ParquetFile, path: Path, digest: str, num_bytes: int) -> pa.Table:
    """Memory-map the table's uncompressed columns, converted to the cache by the first process that needs them."""

    def write(target: Path) -> None:
        with pa.ipc.new_file(target, file.schema_arrow) as sink:
            for batch in file.iter_batches(_ROWS_PER_GROUP):
                sink.write_batch(batch)

    what, without = f"the index {path.name}", "use fewer images"
    cached = cached_file(f"{path.stem}-{digest[:32]}.arrow", num_bytes, write, what=what, without=without)
    return pa.ipc.open_file(pa.memory_map(str(cached))).read_all()


class Table(Sequence[Row], Generic[Row]):
    """Rows of a dataclass over Arrow columns, which are memory-mapped for a large table."""

    def __init__(self, data: pa.Table, row_type: type[Row]) -> None:
        self.data = data
        self._row_type = row_type
        self._batches = data.to_batches()
        self._starts = np.cumsum([0, *map(len, self._batches)])
        self._vectors: dict[str, list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]] = {}

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        batch, place = self._locate(range(len(self))[index])
        return self._row_type(**{name: batch[name][place].as_py() for name in batch.schema.names})

    def __iter__(self) -> Iterator[Row]:
        for batch in self.data.to_batches(_ROWS_PER_GROUP):
            yield from (self._row_type(**record) for record in batch.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _locate(self, index: int) -> tuple[pa.RecordBatch, int]:
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._batches[number], index - int(self._starts[number])

    def value(self, name: str, index: int) -> Any:
        """Return one value of a column."""
        batch, place = self._locate(index)
        return batch[name][place].as_py()

    def column(self, name: str) -> list[Any]:
        """Return all values of a column."""
        values: list[Any] = self.data[name].to_pylist()
        return values

    def vector(self, name: str, index: int) -> npt.NDArray[Any]:
        """Return one value of a column of lists without copying it, (K,)."""
        if name not in self._vectors:
            self._vectors[name] = [_lists(batch[name]) for batch in self._batches]
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        offsets, values = self._vectors[name][number]
        place = index - int(self._starts[number])
        return values[offsets[place] : offsets[place + 1]]

    def codes(self, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
        """Return a text column as numbers of its distinct values, in the order of their first appearance."""
        encoded = self.data[name].combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        return np.asarray(encoded.indices), encoded.dictionary.to_pylist()


def _equal(first: Any, second: Any) -> bool:
    return bool(first == second)


def _lists(column: pa.ListArray) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return offsets and flat values of a column of lists, without copying the values."""
    return np.asarray(column.offsets), column.values.to_numpy(zero_copy_only=False)


class KeyedTable(Mapping[str, Row], Generic[Row]):
    """A table as a mapping from its column "key" to rows; 12 bytes of memory for each row."""

    def __init__(self, table: Table[Row]) -> None:
        self.table = table

    @cached_property
    def _sorted_hashes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Return the hashes of all keys, sorted, and their rows."""
        keys = (key for batch in self.table.data["key"].chunks for key in batch.to_pylist())
        hashes = np.fromiter(map(hash, keys), np.int64, len(self.table))
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return hashes[order], order

    def index(self, key: str) -> int:
        """Return the number of a key's row.

        Raises:
            KeyError: there is no such row.
        """
        hashes, order = self._sorted_hashes
        place, own = int(np.searchsorted(hashes, hash(key))), hash(key)
        while place < len(hashes) and hashes[place] == own:
            if self.table.value("key", int(order[place])) == key:
                return int(order[place])
            place += 1
        raise KeyError(key)

    def __getitem__(self, key: str) -> Row:
        return self.table[self.index(key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column("key"))

    def __len__(self) -> int:
        return len(self.table)
