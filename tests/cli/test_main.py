"""The command line: fast help, one line for a mistake, nothing heavy imported before it is needed."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from swapcore.cli import main as cli
from swapcore.errors import ArtifactError, InputError, TrainingError
from swapcore.stages import STAGES

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize(
    ("words", "named"), [([], (*STAGES, "configure", "benchmark")), (["benchmark", "truth"], ("--outputs", "--export"))]
)
def test_help_imports_nothing_heavy(words: list[str], named: tuple[str, ...]) -> None:
    program = (
        "import sys; from swapcore import cli\n"
        f"try: cli.main({[*words, '--help']})\n"
        "finally: print(sorted({'torch', 'cv2', 'mlflow', 'numpy', 'pandas', 'dlib', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert all(name in done.stdout for name in named)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_help(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([stage, "--help"])
    assert cli.first_sentence(stage).split()[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("photos.csv: line 3: identity is empty; name the person"), 2),
        (ArtifactError("data/faces: no card.json"), 2),
        (TrainingError("step 7: loss/pixel is nan"), 3),
        (OSError(errno.ENOSPC, "x", "data/faces"), 1),
    ],
)
def test_a_failure_is_one_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(cli.commands, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_programming_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EBADF, "bug")

    monkeypatch.setattr(cli.commands, "main", fail)
    with pytest.raises(OSError, match="bug"):
        cli.main([])


def test_the_metrics_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from swapcore.stages import register

    def run(params: object, *, model: Path, report: Path, registration: Path) -> dict[str, float]:
        return {"version": 3.0}

    run.__annotations__ = register.run.__annotations__
    monkeypatch.setattr(register, "run", run)
    metrics = tmp_path / "metrics" / "register.json"
    ports = ["--model", "a", "--report", "b", "--registration", "c"]
    cli.main(["register", *ports, "--params", str(PARAMS), "--metrics", str(metrics)])
    assert json.loads(metrics.read_text()) == {"version": 3.0}
