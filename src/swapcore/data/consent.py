"""Who may be used, and on what basis: consent.csv beside the photographs."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from swapcore.data.csv_rows import read_csv
from swapcore.errors import InputError

CONSENT = "consent.csv"
EVERYBODY = "*"
_COLUMNS = ("identity", "basis", "licence", "expires")


def today() -> date:
    """The date that consent is judged by; tests put another in its place."""
    return date.today()


@dataclass(frozen=True)
class ConsentLine:
    """One line of consent.csv."""

    identity: str
    """A person, or * for everybody who has no line of their own."""
    basis: str
    licence: str
    expires: date | None
    """The last day on which it holds; None = no end."""

    def holds(self, on: date) -> bool:
        """Whether the line is in force on a day."""
        return self.expires is None or on <= self.expires


@dataclass(frozen=True)
class Consent:
    """All lines, by person."""

    lines: dict[str, list[ConsentLine]]

    def find(self, identity: str, on: date) -> ConsentLine | str:
        """The line that allows a person's use, or the reason why there is none: no-consent or consent-expired.

        A person's own lines come before the one for everybody: who gave a limited consent is not covered by *.
        """
        own = self.lines.get(identity) or self.lines.get(EVERYBODY)
        if not own:
            return "no-consent"
        return next((line for line in own if line.holds(on)), "consent-expired")


def read_consent(folder: Path) -> Consent:
    """Read folder/consent.csv.

    Raises:
        InputError: the file is missing, lacks a column, or a line lacks its basis or holds a date that is none.
    """
    path = folder / CONSENT
    if not path.exists():
        raise InputError(
            f"{path}: no such file, so nobody's consent is known; write one with the columns {','.join(_COLUMNS)}"
        )
    lines: dict[str, list[ConsentLine]] = {}
    for number, row in read_csv(path, _COLUMNS):
        line = _line(path, number, {key: value.strip() for key, value in row.items()})
        lines.setdefault(line.identity, []).append(line)
    return Consent(lines)


def _line(path: Path, number: int, row: dict[str, str]) -> ConsentLine:
    for column in ("identity", "basis"):
        if not row[column]:
            raise InputError(f"{path}: line {number}, {column}: is empty; name it or remove the line")
    try:
        expires = date.fromisoformat(row["expires"]) if row["expires"] else None
    except ValueError:
        raise InputError(
            f"{path}: line {number}, expires: {row['expires']!r} is no date like 2030-12-31; leave it empty for no end"
        ) from None
    identity = unicodedata.normalize("NFC", row["identity"])
    return ConsentLine(identity, row["basis"], row["licence"], expires)
