"""Logging and progress of the command line."""

import io
import logging
import re
from collections.abc import Iterator

import pytest

from swapcore import progress as progress_module
from swapcore.cli.log import configure_logging
from swapcore.cli.main import main, report_errors
from swapcore.errors import StorageError
from swapcore.progress import progress, progress_line

LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (DEBUG|INFO|WARNING) +swapcore\.test: message$", re.MULTILINE)


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    logger = logging.getLogger("swapcore")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.mark.parametrize(
    ("level", "shown"), [(logging.DEBUG, 3), (logging.INFO, 2), (logging.WARNING, 1)], ids=["-v", "default", "-q"]
)
def test_lines_have_time_level_and_name(level: int, shown: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.INFO)
    configure_logging(level)
    log = logging.getLogger("swapcore.test")
    for write in (log.debug, log.info, log.warning):
        write("message")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(LINE.findall(captured.err)) == shown == len(captured.err.splitlines())


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_no_line_and_no_traceback_has_a_password(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = "http://user:p@ss@w0rd@host:9"
    monkeypatch.setenv(variable, uri)
    configure_logging(logging.DEBUG)

    def fail() -> None:
        with report_errors("swapcore"):
            try:
                raise RuntimeError(f"could not connect to {uri}/path as user:p@ss@w0rd")
            except RuntimeError as error:
                logging.getLogger("swapcore.test").warning("retry of %s", uri)
                raise StorageError(f"endpoint not reachable ({error})") from error

    with pytest.raises(SystemExit):
        fail()
    shown = capsys.readouterr().err
    assert shown.count("http://host:9") == 4  # the warning, both errors of the traceback, and the line at the end
    assert "Traceback" in shown
    assert "ss@" not in shown
    assert "w0rd" not in shown


def test_other_ranks_log_errors_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "1")
    configure_logging(logging.DEBUG)
    logging.getLogger("swapcore.test").warning("message")
    assert capsys.readouterr().err == ""


def test_verbose_and_quiet_set_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    from swapcore.cli.main import commands

    monkeypatch.setattr(commands.commands["swap"], "callback", lambda **_: None)
    for words, level in (("-v swap a b -o c", 10), ("swap a b -o c -q", 30), ("swap a b -o c", 20)):
        main(words.split())
        assert logging.getLogger("swapcore").level == level


def test_without_a_terminal_a_line_is_logged_per_interval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 10.0, 30.0, 40.0, 70.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(times))
    configure_logging()
    assert list(progress(iter("abcd"), "crop", total=6, initial=2)) == list("abcd")
    lines = [line.rpartition("swapcore.progress: ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "crop: 4/6 (66 %), 15.0 seconds each, 00:30 left",
        "crop: 6/6 (100 %), 17.5 seconds each, 00:00 left",
    ]


@pytest.mark.parametrize(
    ("done", "total", "rate", "line"),
    [
        (1200, 5000, 40.0, "crop: 1200/5000 (24 %), 40.0 per second, 01:35 left"),
        (7, None, 0.5, "crop: 7, 2.0 seconds each"),
    ],
)
def test_a_progress_line(done: int, total: int | None, rate: float, line: str) -> None:
    assert progress_line("crop", done, total, rate) == line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("level", "has_bar"), [(logging.INFO, True), (logging.WARNING, False)])
def test_a_terminal_gets_a_bar_unless_quiet(level: int, has_bar: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress_module, "_BAR_DELAY_S", 0.0)
    configure_logging(level)
    assert list(progress(range(3), "crop")) == [0, 1, 2]
    bar = terminal.getvalue()
    assert ("3/3" in bar and "100%" in bar and "it/s" in bar) == has_bar
    assert bool(bar) == has_bar


def test_only_the_first_rank_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("RANK", "1")
    assert list(progress(range(3), "crop")) == [0, 1, 2]
    assert terminal.getvalue() == ""
