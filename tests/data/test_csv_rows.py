"""CSV files as spreadsheets write them, and dates in their forms."""

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.data.consent import read_consent
from swapcore.data.csv_rows import read_csv
from swapcore.data.dates import parse_date
from swapcore.data.manifests import read_manifest
from swapcore.errors import InputError

ROWS = [["file", "identity"], ["a, b;c.jpg", "Zoë"], ["2.jpg", "Bob\tJr"]]


def written(delimiter: str, line_end: str = "\r\n") -> str:
    return line_end.join(delimiter.join(f'"{value}"' for value in row) for row in ROWS) + line_end


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old-mac"])
def test_every_dialect_gives_the_same_rows(tmp_path, delimiter, encoding, line_end):
    text = written(delimiter, line_end)
    data = ("\ufeff" + text).encode(encoding[:9]) if encoding.endswith("bom") else text.encode(encoding)
    (tmp_path / "l.csv").write_bytes(data)
    rows = read_csv(tmp_path / "l.csv", ("file", "identity"))
    assert [list(row.values()) for _, row in rows] == ROWS[1:]
    assert [line for line, _ in rows] == [2, 3]


def test_the_separator_line_of_excel(tmp_path):
    (tmp_path / "l.csv").write_text("sep=;\r\nfile;identity\r\n1.jpg;ann\r\n")
    assert read_csv(tmp_path / "l.csv", ("file", "identity")) == [(3, {"file": "1.jpg", "identity": "ann"})]


def test_capitals_and_the_american_spelling(tmp_path):
    (tmp_path / "consent.csv").write_text("Identity;Basis; LICENSE ;Expires\nann;release;CC-BY;31.12.2030\n")
    (line,) = read_consent(tmp_path).lines["ann"]
    assert (line.licence, line.expires) == ("CC-BY", datetime.date(2030, 12, 31))


def test_a_windows_path_and_a_longer_path_of_the_same_file(tmp_path):
    for name in ("p0", "p1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"x")
    (tmp_path / "l.csv").write_text("file,identity\np0\\a.png,ann\np1/../p0/a.png,bob\n./p1/a.png,bob\n")
    manifest = read_manifest(tmp_path / "l.csv")
    assert [(entry.file, entry.identity) for entry in manifest.entries] == [("p0/a.png", "ann"), ("p1/a.png", "bob")]
    assert [(row.file, row.reason) for row in manifest.quarantine] == [("p0/a.png", "listed-twice")]


@pytest.mark.parametrize(
    "text",
    ["2030-12-31", "2030/12/31", "31.12.2030", "20301231", "31/12/2030", "12/31/2030", "31-12-2030", "31 Dec 2030",
     "December 31, 2030", "31-Dec-2030", "2030-12-31T00:00:00", "2030-12-31 00:00:00Z"],
)  # fmt: skip
def test_dates_with_one_meaning(text):
    assert parse_date(text) == datetime.date(2030, 12, 31)


@pytest.mark.parametrize(
    "text", ["05/06/2030", "5-6-2030", "31.12.30", "2030", "soon", "2030-02-30", "31/31/2030", "0/0/2030"]
)
def test_what_is_no_date_or_has_two_meanings(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_date(text)


@given(st.dates(datetime.date(1000, 1, 1)))
def test_iso_dates(day):
    assert parse_date(day.isoformat()) == day


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("csv") / "l.csv"
    path.write_bytes(b"file,identity\n" + data)
    with contextlib.suppress(InputError):  # any other error fails the test
        read_manifest(path)
