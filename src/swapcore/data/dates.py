"""Dates as people and spreadsheets write them, where they are unambiguous."""

import datetime
import re
from typing import Final

_FORMS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y",
    "%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y",
)  # fmt: skip
"""Forms with one meaning each: with periods the day is first, a year of four digits in front is followed by the month."""
_MIDNIGHT: Final = re.compile(r"[T ]00:00(:00(\.0+)?)?Z?$")
_SLASHES: Final = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")


def parse_date(text: str) -> datetime.date:
    """Parse a date; between slashes day and month have to be distinguishable: 31/12/2030 or 12/31/2030, not 05/06/2030.

    Raises:
        ValueError: the text is no date, or has two meanings.
    """
    plain = _MIDNIGHT.sub("", text.strip())
    if found := _SLASHES.fullmatch(plain):
        return _between_slashes(*(int(part) for part in found.groups()))
    for form in _FORMS:
        try:
            return datetime.datetime.strptime(plain, form).date()
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date")


def _between_slashes(first: int, second: int, year: int) -> datetime.date:
    if first <= 12 and second <= 12 and first != second:
        raise ValueError("day and month cannot be distinguished")
    day, month = (first, second) if first > 12 or first == second else (second, first)
    return datetime.date(year, month, day)
