"""Every file of a folder or CSV is listed once: as an entry, or as a quarantine row with its reason."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcore.data.manifests import read_manifest
from swapcore.errors import InputError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def reasons(manifest):
    return {row.file: row.reason for row in manifest.quarantine}


def write_csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_folder_first_level_names_the_person(tmp_path):
    for name in ("ann/1.jpg", "ann/holiday/2.jpg", "bob/1.png"):
        touch(tmp_path / name)
    manifest = read_manifest(tmp_path)
    assert [(e.file, e.identity, e.split) for e in manifest.entries] == [
        ("ann/1.jpg", "ann", None),
        ("ann/holiday/2.jpg", "ann", None),
        ("bob/1.png", "bob", None),
    ]
    assert manifest.root == tmp_path
    assert manifest.quarantine == []


def test_names_with_spaces_quotes_emoji_and_line_breaks(tmp_path):
    names = ['a b/it\'s "me".jpg', "😀/🙂.jpg", "new\nline/1.jpg", "comma,semi;/;.jpg"]
    for name in names:
        touch(tmp_path / name)
    assert {e.file for e in read_manifest(tmp_path).entries} == set(names)


def test_keys_are_unique_and_do_not_change_when_others_come(tmp_path):
    touch(tmp_path / "b/1.jpg")
    before = read_manifest(tmp_path).entries[0].key
    touch(tmp_path / "a/1.jpg")
    entries = read_manifest(tmp_path).entries
    assert entries[1].key == before
    assert len({e.key for e in entries}) == 2


def test_a_file_outside_any_person_is_quarantined_and_our_own_files_are_not(tmp_path):
    touch(tmp_path / "ann/1.jpg")
    touch(tmp_path / "stray.jpg")
    for ours in ("consent.csv", "card.json", "parameters.parquet"):
        touch(tmp_path / ours)
    assert reasons(read_manifest(tmp_path)) == {"stray.jpg": "no-identity"}


def test_one_person_under_both_unicode_forms(tmp_path):
    for form in ("NFC", "NFD"):
        touch(tmp_path / unicodedata.normalize(form, "José") / f"{form}.jpg")
    assert {e.identity for e in read_manifest(tmp_path).entries} == {unicodedata.normalize("NFC", "José")}


def test_a_name_that_is_no_text_is_quarantined(tmp_path):
    touch(tmp_path / "ann/1.jpg")
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/ann/caf\xe9.jpg")))
    manifest = read_manifest(tmp_path)
    assert len(manifest.entries) == 1
    assert [(r.reason, r.identity) for r in manifest.quarantine] == [("bad-name", "ann")]
    manifest.quarantine[0].file.encode("utf-8")


def test_links_back_are_quarantined_and_links_elsewhere_followed(tmp_path):
    touch(tmp_path / "in/ann/1.jpg")
    (tmp_path / "in/ann/again").symlink_to(tmp_path / "in/ann")
    (tmp_path / "in/ann/up").symlink_to(tmp_path / "in")
    touch(tmp_path / "elsewhere/2.jpg")
    (tmp_path / "in/bob").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/ann/self.jpg").symlink_to(tmp_path / "in/ann/self.jpg")
    manifest = read_manifest(tmp_path / "in")
    assert {e.file for e in manifest.entries} == {"ann/1.jpg", "bob/2.jpg", "ann/self.jpg"}  # reading tells of the last
    assert reasons(manifest) == {"ann/again": "link-loop", "ann/up": "link-loop"}


def test_a_folder_that_cannot_be_listed_is_quarantined(tmp_path, monkeypatch):
    touch(tmp_path / "ann/1.jpg")
    touch(tmp_path / "bob/1.jpg")
    scandir = os.scandir

    def refuse(path):  # root can read everything, so the system's error is simulated
        if Path(path).name == "bob":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    manifest = read_manifest(tmp_path)
    assert [e.file for e in manifest.entries] == ["ann/1.jpg"]
    assert reasons(manifest) == {"bob": "unreadable"}


@pytest.mark.parametrize("make", [lambda p: p / "missing", lambda p: (p / "empty").mkdir() or p / "empty"])
def test_nothing_there_is_one_line(tmp_path, make):
    with pytest.raises(InputError, match=r"no such file|lists no photograph") as error:
        read_manifest(make(tmp_path))
    assert "\n" not in str(error.value)


def test_csv_files_are_relative_to_it_and_other_columns_ignored(tmp_path):
    path = write_csv(tmp_path / "list.csv", 'file,identity,mood\nsub/1.jpg,"Smith, ""Al""",happy\n2.jpg,Bob,\n')
    manifest = read_manifest(path)
    assert [(e.path, e.identity) for e in manifest.entries] == [
        (tmp_path / "sub/1.jpg", 'Smith, "Al"'),
        (tmp_path / "2.jpg", "Bob"),
    ]


def test_csv_with_byte_order_mark_and_windows_lines(tmp_path):
    (tmp_path / "l.csv").write_bytes("\ufefffile,identity\r\n1.jpg,Zoë\r\n".encode())
    assert read_manifest(tmp_path / "l.csv").entries[0].identity == "Zoë"


def test_csv_rows_that_miss_something_are_quarantined(tmp_path):
    path = write_csv(
        tmp_path / "l.csv", "file,identity\n1.jpg,ann\n2.jpg\n,bob\n1.jpg,bob\n3.jpg,ann,surplus\nnul\0.jpg,ann\n"
    )
    manifest = read_manifest(path)
    assert [e.file for e in manifest.entries] == ["1.jpg", "3.jpg"]
    assert [(r.file, r.reason) for r in manifest.quarantine] == [
        ("2.jpg", "no-identity"),
        ("", "no-file"),
        ("1.jpg", "listed-twice"),
        ("nul\0.jpg", "bad-name"),
    ]


def test_csv_split_counts_for_the_whole_person(tmp_path):
    path = write_csv(tmp_path / "l.csv", "file,identity,split\n1,ann,test\n2,ann,\n3,bob,\n")
    assert [e.split for e in read_manifest(path).entries] == ["test", "test", None]


def test_csv_with_a_person_in_two_splits_names_the_person(tmp_path):
    path = write_csv(tmp_path / "l.csv", "file,identity,split\n1,ann,test\n2,ann,train\n")
    with pytest.raises(InputError, match=r"l\.csv: split: 'ann' is in test and in train"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file;mood\n1;a\n", "no column identity"),
        (b"", "found nothing"),
        (b"\xff\xd8\xff\xe0\x00", "not UTF-8"),
        (b"file,identity,split\n1,a,dev\n", "line 2, split: 'dev'"),
        (b"file,identity\n", "lists no photograph"),
    ],
)
def test_unusable_csv_is_one_line(tmp_path, content, message):
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_manifest(tmp_path / "l.csv")
    assert "\n" not in str(error.value)


@given(st.lists(st.tuples(st.sampled_from("abcdef "), st.sampled_from(["ann", "bob", " "])), min_size=1, max_size=20))
def test_no_row_disappears(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("m") / "l.csv"
    write_csv(path, "file,identity\n" + "".join(f'"{file}","{identity}"\n' for file, identity in rows))
    manifest = read_manifest(path)
    assert len(manifest.entries) + len(manifest.quarantine) == len(rows)
    assert len({e.file for e in manifest.entries}) == len(manifest.entries)
