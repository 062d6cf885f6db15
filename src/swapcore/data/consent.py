"""Consent of the people in the photographs, from consent.csv."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from swapcore.data.csv_rows import read_csv
from swapcore.data.dates import parse_date
from swapcore.errors import InputError

CONSENT = "consent.csv"
EVERYBODY = "*"
_COLUMNS = ("identity", "basis", "licence", "expires")


def today() -> date:
    """Return the date on which consent must be valid; tests replace it."""
    return date.today()


@dataclass(frozen=True)
class ConsentLine:
    """One line of consent.csv."""

    identity: str
    """A person, or * for all people without a line of their own."""
    basis: str
    licence: str
    expires: date | None
    """Last valid day; None = no end."""

    def holds(self, on: date) -> bool:
        """Return whether the line is valid on a day."""
        return self.expires is None or on <= self.expires


@dataclass(frozen=True)
class Consent:
    """Person -> lines of consent.csv."""

    lines: dict[str, list[ConsentLine]]

    def similar(self, identity: str) -> str:
        """Return a person of consent.csv whose name differs from identity in case only; empty if there is none."""
        return next((name for name in self.lines if name.casefold() == identity.casefold() and name != identity), "")

    def find(self, identity: str, on: date) -> ConsentLine | str:
        """Return the line that allows the use of a person's photographs, or a reason: no-consent or consent-expired.

        A person's own lines take precedence over *: a limited consent is not extended by it.
        """
        own = self.lines.get(identity) or self.lines.get(EVERYBODY)
        if not own:
            return "no-consent"
        return next((line for line in own if line.holds(on)), "consent-expired")


def read_consent(folder: Path) -> Consent:
    """Read folder/consent.csv.

    Raises:
        InputError: the file or a column is missing, or a line has no basis or an invalid date.
    """
    path = folder / CONSENT
    if not path.exists():
        raise InputError(
            f"{path}: no such file, so no consent is known; write one with the columns {','.join(_COLUMNS)}"
        )
    lines: dict[str, list[ConsentLine]] = {}
    for number, row in read_csv(path, _COLUMNS):
        line = _line(path, number, {key: value.strip() for key, value in row.items()})
        lines.setdefault(line.identity, []).append(line)
    return Consent(lines)


def _line(path: Path, number: int, row: dict[str, str]) -> ConsentLine:
    for column in ("identity", "basis"):
        if not row[column]:
            raise InputError(f"{path}: line {number}, {column}: is empty; fill it in or remove the line")
    try:
        expires = parse_date(row["expires"]) if row["expires"] else None
    except ValueError:
        raise InputError(
            f"{path}: line {number}, expires: {row['expires']!r} is not a date with one meaning; write 2030-12-31, or nothing"
        ) from None
    identity = unicodedata.normalize("NFC", row["identity"])
    return ConsentLine(identity, row["basis"], row["licence"], expires)
