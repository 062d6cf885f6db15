"""Choice of device, precision and threads."""

import pytest
import torch

from swapcore.errors import ParamsError
from swapcore.ops.device import autocast, number_format, require_compiler, select_device, set_threads, single_thread


def test_auto_selects_an_available_device() -> None:
    assert select_device("auto").type in {"cuda", "mps", "cpu"}
    assert select_device("cpu") == torch.device("cpu")


def test_an_absent_device_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"cuda:99 is not available .* use auto or cpu"):
        select_device("cuda:99")


@pytest.mark.parametrize("name", ["gpu", "meta", "cpu:x"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=f"device: {name} is not a device; use auto"):
        select_device(name)


def test_bf16_is_used_on_request() -> None:
    x = torch.rand(4, 4)
    with autocast(torch.device("cpu"), "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with autocast(torch.device("cpu"), "fp32"):
        assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(("amx", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_precision_is_bf16_on_cpus_with_amx(monkeypatch: pytest.MonkeyPatch, amx: bool, chosen: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": amx})
    assert number_format(torch.device("cpu"), "auto") == chosen
    assert number_format(torch.device("cpu"), "fp32") == "fp32"
    assert number_format(torch.device("mps"), "auto") == "fp32"


def test_zero_threads_keep_torchs_choice() -> None:
    before = torch.get_num_threads()
    set_threads(0)
    assert torch.get_num_threads() == before


def test_single_thread_is_undone_after_an_error() -> None:
    @single_thread()
    def fail() -> None:
        raise ValueError(f"{torch.get_num_threads()} thread")

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ValueError, match="1 thread"):
            fail()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("device", "compiler"), [("cpu", r"g\+\+"), ("cuda", "gcc")])
def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch, device: str, compiler: str) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ParamsError, match=f"train.step.compile: needs {compiler}, which is not on PATH"):
        require_compiler(torch.device(device))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    require_compiler(torch.device(device))
