"""Credentials in tracking URIs, and one-line errors of the store."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swapcore.addresses import hide_credentials
from swapcore.tracking.store import describe_error, registry_error
from swapcore.tracking.versions import list_versions

PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://host:5000", "http://host:5000"),
        ("http://user:secret@host:5000/path", "http://host:5000/path"),
        ("http://user:p@ss@host:5000", "http://host:5000"),
        ("postgresql://user:p@s/s@w@host/db", "postgresql://host/db"),
        ("http://token@host", "http://host"),
        ("postgresql://host/db?user=u&password=secret&x=1", "postgresql://host/db?user=u&password=***&x=1"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("mlruns", "mlruns"),
    ],
)
def test_hide_credentials_has_known_values(uri, expected):
    assert hide_credentials(uri) == expected


@given(PASSWORDS)
@example("se@cret@word")
@example("se/cret@word:1")
@example("%40%40%40%40")
def test_no_message_contains_the_password(password):
    uri = f"http://user:{password}@tracking.example:5000"
    for text in (
        f"API request to {uri}/api/2.0/mlflow/runs failed",
        f"could not connect to {uri}",
        f"password authentication failed: {password}",
        "HTTPConnectionPool(host='tracking.example', port=5000)",
    ):
        error = RuntimeError(text)
        assert password not in describe_error(error, uri).replace("user:", "")
        assert password not in str(registry_error(error, uri))
        assert "\n" not in str(registry_error(error, uri))


def test_locked_database_names_the_reason(tmp_path):
    path = tmp_path / "mlflow.db"
    writer, reader = sqlite3.connect(path), sqlite3.connect(path, timeout=0)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        reader.execute("CREATE TABLE t (x)")
    line = str(registry_error(caught.value, f"sqlite:///{path}"))
    assert "database is locked: another command is using it; wait until it ends" in line
    assert "MLFLOW_TRACKING_URI" not in line


def test_registry_error_hides_a_password_with_an_at_sign(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:p@ss@127.0.0.1:9")
    with pytest.raises(Exception, match=r"^model registry http://127\.0\.0\.1:9: ") as caught:
        list_versions()
    assert "p@ss" not in str(caught.value)
    assert "ss@" not in str(caught.value)
