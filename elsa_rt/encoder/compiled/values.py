"""Values of a graph while a program is written: where each stands, and who reads it."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled import codes
from elsa_rt.encoder.compiled.onnx_file import Graph, Node
from elsa_rt.encoder.compiled.places import Cell, Place
from elsa_rt.encoder.compiled.program import LANES, Writer
from elsa_rt.encoder.compiled.tensors import Joined, Shape, Tensor, plain_strides


class Values:
    """Values by their names, and the operations that make them.

    Attributes
    ----------
    writer : Writer
    known : dict of str to Tensor
    joined : dict of str to Joined
        Memories with the new rows behind them.
    beside : dict of str to int
        Columns of zeros on both sides of a value.
    readers : dict of str to list of Node
    """

    def __init__(self, graph: Graph) -> None:
        self._constants = dict(graph.constants)
        self.writer = Writer()
        self.known: dict[str, Tensor] = {}
        self.joined: dict[str, Joined] = {}
        self.beside: dict[str, int] = {}
        self.readers: defaultdict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for name in node.inputs:
                self.readers[name].append(node)
        for name, shape in graph.inputs.items():
            if not self.is_memory(name):
                self.known[name] = self.new(shape, lasts=True, is_state=name.startswith("state_"))

    def __getitem__(self, name: str) -> Tensor:
        """A value.

        Raises
        ------
        ValueError
            Nothing has made it.
        """
        if name not in self.known and name in self._constants:
            self.known[name] = self.constant(self._constants[name])
        if name not in self.known:
            raise ValueError(f"a value {name} from nowhere")
        return self.known[name]

    def matrix(self, name: str) -> NDArray[Any]:
        """A constant itself."""
        if name not in self._constants:
            raise ValueError(f"weights {name} that are no constant")
        return self._constants[name]

    def decode(self, node: Node) -> None:
        """Weights of one byte, with a scale for each output, as the floats that they stand for."""
        if len(node.inputs) != 2 or node.attributes.get("axis") != 0:
            raise ValueError("weights of one byte with zero points, or scales along another axis")
        whole, scale = map(self.matrix, node.inputs)
        shape = (-1, *[1] * (whole.ndim - 1))
        self._constants[node.outputs[0]] = whole.astype(np.float32) * scale.reshape(shape)

    def integers(self, name: str) -> list[int]:
        """The same of integers."""
        return [int(value) for value in self.matrix(name)]

    def is_memory(self, name: str) -> bool:
        """Whether a value is what convolutions look back on: rows that new ones follow."""
        return any(node.kind == "Concat" and node.attributes["axis"] == 2 and
                   node.inputs[0].startswith("state_") for node in self.readers[name]
                   if node.inputs[0] == name)  # fmt: skip

    def constant(self, values: NDArray[Any]) -> Tensor:
        """New constants."""
        return Tensor(self.writer.constant(values), values.shape, plain_strides(values.shape))

    def new(
        self, shape: Shape, *, floats: int = 0, lasts: bool = False, is_state: bool = False
    ) -> Tensor:
        """Room for values one after the other, and beyond them up to ``floats``."""
        size = max(floats, math.prod(shape))
        buffer = self.writer.buffer(size, lasts=lasts, is_state=is_state)
        return Tensor(Place(buffer, 0), shape, plain_strides(shape))

    def room(self, name: str, shape: Shape) -> Tensor:
        """Room for ``name``; with four axes its channels stand side by side."""
        if len(shape) != 4:
            self.known[name] = self.new(shape)
            return self.known[name]
        _, channels, rows, columns = shape
        pad = self._pad(name)
        deep = -(-channels // LANES) * LANES if channels > 1 else 1
        long = (columns + 2 * pad) * deep
        buffer = self.writer.buffer(rows * long, lasts=pad > 0)  # its zeros must stay
        self.beside[name] = pad
        self.known[name] = Tensor(Place(buffer, pad * deep), shape, (0, 1, long, deep))
        return self.known[name]

    def _pad(self, name: str) -> int:
        """Columns of zeros that the convolutions that read ``name`` ask for beside it."""
        pads = [0]
        for node in self.readers[name]:
            if node.kind == "Conv" and node.attributes["group"] == 1:
                pads.append(node.attributes["pads"][1])
            elif node.kind == "Concat" and node.attributes["axis"] == 2:
                pads.append(self._pad(node.outputs[0]))
        return max(pads)

    def plain(self, value: Tensor) -> Tensor:
        """The same values one after the other."""
        if value.is_plain:
            return value
        copied = self.new(value.shape)
        self.map(codes.COPY, copied, value)
        return copied

    def side_by_side(self, name: str) -> Tensor:
        """A value with four axes, its channels side by side."""
        value = self[name]
        if value.strides[1] == 1 or value.shape[1] == 1:
            return value
        self.map(codes.COPY, self.room(name, value.shape), value)
        return self.known[name]

    def map(self, code: int, y: Tensor, a: Tensor, b: Tensor | None = None) -> None:
        """A function of each value of ``a``, and of ``b``, into ``y``."""
        a, b = a.spread(y.shape), (a if b is None else b).spread(y.shape)
        axes = [axis for axis, size in enumerate(y.shape) if size > 1]
        lead = 3 - len(axes)
        if lead < 0:
            raise ValueError(f"a function of values of shape {y.shape}")
        # neighbours in memory come last
        first = a if code == codes.SUM else y
        axes.sort(key=lambda axis: (-first.strides[axis], -a.strides[axis]))
        cells: list[Cell] = [*[1] * lead, *(y.shape[axis] for axis in axes)]
        for tensor in (y, a, b):
            cells += [tensor.place, *[0] * lead, *(tensor.strides[axis] for axis in axes)]
        constant = (int(tensor.place.buffer is None) for tensor in (a, b))
        self.writer.add(codes.MAP, code, *cells, *constant)

    def sum(self, value: Tensor, axes: list[int], *, keep: bool) -> Tensor:
        """The sum along ``axes``, which stay with size 1 or go."""
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
        total = self.new(shape)
        self.map(codes.COPY, total, self.constant(np.zeros(1)))
        self.map(codes.SUM, total.spread(value.shape), value)
        rest = tuple(size for axis, size in enumerate(shape) if keep or axis not in axes)
        return Tensor(total.place, rest, plain_strides(rest))
