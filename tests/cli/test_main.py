"""The command line: groups, help, exit codes, one-line errors, and imports that stay light."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from swapcore.cli import main as cli
from swapcore.errors import ArtifactError, InputError, TrainingError
from swapcore.stages import STAGES

PARAMS = Path(__file__).parents[2] / "params.yaml"
HEAVY = {"torch", "cv2", "mlflow", "numpy", "pandas", "dlib", "pyarrow", "boto3", "pydantic", "scipy", "matplotlib"}
NAMES = [name for names in cli.GROUPS.values() for name in names]


def all_commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli.commands)
    for name in NAMES:
        command = cli.commands.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())


ALL_COMMANDS = dict(all_commands())


@pytest.mark.parametrize("words", [[], ["train"], ["swap"], ["benchmark", "truth"], ["doctor"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys; from swapcore.cli import main as cli\n"
        f"try: cli.main({[*words, '-h']})\n"
        f"finally: print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(("given", "used"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, given: str | None, used: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    cli.main(["--help"])
    assert os.environ["OMP_WAIT_POLICY"] == used


def test_the_help_lists_every_command_in_its_group_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])
    out = capsys.readouterr().out
    assert "..." not in out.split("Options:")[1], "a summary is truncated"
    position = 0
    for group, names in cli.GROUPS.items():
        position = out.index(f"\n{group}:", position)
        for name in names:
            position = out.index(f"\n  {name} ", position)


def test_the_groups_hold_exactly_the_commands() -> None:
    assert sorted(NAMES) == sorted({*STAGES, *cli.commands.commands})


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_option_is_explained_in_a_sentence(name: str) -> None:
    command = ALL_COMMANDS[name]
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    for option in options:
        assert option.help, f"{name} {option.opts}: has no help"
        assert option.help[0].isupper(), f"{name} {option.opts}: {option.help}"
        assert option.help.endswith("."), f"{name} {option.opts}: {option.help}"


@pytest.mark.parametrize("name", [name for name in ALL_COMMANDS if name != "benchmark"])
def test_every_command_has_short_help_and_verbosity(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*name.split(), "-h"])
    out = capsys.readouterr().out
    assert "--verbose" in out
    assert "--quiet" in out


@pytest.mark.parametrize("name", ["swap", "anonymize", "video", "app", "serve", "benchmark truth", "train", "evaluate"])
def test_commands_that_compute_take_a_device(name: str) -> None:
    (option,) = [option for option in ALL_COMMANDS[name].params if option.name == "device"]
    for good in ("auto", "cpu", "mps", "cuda", "cuda:1"):
        assert option.type.convert(good, option, None) == good
    with pytest.raises(click.BadParameter, match="cuda:N"):
        option.type.convert("gpu", option, None)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("anonymise", "was renamed; use swapcore anonymize"), ("trian", "no such command; use swapcore train")],
)
def test_an_old_or_mistyped_name_prints_the_right_one(
    name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["swap", "--source", "s.png", "--template", "t.png", "--out", "o.png"], "--source, --template, --out"),
        (["swap", "--out=o.png", "--template=t.png", "--source=s.png"], "--out, --template, --source"),
        (["video", "t.mp4", "o.mp4", "--source", "s.png"], "--source"),
        (["anonymize", "folder", "--out", "o"], "--out"),
    ],
)
def test_the_options_of_earlier_versions_still_work(
    words: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, object] = {}
    command = cli.commands.commands[words[0]]
    monkeypatch.setattr(command, "callback", lambda **options: given.update(options))
    cli.main(words)
    note = capsys.readouterr().err
    assert note.startswith(f"swapcore: {expected}: deprecated")
    assert note.count("\n") == 1
    paths = {name: str(value) for name, value in given.items() if value is not None}
    if words[0] == "swap":
        assert (paths["source"], paths["template"], paths["out"]) == ("s.png", "t.png", "o.png")
    elif words[0] == "video":
        assert (paths["source"], paths["video"], paths["old_out"]) == ("s.png", "t.mp4", "o.mp4")
    else:
        assert (paths["folder"], paths["out"]) == ("folder", "o")


def test_the_current_grammar_gives_no_note(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli.commands.commands["swap"], "callback", lambda **_: None)
    cli.main(["swap", "s.png", "t.png", "-o", "o.png"])
    assert capsys.readouterr().err == ""


def test_video_without_an_output_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("video", "s.png", "t.mp4") == 2
    assert "--output" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("photos.csv: line 3: identity is empty; name the person"), 2),
        (ArtifactError("data/faces: no card.json"), 2),
        (TrainingError("step 7: loss/pixel is nan"), 3),
        (OSError(errno.ENOSPC, "x", "data/faces"), 1),
        (NotADirectoryError(errno.ENOTDIR, "x", "out.png/a"), 1),
    ],
)
def test_a_failure_is_one_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(cli.commands, "main", fail)
    assert run() == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_programming_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EBADF, "bug")

    monkeypatch.setattr(cli.commands, "main", fail)
    with pytest.raises(OSError, match="bug"):
        cli.main([])


@pytest.mark.parametrize("below", ["file/out.onnx", "file/deeper/out.onnx"])
def test_an_output_below_a_file_is_one_line(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    program = (
        "from pathlib import Path\nfrom swapcore.cli.main import report_errors\nfrom swapcore.files import write_atomic\n"
        f"with report_errors('swapcore'): write_atomic(Path({str(tmp_path / below)!r}), 'x')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "choose another output path" in done.stderr


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_closed_pipe_ends_quietly(lines: int) -> None:
    program = (
        "import click, sys\nfrom swapcore.cli import main as cli\n"
        f"cli.commands.main = lambda *a, **k: [click.echo('x' * 80) for _ in range({lines})]\ncli.main([])"
    )
    script = f'"{sys.executable}" -c "$PROGRAM" | (exec <&-; sleep 0.1); exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PROGRAM": program, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == cli.CLOSED_PIPE


def test_printed_metrics_and_the_metrics_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from swapcore.stages import register

    measured = {"a/b": 3.0, "a/b/low": 2.0, "a/b/high": 4.0, "slices/light/dark/margin": 1.0, "copied/a/b": 0.0}

    def record(params: object, *, model: Path, report: Path, registration: Path) -> dict[str, float]:
        return measured

    monkeypatch.setattr(register, "run", record)
    metrics = tmp_path / "metrics" / "register.json"
    ports = ["--model", "a", "--report", "b", "--registration", "c"]
    cli.main(["register", *ports, "--params", str(PARAMS), "--metrics", str(metrics)])
    assert json.loads(metrics.read_text()) == measured
    assert capsys.readouterr().out.splitlines() == [
        f"{'a/b':40s} 3",
        f"4 more (intervals, slices, other methods): {metrics}",
        "wrote c",
    ]


def test_the_metrics_file_is_whole_or_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from swapcore.stages import register

    monkeypatch.setattr(register, "run", lambda *_, **ports: {"a/b": 3.0})
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    ports = ["--model", "a", "--report", "b", "--registration", "c", "--params", str(PARAMS)]
    with pytest.raises(SystemExit) as ended:
        cli.main(["register", *ports, "--metrics", str(tmp_path / "metrics" / "register.json")])
    assert ended.value.code == 1
    assert not list((tmp_path / "metrics").iterdir())


@pytest.mark.parametrize("words", [["--photographs", "file"], ["--photographs", "file/x/y"]])
def test_a_stage_does_not_write_over_or_below_a_file(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    assert run("synthesize", *words, "--params", str(PARAMS)) == 2
    assert run("synthesize", "--photographs", "new", "--metrics", "file/m.json", "--params", str(PARAMS)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.endswith("file is a file; name a folder") for line in lines] == [True, True]
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_the_device_option_replaces_the_device_of_the_params(monkeypatch: pytest.MonkeyPatch) -> None:
    from swapcore.stages import evaluate

    devices = []
    monkeypatch.setattr(evaluate, "run", lambda params, **_: devices.append(params.device) or {})
    ports = ["--faces", "a", "--model", "b", "--report", "c", "--params", str(PARAMS)]
    cli.main(["evaluate", *ports, "--device", "mps"])
    cli.main(["evaluate", *ports])
    assert devices[0] == "mps" != devices[1]


def test_completion_lists_commands_without_torch() -> None:
    program = "import sys; from swapcore.cli.main import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"_SWAPCORE_COMPLETE": "bash_complete", "COMP_WORDS": "swapcore an", "COMP_CWORD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["plain,anonymize", "False"]
