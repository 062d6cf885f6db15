"""Fake CUDA tensors on a machine without a GPU: devices, dtypes and shapes are checked, nothing is computed."""

import ctypes
import shutil
import subprocess
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

CUDA = torch.device("cuda", 0)
_aten = torch.ops.aten
_DATA_DEPENDENT = {_aten.nonzero.default, _aten.masked_select.default, _aten.is_nonzero.default, _aten.equal.default}
_PRODUCTS = {_aten.mm.default, _aten.bmm.default, _aten.addmm.default, _aten.baddbmm.default}
_SAMPLERS = {_aten.grid_sampler_2d.default, _aten.affine_grid_generator.default, _aten.cudnn_grid_sampler.default}
_LOW = (torch.bfloat16, torch.float16)
_MAX_COORDINATES = 3


_GUARD = """
#include <new>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/FakeGuardImpl.h>
using Guard = c10::impl::FakeGuardImpl<c10::DeviceType::CUDA>;
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

struct Hooks : at::CUDAHooksInterface {
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  void init() const override {}
  int getNumGPUs() const override { return 1; }
  c10::DeviceIndex current_device() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
};
static_assert(sizeof(Hooks) == sizeof(at::CUDAHooksInterface));
// torch keeps the hooks that it made on import, so they are replaced in place.
extern "C" void register_hooks() {
  new (const_cast<at::CUDAHooksInterface*>(&at::detail::getCUDAHooks())) Hooks();
}
"""
"""A guard of the current device that does nothing; and hooks with which autograd's engine accepts CUDA tensors."""


@cache
def register_guard() -> ctypes.CDLL | None:
    """Give a build of torch without CUDA the guard; compiled in some seconds.

    Skips the test where no compiler is.

    Returns:
        The library with the hooks; None for a build with CUDA, which needs neither.
    """
    if torch.backends.cuda.is_built():
        return None
    if not (compiler := shutil.which("g++")):
        pytest.skip("fake CUDA tensors need g++ with a build of torch without CUDA; install g++")
    torch_folder = Path(torch.__file__).parent
    with tempfile.TemporaryDirectory() as name:
        source, library = Path(name) / "guard.cpp", Path(name) / "guard.so"
        source.write_text(_GUARD)
        words = [compiler, "-std=c++20", "-O0", "-shared", "-fPIC", f"-I{torch_folder / 'include'}", str(source)]
        libraries = [f"-L{torch_folder / 'lib'}", "-lc10", "-ltorch_cpu"]
        subprocess.run([*words, "-o", str(library), *libraries], check=True, capture_output=True)
        return ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)


class Observer(TorchDispatchMode):
    """Counts operations, and notes where the host would wait for the GPU or positions would lose precision."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.waits: list[str] = []
        self.imprecise: list[str] = []
        self.low_precision = 0
        """Number of convolutions in bf16 or fp16."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [each for each in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        self.operations[str(func)] += 1
        if func is _aten._local_scalar_dense.default:
            self.waits.append(f"item{_own_line()}")
            return 1.0
        self._note_waits(func, args, kwargs)
        low = any(each.dtype in _LOW for each in tensors)
        if low and (func in _SAMPLERS or (func in _PRODUCTS and any(self._is_coordinates(each) for each in tensors))):
            self.imprecise.append(f"{func} {[tuple(each.shape) for each in tensors]}")
        self.low_precision += low and func in (_aten.convolution.default, _aten._convolution.default)
        return func(*args, **kwargs)

    def _note_waits(self, func: Any, args: Any, kwargs: Any) -> None:
        if func in _DATA_DEPENDENT:
            self.waits.append(str(func))
        if func in (_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default):
            indices = [each for each in args[1] if each is not None]
            self.waits += [f"{func} with a mask" for each in indices if each.dtype == torch.bool]
        if func is _aten._to_copy.default:
            source, target = args[0].device, kwargs.get("device") or args[0].device
            if torch.device(target).type != source.type and not (kwargs.get("non_blocking") and source.type == "cpu"):
                self.waits.append(f"copy from {source} to {target}{_own_line()}")
        if func is _aten.copy_.default and args[0].device.type != args[1].device.type:
            self.waits.append(f"copy from {args[1].device} to {args[0].device}{_own_line()}")

    @staticmethod
    def _is_coordinates(tensor: torch.Tensor) -> bool:
        return tensor.ndim >= 2 and min(tensor.shape[-2:]) <= _MAX_COORDINATES


def _own_line() -> str:
    """Return where in the package the current operation was started; empty outside of it."""
    frames = [frame for frame in traceback.extract_stack() if "/swapcore/" in frame.filename]
    return f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


@contextmanager
def fake_cuda(*, own_engine: bool = False) -> Iterator[Observer]:
    """Compute with fake tensors; ``CUDA`` works as a device, and values that are read from it are ones.

    Args:
        own_engine: run autograd's engine, in a process that has computed no gradient before: the engine makes its threads once,
            for the devices that exist then. Otherwise every weight gets a gradient without a backward pass.
    """
    library = register_guard()
    if own_engine and library is not None:
        library.register_hooks()
    observer = Observer()

    def tolist(tensor: torch.Tensor) -> Any:
        observer.waits.append("tolist")
        return [1.0] * tensor.numel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
        patch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
        patch.setattr(FakeTensor, "tolist", tolist)
        if not own_engine:
            patch.setattr(torch.Tensor, "backward", give_gradients)
        patch.setattr(torch.nn.Module, "to", on_fake_cuda)
        with FakeTensorMode(allow_non_fake_inputs=True), observer:
            yield observer


def give_gradients(total: torch.Tensor) -> None:
    """Give every weight that the total depends on a gradient, in place of autograd's engine."""
    waiting, seen = [total.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (weight := getattr(node, "variable", None)) is not None:
            weight.grad = torch.empty_like(weight)
        waiting += [following for following, _ in node.next_functions]


def on_fake_cuda(module: Any, *_: object, **__: object) -> Any:
    """Replace a module's weights and buffers by fake ones on CUDA; torch's own ``to`` cannot swap fake parameters."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = torch.nn.Parameter(_like(weight), requires_grad=weight.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = _like(buffer)
    return module


def _like(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=CUDA)
