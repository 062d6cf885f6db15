import pytest
import torch

from swapcore.errors import ParamsError
from swapcore.ops.device import autocast, number_format, select_device, set_threads


def test_auto_takes_what_there_is() -> None:
    assert select_device("auto").type in {"cuda", "mps", "cpu"}
    assert select_device("cpu") == torch.device("cpu")


def test_an_absent_device_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"cuda:99 is not there .* use auto or cpu"):
        select_device("cuda:99")


def test_bf16_is_used_where_asked_for() -> None:
    x = torch.rand(4, 4)
    with autocast(torch.device("cpu"), "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with autocast(torch.device("cpu"), "fp32"):
        assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(("amx", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_the_processor_multiplies_matrices_of_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": amx})
    assert number_format(torch.device("cpu"), "auto") == chosen
    assert number_format(torch.device("cpu"), "fp32") == "fp32"
    assert number_format(torch.device("mps"), "auto") == "fp32"


def test_zero_threads_leave_torchs_choice() -> None:
    before = torch.get_num_threads()
    set_threads(0)
    assert torch.get_num_threads() == before
