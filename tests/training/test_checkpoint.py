import logging
from pathlib import Path

import pytest
import torch

from swapcore.errors import TrainingError
from swapcore.training.checkpoint import FOLDER, CheckpointStore, fingerprint
from swapcore.training.step import train_step


def advance(run, steps: int) -> None:
    for _ in range(steps):
        train_step(run.state, run.sampler.batch(run.state.step), run.context)


def equal(first, second) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else bool(first == second)


def test_a_checkpoint_restores_the_whole_state(tiny, start) -> None:
    run = start(tiny(schedule={"adversarial_start": 0.0}), "a")
    advance(run, 3)
    run.state.history.append({"step": 3, "loss/total": 0.1})
    run.loop.checkpoints.save(run.state)
    torch.rand(1)
    resumed = start(tiny(schedule={"adversarial_start": 0.0}), "a")
    assert resumed.state.step == 3
    advance(run, 2)
    state = resumed.state.state_dict()
    advance(resumed, 2)
    assert not equal(state, resumed.state.state_dict())
    left, right = run.state.state_dict(), resumed.state.state_dict()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_other_params_or_groups_start_from_step_0(tiny, start, tmp_path: Path, caplog) -> None:
    run = start(tiny(), "a", digest="one")
    advance(run, 1)
    run.loop.checkpoints.save(run.state)
    (tmp_path / "a" / "stale.png").touch()
    with caplog.at_level(logging.WARNING):
        assert start(tiny(), "a", digest="other").state.step == 0
    assert "training starts from step 0" in caplog.text
    assert [path.name for path in (tmp_path / "a").rglob("*.*")] == ["step-00000000.pt"]


def test_the_fingerprint_depends_on_params_and_groups(tiny) -> None:
    prints = {
        fingerprint(tiny(), "g"),
        fingerprint(tiny(schedule={"learning_rate": 0.002}), "g"),
        fingerprint(tiny(), "h"),
    }
    assert len(prints) == 3
    assert fingerprint(tiny(), "g") == fingerprint(tiny(), "g")


def test_the_newest_checkpoints_are_kept(tiny, start, tmp_path: Path) -> None:
    run = start(tiny(checkpoint={"keep": 2}))
    for _ in range(4):
        advance(run, 1)
        run.loop.checkpoints.save(run.state)
    assert sorted(path.name for path in (tmp_path / "run" / FOLDER).iterdir()) == [
        "step-00000003.pt",
        "step-00000004.pt",
    ]


def test_a_damaged_checkpoint_is_skipped(tiny, start, tmp_path: Path, caplog) -> None:
    run = start(tiny())
    for _ in range(2):
        advance(run, 1)
        run.loop.checkpoints.save(run.state)
    newest = tmp_path / "run" / FOLDER / "step-00000002.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert start(tiny()).state.step == 1
    assert "trying an older checkpoint" in caplog.text


def test_a_partly_written_checkpoint_is_ignored(tiny, start, tmp_path: Path) -> None:
    run = start(tiny())
    advance(run, 1)
    run.loop.checkpoints.save(run.state)
    (tmp_path / "run" / FOLDER / ".step-00000009.pt.partial").write_bytes(b"half")
    assert start(tiny()).state.step == 1


def test_a_full_disk_raises_one_line(tiny, start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(tiny())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"No space left on device.*free space, then run train again"):
        run.loop.checkpoints.save(run.state)
    assert [path.name for path in (tmp_path / "run" / FOLDER).iterdir()] == ["step-00000000.pt"]


def test_remove(tiny, start, tmp_path: Path) -> None:
    run = start(tiny())
    run.loop.checkpoints.save(run.state)
    run.loop.checkpoints.remove()
    assert not (tmp_path / "run" / FOLDER).exists()
    CheckpointStore(tmp_path / "run", "x", 1).resume(run.state)
