"""Process groups of gloo on this machine: late, lost, uneven and many processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from swapcore.errors import ParamsError, TrainingError
from swapcore.training.distributed import (
    SETUP_TIMEOUT,
    TIMEOUT,
    Processes,
    checksum,
    join_processes,
    peer_errors,
    require_divisible,
    require_enough_groups,
)

ROOT = Path(__file__).parents[2]
HEAD = """
import sys, time
from types import SimpleNamespace
import numpy as np, torch
from swapcore import launched
from swapcore.training.distributed import join_processes
"""


def run_all(script: str, count: int, **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """Run a script in processes that find each other as torchrun's do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", HEAD + script],
            env=os.environ
            | {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count),
               "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1",
               "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
            | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=240) for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(started, outputs, strict=True)
    ]


DESCRIBE = """
from swapcore.models.source import SourceDescription
from swapcore.training import describing

describing.BATCH_SIZE = 4
computed = []

class Sampler:
    num_sources, size_px = 26, 2
    def sources_digest(self):
        return "sources"
    def source_images(self, first, last):
        numbers = torch.arange(first, min(last, self.num_sources), dtype=torch.float32)
        return numbers[:, None, None, None].expand(-1, 3, 2, 2)

def recognize(images):
    computed.append(len(images))
    return [images], torch.stack([images[:, 0, 0, 0], -images[:, 0, 0, 0]], 1)

def describe(processes, cache_megabytes):
    description = SourceDescription(2, 6)
    found = describing.describe_sources(
        description, Sampler(), recognize, torch.zeros(2), torch.device("cpu"),
        processes=processes, cache_megabytes=cache_megabytes)
    return np.asarray(found.raw).copy(), description.pooled_mean.clone(), found(np.arange(26))
"""


@pytest.mark.slow
def test_four_processes_share_the_descriptions_of_an_uneven_number_of_sources(tmp_path: Path) -> None:
    script = (
        DESCRIBE
        + """
with join_processes(torch.device("cpu")) as processes:
    for megabytes in (0, 1, 1):
        raw, mean, described = describe(processes, megabytes)
        assert (raw[:, 0] == np.arange(26)).all() and (raw[:, 6] == np.arange(26)).all(), raw
        torch.testing.assert_close(mean[:3], torch.full((3,), 12.5))
        torch.testing.assert_close(described[:, :3].mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    # 7 batches of at most 4 sources, shared by 4 processes; the third call finds the file.
    assert computed == [4, 4] * 2 if processes.rank < 2 else computed == [4, 2] * 2 if processes.rank == 2 else computed == [4] * 2
    print(processes.rank, processes.share(8))
"""
    )
    done = run_all(script, 4, SWAPCORE_CACHE=str(tmp_path))
    assert [each.returncode for each in done] == [0] * 4, [each.stderr[-600:] for each in done]
    assert len(list(tmp_path.glob("*.descriptions"))) == 1


@pytest.mark.slow
def test_a_process_that_is_late_in_the_set_up_still_trains(tmp_path: Path) -> None:
    """By more than the exchanges of a step allow."""
    script = (
        DESCRIBE
        + """
with join_processes(torch.device("cpu")) as processes:
    time.sleep(6 * processes.rank)  # e.g. decodes on a slower disk
    describe(processes, 1)
    processes.setup_barrier()
    assert processes.any(processes.rank == 1)
    print("trains")
"""
    )
    done = run_all(script, 2, SWAPCORE_CACHE=str(tmp_path), **{TIMEOUT: "3"})
    assert [each.returncode for each in done] == [0, 0], [each.stderr[-600:] for each in done]


@pytest.mark.slow
def test_a_process_lost_in_the_set_up_ends_the_others(tmp_path: Path) -> None:
    script = (
        DESCRIBE
        + """
from swapcore.errors import TrainingError
try:
    with join_processes(torch.device("cpu")) as processes:
        if processes.rank:
            import os; os._exit(9)
        describe(processes, 1)
except TrainingError as error:
    print(error)
    sys.exit(error.exit_code)
"""
    )
    done = run_all(script, 2, SWAPCORE_CACHE=str(tmp_path), **{SETUP_TIMEOUT: "20"})
    assert [each.returncode for each in done] == [3, 9]
    assert "another process of this training died or did not answer" in done[0].stdout


@pytest.mark.slow
def test_weights_are_shared_and_compared() -> None:
    script = """
from swapcore.errors import TrainingError

with join_processes(torch.device("cpu")) as processes:
    torch.manual_seed(processes.rank)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    try:
        processes.require_equal_weights([module])
    except TrainingError as error:
        assert "weights of the processes differ" in str(error)
    else:
        raise SystemExit("not noticed")
    processes.share_weights([module])
    processes.require_equal_weights([module])
    with torch.no_grad():
        module[0].bias[1] += 1e-6 * processes.rank
    try:
        processes.require_equal_weights([module])
    except TrainingError:
        print("noticed")
"""
    done = run_all(script, 2)
    assert [each.returncode for each in done] == [0, 0], [each.stderr[-600:] for each in done]
    assert [each.stdout for each in done] == ["noticed\n"] * 2


def test_one_process_needs_no_exchange() -> None:
    with join_processes(torch.device("cpu")) as processes:
        assert processes.setup_any(True)
        values = torch.ones(2)
        processes.setup_send(values, 0)
        processes.share_weights([torch.nn.Linear(1, 1)])
        processes.require_equal_weights([torch.nn.Linear(1, 1)])


def test_the_checksum_depends_on_every_bit() -> None:
    module = torch.nn.Linear(2, 2)
    before = checksum([module])
    assert checksum([module]) == before
    with torch.no_grad():
        module.weight[0, 0] = torch.nextafter(module.weight[0, 0], torch.tensor(9.0))
    assert checksum([module]) != before


def test_fewer_groups_than_processes_is_one_line() -> None:
    require_enough_groups(2, Processes(0, 2))
    with pytest.raises(ParamsError, match="1 accepted sample groups for 2 processes; start at most 1"):
        require_enough_groups(1, Processes(0, 2))


@pytest.mark.parametrize(("batch_size", "accumulate", "every"), [(9, 1, 1), (8, 3, 1), (12, 1, 4), (6, 2, 2)])
def test_a_batch_that_processes_cannot_share_is_one_line(batch_size: int, accumulate: int, every: int) -> None:
    with pytest.raises(
        ParamsError, match=f"^train.batch_size: {batch_size} is not a multiple of 2 processes"
    ) as caught:
        require_divisible(batch_size, accumulate, every, Processes(0, 2))
    assert "\n" not in str(caught.value)
    require_divisible(2 * accumulate * every, accumulate, every, Processes(0, 2))
    require_divisible(batch_size, 1, every, Processes(0, 1))  # alone there is nothing to share


def test_an_error_of_nccl_at_a_later_read_keeps_the_exit_code() -> None:
    with (
        pytest.raises(TrainingError, match="another process of this training died") as caught,
        peer_errors(Processes(0, 2)),
    ):
        raise RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:2 remote process exited or there was a network error")
    assert caught.value.exit_code == 3
    with pytest.raises(RuntimeError, match="CUDA error"), peer_errors(Processes(0, 2)):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="NCCL"), peer_errors(Processes(0, 1)):
        raise RuntimeError("NCCL error")


@pytest.mark.parametrize("variable", [TIMEOUT, SETUP_TIMEOUT])
@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan"])
def test_a_timeout_that_is_no_number_is_one_line(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(variable, value)
    with (
        pytest.raises(ParamsError, match=f"{variable}: '{value}' is not a number of seconds"),
        join_processes(torch.device("cpu")),
    ):
        pass
