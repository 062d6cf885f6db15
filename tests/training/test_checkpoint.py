import logging
from pathlib import Path

import pytest
import torch

from swapcore.errors import TrainingError
from swapcore.training.checkpoint import FOLDER, CheckpointStore, fingerprint
from swapcore.training.step import train_step


def advance(run, steps: int) -> None:
    for _ in range(steps):
        train_step(run.learner, run.sampler.batch(run.learner.step), run.context)


def equal(first, second) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else bool(first == second)


def test_everything_comes_back(tiny, start) -> None:
    run = start(tiny(adversarial_start=0.0), "a")
    advance(run, 3)
    run.learner.history.append({"step": 3, "loss/total": 0.1})
    run.around.checkpoints.save(run.learner)
    torch.rand(1)
    resumed = start(tiny(adversarial_start=0.0), "a")
    assert resumed.learner.step == 3
    advance(run, 2)
    state = resumed.learner.state()
    advance(resumed, 2)
    assert not equal(state, resumed.learner.state())
    left, right = run.learner.state(), resumed.learner.state()
    left.pop("random_state"), right.pop("random_state")
    assert equal(left, right)


def test_of_other_params_or_groups_nothing_is_resumed(tiny, start, tmp_path: Path, caplog) -> None:
    run = start(tiny(), "a", digest="one")
    advance(run, 1)
    run.around.checkpoints.save(run.learner)
    (tmp_path / "a" / "stale.png").touch()
    with caplog.at_level(logging.WARNING):
        assert start(tiny(), "a", digest="other").learner.step == 0
    assert "training starts anew" in caplog.text
    assert [path.name for path in (tmp_path / "a").rglob("*.*")] == ["step-00000000.pt"]


def test_the_fingerprint_tells_params_and_groups_apart(tiny) -> None:
    prints = {fingerprint(tiny(), "g"), fingerprint(tiny(learning_rate=0.002), "g"), fingerprint(tiny(), "h")}
    assert len(prints) == 3
    assert fingerprint(tiny(), "g") == fingerprint(tiny(), "g")


def test_the_last_ones_are_kept(tiny, start, tmp_path: Path) -> None:
    run = start(tiny(checkpoints_kept=2))
    for _ in range(4):
        advance(run, 1)
        run.around.checkpoints.save(run.learner)
    assert sorted(path.name for path in (tmp_path / "run" / FOLDER).iterdir()) == [
        "step-00000003.pt",
        "step-00000004.pt",
    ]


def test_a_damaged_one_gives_way_to_the_one_before(tiny, start, tmp_path: Path, caplog) -> None:
    run = start(tiny())
    for _ in range(2):
        advance(run, 1)
        run.around.checkpoints.save(run.learner)
    newest = tmp_path / "run" / FOLDER / "step-00000002.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert start(tiny()).learner.step == 1
    assert "an older checkpoint is tried" in caplog.text


def test_a_half_written_one_is_not_seen(tiny, start, tmp_path: Path) -> None:
    run = start(tiny())
    advance(run, 1)
    run.around.checkpoints.save(run.learner)
    (tmp_path / "run" / FOLDER / ".step-00000009.pt.partial").write_bytes(b"half")
    assert start(tiny()).learner.step == 1


def test_a_full_disk_is_one_clear_line(tiny, start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(tiny())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"No space left on device.*free space, then run train again"):
        run.around.checkpoints.save(run.learner)
    assert [path.name for path in (tmp_path / "run" / FOLDER).iterdir()] == ["step-00000000.pt"]


def test_removal(tiny, start, tmp_path: Path) -> None:
    run = start(tiny())
    run.around.checkpoints.save(run.learner)
    run.around.checkpoints.remove()
    assert not (tmp_path / "run" / FOLDER).exists()
    CheckpointStore(tmp_path / "run", "x", 1).resume(run.learner)
