"""A CSV journal of finished files, from which an interrupted command continues."""

import csv
import dataclasses
import io
import os
import typing
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Self, TypeVar

from swapcore.errors import InputError
from swapcore.files import write_atomic

Row = TypeVar("Row")


class Journal(Generic[Row]):
    """Rows of one dataclass (fields str, int, float or bool), each written to disk when it is added.

    Use it as a context manager. ``rows`` begins with the rows of an earlier run; an incomplete last line is dropped.
    """

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        self.path = path
        self._kinds = typing.get_type_hints(row_type)
        self._row_type = row_type
        self.rows: list[Row] = self._read()

    def __enter__(self) -> Self:
        """Rewrite the rows that were read, and open the file for appending."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._rewrite()
        return self

    def keep(self, matches: Callable[[Row], bool]) -> None:
        """Drop rows that do not match, also from the file."""
        self.rows[:] = filter(matches, self.rows)
        self._stream.close()
        self._stream = self._rewrite()

    def _rewrite(self) -> IO[str]:
        lines = [_line(list(self._kinds)), *map(self._line_of, self.rows)]
        write_atomic(self.path, "".join(lines))
        return self.path.open("a", encoding="utf-8", newline="")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()

    def add(self, row: Row) -> None:
        """Append a row and flush it to disk."""
        self._stream.write(self._line_of(row))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.rows.append(row)

    def _line_of(self, row: Row) -> str:
        values = dataclasses.asdict(row)  # type: ignore[call-overload]
        return _line([values[name] for name in self._kinds])

    def _read(self) -> list[Row]:
        try:
            with self.path.open(encoding="utf-8", newline="") as stream:  # names can have line breaks of any kind
                text = stream.read()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}: cannot be read ({error}); delete it or name another --output") from None
        complete = text[: text.rfind("\n") + 1]
        try:
            return self._parse_rows(csv.DictReader(io.StringIO(complete, newline="")))
        except csv.Error as error:
            raise InputError(f"{self.path}: is not a CSV ({error}); delete it or name another --output") from None

    def _parse_rows(self, reader: "csv.DictReader[str]") -> list[Row]:
        if reader.fieldnames is not None and list(reader.fieldnames) != list(self._kinds):
            raise InputError(f"{self.path}: its columns are not {', '.join(self._kinds)}; name another --output")
        # A name with a line break can be cut off inside: then the row has too few values.
        rows = [row for row in reader if all(row[name] is not None for name in self._kinds)]
        return [self._row_type(**{name: self._parse(name, row[name]) for name in self._kinds}) for row in rows]

    def _parse(self, name: str, text: str) -> Any:
        kind = self._kinds[name]
        try:
            return text == "True" if kind is bool else kind(text)
        except (TypeError, ValueError):
            raise InputError(
                f"{self.path}: {name}: {text!r} is not valid; delete the file or name another --output"
            ) from None


def _line(values: list[Any]) -> str:
    """Format a line of the CSV; values with any kind of line break are quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)  # the writer quotes the characters of its own line end
    return text.getvalue().removesuffix("\r\n") + "\n"
