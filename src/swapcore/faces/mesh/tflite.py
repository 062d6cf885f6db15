"""Floating-point TensorFlow Lite graphs as torch modules."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from swapcore.errors import ArtifactError, first_line
from swapcore.faces.mesh.attention import CUSTOM_OPERATIONS
from swapcore.faces.mesh.flatbuffer import Table, read_flexbuffer

# Operators and tensor types of TensorFlow Lite's schema.
_ADD, _CONCAT, _CONV, _DEPTHWISE, _DEQUANTIZE, _MAX_POOL, _MUL = 0, 2, 3, 4, 6, 17, 18
_RELU, _RESHAPE, _RESIZE, _CUSTOM, _PAD, _SLICE, _PRELU = 19, 22, 23, 32, 34, 45, 54
_DTYPES: Final = {0: "<f4", 1: "<f2", 2: "<i4"}
_SAME: Final = 0
_ACTIVATIONS: Final[dict[int, Callable[[torch.Tensor], torch.Tensor]]] = {0: lambda x: x, 1: F.relu, 3: F.relu6}

Operation = Callable[..., torch.Tensor]


class Step(NamedTuple):
    """One operator of the graph; tensors are named by their index in the file."""

    operation: Operation
    inputs: list[int]
    output: int


class TfliteNetwork(nn.Module):
    """A frozen network from a .tflite file; differentiable, for any batch size and device."""

    def __init__(self, path: Path) -> None:
        """Read the graph and its weights.

        Raises:
            ArtifactError: the file is damaged or has an operator that is not supported.
        """
        super().__init__()
        try:
            graph = _Graph(path.read_bytes())
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RuntimeError,  # torch, and a nesting that is too deep
            struct.error,
        ) as error:
            raise ArtifactError(
                f"{path}: cannot be read as a network: {first_line(error)}; install its package again"
            ) from None
        self.steps = graph.steps
        self._modules_of_steps = nn.ModuleList(
            step.operation for step in self.steps if isinstance(step.operation, nn.Module)
        )
        self.custom_options = graph.custom_options
        self._input = graph.input
        self._outputs = graph.outputs
        for index in sorted({i for step in self.steps for i in step.inputs if i in graph.constants}):
            self.register_buffer(f"constant_{index}", graph.constants[index], persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Run the graph.

        Args:
            images: float32 (B, 3, H, W), of the size and range that the file was made for.

        Returns:
            The file's outputs, channels last, their first size B.
        """
        values = {self._input: images}
        for step in self.steps:
            inputs = [values[i] if i in values else self.get_buffer(f"constant_{i}") for i in step.inputs]
            values[step.output] = step.operation(*inputs)
        return [_channels_last(values[i]) for i in self._outputs]


class _Graph:
    """What the file says: steps in order, constants by tensor index, inputs and outputs."""

    def __init__(self, data: bytes) -> None:
        model = Table.root(data)
        self._codes = [(max(code.number(0), code.number(3, "i")), code.array(1, "u1")) for code in model.tables(1)]
        graph, buffers = model.tables(2)[0], model.tables(4)
        self.input, self.outputs = int(graph.array(1)[0]), graph.array(2).tolist()
        tensors = graph.tables(0)
        self._shapes = [tensor.array(0).tolist() for tensor in tensors]
        self.constants: dict[int, torch.Tensor] = {}
        for index, tensor in enumerate(tensors):
            raw = buffers[tensor.number(2, "I")].array(0, "u1")
            if len(raw):
                value = np.frombuffer(raw.tobytes(), _DTYPES[tensor.number(1)]).reshape(self._shapes[index])
                self.constants[index] = torch.from_numpy(value.copy())
        self.custom_options: list[tuple[str, dict[str, Any]]] = []
        self.steps: list[Step] = []
        for operator in graph.tables(3):
            self._add(operator)

    def _add(self, operator: Table) -> None:
        kind, name = self._codes[operator.number(0, "I")]
        inputs, output = operator.array(1).tolist(), int(operator.array(2)[0])
        if kind == _DEQUANTIZE:  # weights stored in half precision
            self.constants[output] = self.constants[inputs[0]].float()
        elif kind == _CUSTOM:
            options = read_flexbuffer(operator.array(5, "u1").tobytes())
            self.custom_options.append((bytes(name).decode("ascii"), options))
            self.steps.append(Step(CUSTOM_OPERATIONS[bytes(name).decode("ascii")](options), inputs, output))
        elif kind in (_CONV, _DEPTHWISE):
            self.steps.append(Step(self._convolution(kind, operator.table(4), inputs), inputs, output))
        elif kind in (_RESIZE, _PAD):
            self.steps.append(Step(self._resampling(kind, operator, inputs), inputs[:1], output))
        elif kind == _RESHAPE:
            self.steps.append(Step(_reshape(self._shapes[output][1:]), inputs[:1], output))
        elif kind == _SLICE:
            if self._shapes[inputs[0]] != self._shapes[output]:
                raise ValueError("a slice that cuts something off")
            self.steps.append(Step(lambda x: x, inputs[:1], output))
        else:
            self.steps.append(Step(_simple(kind, operator), inputs, output))

    def _convolution(self, kind: int, options: Table, inputs: list[int]) -> Operation:
        weight = self.constants[inputs[1]]  # out, height, width, in; of a depthwise one: 1, height, width, out
        order = (0, 3, 1, 2) if kind == _CONV else (3, 0, 1, 2)
        self.constants[inputs[1]] = weight.permute(order).contiguous()
        stride = (options.number(2, "i"), options.number(1, "i"))
        activation = _ACTIVATIONS[options.number(3 if kind == _CONV else 4)]
        return _convolve(stride, weight.shape[3] if kind == _DEPTHWISE else 1, options.number(0) == _SAME, activation)

    def _resampling(self, kind: int, operator: Table, inputs: list[int]) -> Operation:
        numbers = self.constants[inputs[1]].tolist()
        if kind == _RESIZE:
            align_corners = bool(operator.table(4).number(2))
            return lambda x: F.interpolate(x, numbers, mode="bilinear", align_corners=align_corners)
        _, height, width, channels = numbers
        return lambda x: F.pad(x, (*width, *height, *channels))


def _simple(kind: int, operator: Table) -> Operation:
    """Operators that need no constants of the file but their inputs."""
    if kind == _ADD:
        activation = _ACTIVATIONS[operator.table(4).number(0)]
        return lambda x, y: activation(x + y)
    if kind == _MUL:
        return lambda x, y: x * y
    if kind == _RELU:
        return F.relu
    if kind == _PRELU:
        return lambda x, slope: F.prelu(x, slope.flatten())
    if kind == _CONCAT:
        axis = operator.table(4).number(0, "i")
        return lambda *parts: torch.cat(parts, axis)
    if kind == _MAX_POOL:
        return _max_pool(operator.table(4))
    raise ValueError(f"operator {kind} is not supported")


def _max_pool(options: Table) -> Operation:
    stride = (options.number(2, "i"), options.number(1, "i"))
    size = (options.number(4, "i"), options.number(3, "i"))
    same = options.number(0) == _SAME
    return lambda x: F.max_pool2d(_pad_same(x, size, stride, -torch.inf) if same else x, size, stride)


def _convolve(
    stride: tuple[int, int], groups: int, same: bool, activation: Callable[[torch.Tensor], torch.Tensor]
) -> Operation:
    def convolve(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        if same:
            x = _pad_same(x, (weight.shape[2], weight.shape[3]), stride, 0.0)
        return activation(F.conv2d(x, weight, bias, stride, groups=groups))

    return convolve


def _reshape(shape: list[int]) -> Operation:
    """In the file's order, channels last; the batch size is the input's."""

    def reshape(x: torch.Tensor) -> torch.Tensor:
        y = _channels_last(x).reshape(len(x), *shape)
        return y.permute(0, 3, 1, 2) if y.ndim == 4 else y

    return reshape


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def _pad_same(x: torch.Tensor, size: tuple[int, int], stride: tuple[int, int], value: float) -> torch.Tensor:
    """TensorFlow's padding SAME, where an odd pixel is added at the end."""
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[2:], size, stride, strict=True)]
    if not any(total):
        return x
    top, left = total[0] // 2, total[1] // 2
    return F.pad(x, (left, total[1] - left, top, total[0] - top), value=value)
