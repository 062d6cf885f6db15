"""Readers of FlatBuffers tables and FlexBuffers values."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

# Types of FlexBuffers values, from its format description.
_INTEGERS = (1, 2)
_FLOAT = 3
_MAP, _VECTOR, _INTEGER_VECTORS = 9, 10, (11, 12)


class Table:
    """A FlatBuffers table; a field is named by its position in the schema."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._vtable = position - struct.unpack_from("<i", data, position)[0]
        self._vtable_size = struct.unpack_from("<H", data, self._vtable)[0]

    @classmethod
    def root(cls, data: bytes) -> "Table":
        """The table at the beginning of a file."""
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def number(self, field: int, kind: str = "b") -> int:
        """A scalar, 0 where absent.

        Args:
            field: position in the schema.
            kind: a format character of the module struct.
        """
        position = self._field(field)
        return int(struct.unpack_from("<" + kind, self._data, position)[0]) if position else 0

    def table(self, field: int) -> "Table":
        """A sub-table.

        Raises:
            ValueError: the field is absent.
        """
        position = self._field(field)
        if not position:
            raise ValueError(f"no table in field {field}")
        return Table(self._data, self._follow(position))

    def array(self, field: int, dtype: str = "<i4") -> npt.NDArray[Any]:
        """A vector of scalars, empty where absent."""
        position = self._field(field)
        if not position:
            return np.zeros(0, dtype)
        start = self._follow(position)
        return np.frombuffer(self._data, dtype, self._length(start), start + 4)

    def tables(self, field: int) -> list["Table"]:
        """A vector of tables, empty where absent."""
        position = self._field(field)
        if not position:
            return []
        start = self._follow(position)
        return [Table(self._data, self._follow(start + 4 + 4 * i)) for i in range(self._length(start))]

    def _field(self, field: int) -> int:
        slot = 4 + 2 * field
        if slot >= self._vtable_size:
            return 0
        offset = struct.unpack_from("<H", self._data, self._vtable + slot)[0]
        return self._position + offset if offset else 0

    def _follow(self, position: int) -> int:
        return position + int(struct.unpack_from("<I", self._data, position)[0])

    def _length(self, start: int) -> int:
        length = int(struct.unpack_from("<I", self._data, start)[0])
        if length > len(self._data):
            raise ValueError("a vector that is longer than the file")
        return length


def read_flexbuffer(data: bytes) -> Any:
    """Decode a FlexBuffers value: maps, vectors and numbers.

    Raises:
        ValueError: a type that is not one of these, or damaged data.
    """
    if not data:
        return {}
    return _Flexbuffer(data).value(len(data) - 2 - data[-1], data[-1], data[-2])


class _Flexbuffer:
    """Values are found by offsets backward; the last bytes give the root's type and width."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._num_left = len(data)
        """More values than bytes mean that containers hold each other."""

    def value(self, position: int, width: int, packed_type: int) -> Any:
        self._num_left -= 1
        if self._num_left < 0:
            raise ValueError("more values than bytes")
        kind, child_width = packed_type >> 2, 1 << (packed_type & 3)
        if kind in _INTEGERS:
            return self._unsigned(position, width)
        if kind == _FLOAT:
            return struct.unpack_from({4: "<f", 8: "<d"}[width], self._data, position)[0]
        return self._container(kind, position - self._unsigned(position, width), child_width)

    def _container(self, kind: int, start: int, width: int) -> Any:
        count = self._unsigned(start - width, width)
        if start < width or count > len(self._data):
            raise ValueError("a container outside the data")
        if kind in _INTEGER_VECTORS:
            return [self._unsigned(start + i * width, width) for i in range(count)]
        if kind not in (_MAP, _VECTOR):
            raise ValueError(f"a value of type {kind}")
        types = start + count * width
        values = [self.value(start + i * width, width, self._data[types + i]) for i in range(count)]
        return values if kind == _VECTOR else dict(zip(self._keys(start, width, count), values, strict=True))

    def _keys(self, start: int, width: int, count: int) -> list[str]:
        """A map's keys are a vector before it: their offset and their width precede the count."""
        keys = start - 3 * width - self._unsigned(start - 3 * width, width)
        key_width = self._unsigned(start - 2 * width, width)
        places = [keys + i * key_width for i in range(count)]
        begins = [place - self._unsigned(place, key_width) for place in places]
        return [self._data[begin : self._data.index(0, begin)].decode("ascii") for begin in begins]

    def _unsigned(self, position: int, width: int) -> int:
        return int.from_bytes(self._data[position : position + width], "little")
