"""The audio encoder as the device runs it: one step, in few nodes.

The exporter writes the network as it trains, for any number of steps at once. One step needs much
less: a recurrence over time is one line, the fading means of squeeze and excitation share their
count, and layers with one input are one product. The outputs are the same to rounding.

Nodes are named by the modules that they come from, as `export.bundles.precision` asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from elsa_rt.encoder.onnx import STREAMS

Weights = Mapping[str, NDArray[np.float32]]

OPSET, IR = 20, 10
"""What ONNX Runtime 1.18 reads."""


class GraphWriter:
    """Writes nodes; values are their names."""

    def __init__(self) -> None:
        self.scope = "student"
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._states = 0

    def model(self) -> onnx.ModelProto:
        """The graph as a checked model."""
        graph = helper.make_graph(
            self._nodes, "step", self._inputs, self._outputs, list(self._constants.values())
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
        onnx.checker.check_model(model)
        return model

    def input(self, name: str, *shape: int) -> str:
        """An input of the graph, its first axis the streams."""
        self._inputs.append(_value(name, shape))
        return name

    def output(self, name: str, *shape: int) -> str:
        """An output of the graph."""
        self._outputs.append(_value(name, shape))
        return name

    def state(self, *shape: int) -> tuple[str, str]:
        """A state: the input that holds it, and the output that is the next one."""
        name = f"{self._states:02d}"
        self._states += 1
        return self.input(f"state_{name}", *shape), self.output(f"next_{name}", *shape)

    def floats(self, values: Any) -> str:
        """A constant of float32."""
        return self._constant(np.asarray(values, np.float32), f"{self.scope}.{len(self._nodes)}")

    def bytes(self, values: NDArray[np.int8]) -> str:
        """A constant of int8."""
        return self._constant(values, f"{self.scope}.{len(self._nodes)}.bytes")

    def integers(self, *values: int) -> str:
        """A constant of int64."""
        return self._constant(np.array(values, np.int64), "_".join(map(str, ("shape", *values))))

    def _constant(self, array: NDArray[Any], name: str) -> str:
        if array.dtype == np.float32:
            while name in self._constants:
                name += "_"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(
        self, kind: str, *inputs: str, to: str | Sequence[str] | None = None, parts: int = 1,
        **attributes: Any,
    ) -> Any:  # fmt: skip
        """A node; returns the name of its output, or those of its ``parts``."""
        name = f"{self.scope}/{kind}_{len(self._nodes)}"
        outputs = [f"{name}:{part}" for part in range(parts)] if to is None else to
        outputs = [outputs] if isinstance(outputs, str) else list(outputs)
        self._nodes.append(helper.make_node(kind, list(inputs), outputs, name, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    def slice(self, x: str, axes: Sequence[int], begin: Sequence[int], end: Sequence[int],
              to: str | None = None) -> str:  # fmt: skip
        """Part of ``x`` along ``axes``."""
        limits = (self.integers(*values) for values in (begin, end, axes))
        return str(self.node("Slice", x, *limits, to=to))

    def reshape(self, x: str, *shape: int, to: str | None = None) -> str:
        """``x`` with ``shape`` behind the axis of the streams."""
        return str(self.node("Reshape", x, self.integers(0, *shape), to=to))

    def linear(self, x: str, weight: NDArray[Any], bias: NDArray[Any]) -> str:
        """``x`` (n, k) times ``weight`` (m, k), plus ``bias`` (m,)."""
        return str(self.node("Gemm", x, self.floats(weight.T), self.floats(bias)))

    def conv(
        self, x: str, weight: NDArray[Any], bias: NDArray[Any], *, pad: int = 0,
        strides: tuple[int, int] = (1, 1), dilation: int = 1, group: int = 1,
    ) -> str:  # fmt: skip
        """A convolution that pads, by zeros, and dilates one axis each: mel, and time."""
        return str(
            self.node(
                "Conv",
                x,
                self.floats(weight),
                self.floats(bias),
                kernel_shape=weight.shape[2:],
                pads=[0, pad, 0, pad],
                strides=list(strides),
                dilations=[dilation, 1],
                group=group,
            )
        )

    def unit(self, x: str, floor: float) -> str:
        """``x`` (n, k) at unit length; what is shorter than ``floor`` stays shorter."""
        length = self.node("ReduceL2", x, self.integers(1), keepdims=1)
        return str(self.node("Div", x, self.node("Max", length, self.floats(floor))))


def _value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [STREAMS, *shape])


def read_weights(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """The student's weights, by the names that torch has for them, in a graph of the exporter."""
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    found = {
        name.removeprefix("student."): array
        for name, array in constants.items()
        if name.startswith("student.")
    }
    for node in model.graph.node:  # those of linear layers are turned round and named anew
        module = node.name.split("/")[0].removeprefix("student.")
        if node.op_type == "MatMul" and node.input[1] in constants and f"{module}.bias" in found:
            found[f"{module}.weight"] = constants[node.input[1]].T
    return found
