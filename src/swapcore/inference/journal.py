"""What was done to each file, as CSV: a row is on disk as soon as its file is, so that a command that was killed can go on."""

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

Row = TypeVar("Row")


class Journal(Generic[Row]):
    """Rows of one dataclass (fields str, int, float or bool), appended one by one.

    Opened with ``with``; ``rows`` holds what was there before, a line that a kill cut in half left out.
    """

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        self.path = path
        self._kinds = typing.get_type_hints(row_type)
        self._row_type = row_type
        self.rows: list[Row] = self._read()

    def __enter__(self) -> Self:
        """Write anew what was read, whole, then leave the file open for more."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._written_anew()
        return self

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Drop the rows that are not wanted, also from the file."""
        self.rows[:] = filter(wanted, self.rows)
        self._stream.close()
        self._stream = self._written_anew()

    def _written_anew(self) -> IO[str]:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self._kinds), lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in self.rows)  # type: ignore[call-overload]
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.write_text(text.getvalue(), encoding="utf-8")
        beside.replace(self.path)
        return self.path.open("a", encoding="utf-8", newline="")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()

    def add(self, row: Row) -> None:
        """Append a row and give it to the operating system at once."""
        csv.DictWriter(self._stream, list(self._kinds), lineterminator="\n").writerow(dataclasses.asdict(row))  # type: ignore[call-overload]
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.rows.append(row)

    def _read(self) -> list[Row]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}: cannot be read ({error}); remove it or name another --output") from None
        whole = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(io.StringIO(whole))
        if reader.fieldnames is not None and list(reader.fieldnames) != list(self._kinds):
            raise InputError(f"{self.path}: has other columns than {', '.join(self._kinds)}; name another --output")
        return [self._row_type(**{name: self._parse(name, row[name]) for name in self._kinds}) for row in reader]

    def _parse(self, name: str, text: str) -> Any:
        kind = self._kinds[name]
        try:
            return text == "True" if kind is bool else kind(text)
        except (TypeError, ValueError):
            raise InputError(
                f"{self.path}: {name}: cannot read {text!r}; remove the file or name another --output"
            ) from None
