"""Who may be used today, by consent.csv."""

from datetime import date

import pytest

from swapcore.data.consent import read_consent
from swapcore.errors import InputError

TODAY = date(2026, 6, 1)
HEADER = "identity,basis,licence,expires\n"


def consent_of(folder, text):
    (folder / "consent.csv").write_text(HEADER + text, encoding="utf-8")
    return read_consent(folder)


def test_everybody(tmp_path):
    line = consent_of(tmp_path, '*,"signed, in full",CC-BY-4.0,\n').find("anybody", TODAY)
    assert (line.basis, line.licence, line.expires) == ("signed, in full", "CC-BY-4.0", None)


def test_no_person_named(tmp_path):
    assert consent_of(tmp_path, "bob,signed,CC0,\n").find("ann", TODAY) == "no-consent"


@pytest.mark.parametrize(
    ("expires", "holds"), [("2026-06-01", True), ("2026-05-31", False), ("2099-01-01", True), ("", True)]
)
def test_the_last_day_counts(tmp_path, expires, holds):
    found = consent_of(tmp_path, f"ann,signed,CC0,{expires}\n").find("ann", TODAY)
    assert (found != "consent-expired") == holds


def test_a_line_of_ones_own_comes_before_everybodys(tmp_path):
    consent = consent_of(tmp_path, "*,signed,CC0,\nann,signed,CC0,2020-01-01\n")
    assert consent.find("ann", TODAY) == "consent-expired"
    assert consent.find("bob", TODAY).identity == "*"


def test_any_line_in_force_is_enough(tmp_path):
    consent = consent_of(tmp_path, "ann,first,CC0,2020-01-01\nann,renewed,CC0,2030-01-01\n")
    assert consent.find("ann", TODAY).basis == "renewed"


def test_unicode_forms_are_one_name(tmp_path):
    assert consent_of(tmp_path, "Jose\u0301,signed,CC0,\n").find("Jos\u00e9", TODAY).basis == "signed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ann,,CC0,\n", "line 2, basis: is empty"),
        (",signed,CC0,\n", "line 2, identity: is empty"),
        ("ann,signed,CC0,05/06/2030\n", "line 2, expires: '05/06/2030' is not a date"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        consent_of(tmp_path, text)
    assert "\n" not in str(error.value)


def test_missing_file_is_one_line_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match=r"consent\.csv: no such file.*identity,basis,licence,expires"):
        read_consent(tmp_path)


def test_missing_column(tmp_path):
    (tmp_path / "consent.csv").write_text("identity,basis\nann,signed\n")
    with pytest.raises(InputError, match="no column licence, expires"):
        read_consent(tmp_path)
