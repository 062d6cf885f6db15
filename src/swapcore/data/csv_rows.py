"""CSV files as spreadsheets write them, with line numbers for error messages."""

import codecs
import csv
import io
from pathlib import Path
from typing import Final

from swapcore.errors import InputError

_DELIMITERS: Final = ",;\t"
"""Of spreadsheets; which one it is depends on the country."""
_ENCODINGS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""First bytes of a file and its encoding; without them it is UTF-8."""
_SYNONYMS: Final = {"license": "licence"}
"""Other spellings of column names."""
_MAX_BYTES: Final = 200_000_000


def read_csv(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Read the rows of a CSV with their line numbers.

    The text is UTF-8, or UTF-16 with a byte-order mark. Values are separated by commas, semicolons or tabs, as in the
    header is. Column names are compared without case. Missing values of a short row are empty; additional columns are kept.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or UTF-16 text, or lacks a column.
    """
    try:
        text = _decode(path)
        return _rows(path, text, columns)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; make the file readable") from None
    except UnicodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the CSV as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV: {error}") from None


def _decode(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: has more than {_MAX_BYTES / 1e6:g} MB; split the CSV")
    data = path.read_bytes()
    encoding = next((name for start, name in _ENCODINGS if data.startswith(start)), "utf-8")
    return data.decode(encoding)


def _rows(path: Path, text: str, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    lines_before = 0
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=") + 1:  # Excel's own first line
        text, lines_before = rest, 1
    stream = io.StringIO(text, newline="")
    reader = csv.DictReader(stream, restval="", delimiter=_delimiter(text, columns))
    header = [_column(name) for name in reader.fieldnames or []]
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)} (found {', '.join(header)[:200] or 'nothing'}); "
            f"the first line must name {','.join(columns)}"
        )
    reader.fieldnames = header
    # DictReader stores values beyond the header under the key None.
    return [
        (reader.line_num + lines_before, {key: value for key, value in row.items() if key is not None})
        for row in reader
    ]


def _delimiter(text: str, columns: tuple[str, ...]) -> str:
    """Return the delimiter with which the first line has the most of the columns."""
    line = text.lstrip("\r\n").splitlines()[:1]

    def num_columns(delimiter: str) -> int:
        names = next(csv.reader(line, delimiter=delimiter), [])
        return len({_column(name) for name in names} & set(columns))

    return max(_DELIMITERS, key=num_columns)


def _column(name: str) -> str:
    plain = name.strip().casefold()
    return _SYNONYMS.get(plain, plain)
