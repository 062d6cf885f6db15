"""CSV files with line numbers for error messages."""

import csv
import io
from pathlib import Path

from swapcore.errors import InputError


def read_csv(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Read the rows of a UTF-8 CSV with their line numbers.

    Missing values of a short row are empty; additional columns are kept.

    Raises:
        InputError: the file cannot be read, is not UTF-8 text, or lacks a column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _rows(path, csv.DictReader(io.StringIO(text, newline=""), restval=""), columns)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; make the file readable") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the CSV as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: is not a CSV: {error}") from None


def _rows(path: Path, reader: "csv.DictReader[str]", columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)} (found {', '.join(header)[:200] or 'nothing'}); "
            f"the first line must name {','.join(columns)}"
        )
    reader.fieldnames = header
    # DictReader stores values beyond the header under the key None.
    return [(reader.line_num, {key: value for key, value in row.items() if key is not None}) for row in reader]
