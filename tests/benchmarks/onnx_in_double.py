"""Runs an exported ONNX graph in double precision with torch, as onnxruntime has no such convolution on the CPU.

It tells what an exported graph computes apart from the order in which float32 sums are rounded. Only the operators
that exports have are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx
import torch
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

Attributes = Mapping[str, Any]


def in_double(content: bytes) -> Callable[[Tensor], Tensor]:
    """The function of clips that an ONNX file holds, in double precision."""
    proto = onnx.load_model_from_string(content)
    constants = {item.name: _tensor(numpy_helper.to_array(item)) for item in proto.graph.initializer}
    last_use = {name: number for number, node in enumerate(proto.graph.node) for name in node.input}

    def scores(clip: Tensor) -> Tensor:
        values: dict[str, Any] = {"": None, proto.graph.input[0].name: clip.double(), **constants}
        for number, node in enumerate(proto.graph.node):
            values[node.output[0]] = _run(node, [values[name] for name in node.input])
            values.update({name: None for name in node.input if last_use[name] == number})
        found: Tensor = values[proto.graph.output[0].name]
        return found

    return scores


def _tensor(array: Any) -> Tensor:
    tensor = torch.from_numpy(array.copy())
    return tensor.double() if tensor.is_floating_point() else tensor


def _run(node: NodeProto, given: list[Any]) -> Any:
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    known = RUN.get(node.op_type)
    if known is None:
        raise NotImplementedError(f"the ONNX operator {node.op_type}")
    return known(attributes, *given)


def _convolution(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads, num = attributes.get("pads"), weight.dim() - 2
    padding = tuple(pads[:num]) if pads else (0,) * num
    assert not pads or tuple(pads[num:]) == padding
    strides, dilations = attributes.get("strides", (1,) * num), attributes.get("dilations", (1,) * num)
    groups = attributes.get("group", 1)
    return functional.conv3d(x, weight, bias, tuple(strides), padding, tuple(dilations), groups)


def _pool(attributes: Attributes, x: Tensor) -> Tensor:
    pads, kernel = tuple(attributes.get("pads", (0,) * 6)), tuple(attributes["kernel_shape"])
    assert pads[:3] == pads[3:]
    assert not attributes.get("ceil_mode")
    return functional.max_pool3d(x, kernel, tuple(attributes["strides"]), pads[:3])


def _norm(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return functional.batch_norm(x, mean, variance, weight, bias, eps=attributes.get("epsilon", 1e-5))


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _reshape(attributes: Attributes, x: Tensor, sizes: Tensor) -> Tensor:
    assert not (attributes.get("allowzero") and 0 in sizes)
    kept = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes.tolist())]
    return x.reshape(kept)


def _slice(_: Attributes, x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor, steps: Tensor | None = None) -> Tensor:
    every = steps.tolist() if steps is not None else [1] * len(axes)
    index = [slice(None)] * x.dim()
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), every, strict=True):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def _unsqueezed(_: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


RUN: Mapping[str, Callable[..., Any]] = {
    "Add": lambda _, a, b: a + b,
    "BatchNormalization": _norm,
    "Concat": lambda attributes, *parts: torch.cat([torch.atleast_1d(part) for part in parts], attributes["axis"]),
    "Conv": _convolution,
    "Div": lambda _, a, b: a / b,
    "Gather": lambda attributes, x, index: x.index_select(attributes.get("axis", 0), torch.atleast_1d(index)),
    "Gemm": _gemm,
    "MatMul": lambda _, a, b: a @ b,
    "MaxPool": _pool,
    "Mul": lambda _, a, b: a * b,
    "ReduceMean": lambda attributes, x, axes: x.mean(axes.tolist(), keepdim=bool(attributes.get("keepdims", 1))),
    "Relu": lambda _, x: x.relu(),
    "Reshape": _reshape,
    "Shape": lambda attributes, x: torch.tensor(x.shape[attributes.get("start", 0) : attributes.get("end")]),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": _slice,
    "Softmax": lambda attributes, x: x.softmax(attributes.get("axis", -1)),
    "Squeeze": lambda _, x, axes: x.squeeze(tuple(axes.tolist())),
    "Transpose": lambda attributes, x: x.permute(*attributes["perm"]),
    "Unsqueeze": _unsqueezed,
}
