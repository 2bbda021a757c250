"""From a graph of one step to a program.

Values with four axes, (1, channel, time, mel), stand with their channels side by side, so that a
convolution is a product whose inputs lie in a row. Its activation, and a sum behind it, are done
with it. A state that convolutions look back on is a ring of rows that nobody moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from elsa_rt.encoder.compiled import codes
from elsa_rt.encoder.compiled.layers import convolution, dense, into_ring
from elsa_rt.encoder.compiled.onnx_file import Graph, Node
from elsa_rt.encoder.compiled.places import Place
from elsa_rt.encoder.compiled.program import Program
from elsa_rt.encoder.compiled.tensors import Joined, Tensor
from elsa_rt.encoder.compiled.values import Values

ACTIVATIONS = {"Relu": codes.RELU, "HardSwish": codes.HARD_SWISH}

ONE_VALUE = {
    **ACTIVATIONS, "Sigmoid": codes.SIGMOID, "Exp": codes.EXP, "Log": codes.LOG,
    "Gelu": codes.GELU, "Reciprocal": codes.RECIPROCAL,
}  # fmt: skip
TWO_VALUES = {
    "Add": codes.ADD, "Sub": codes.SUBTRACT, "Mul": codes.MULTIPLY, "Div": codes.DIVIDE,
    "Max": codes.MAX, "Min": codes.MIN,
}  # fmt: skip

_NEAREST = {
    "mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor",
}  # fmt: skip
"""Of a Resize that repeats each value."""


def lower(graph: Graph, outputs: Sequence[str]) -> Program:
    """A program that computes ``outputs`` of ``graph`` from its input ``frames``.

    Raises
    ------
    ValueError
        The graph has something that no program was made for.
    """
    try:
        return _Lowering(graph).program(outputs)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"a node without what it needs: {error!r}") from None


class _Lowering:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._values = Values(graph)
        self._done: set[int] = set()  # nodes that went into others
        self._followed: set[str] = set()  # states whose next ones were asked for, or written
        self._last_read = _last_read(graph)

    def program(self, outputs: Sequence[str]) -> Program:
        g = self._values
        for index, node in enumerate(self._graph.nodes):
            if id(node) not in self._done:
                self._lower(node)
            self._follow(index)
        self._follow(len(self._graph.nodes))
        places = {}
        for name in outputs:  # what a step gives stands until the next
            kept = g.new(g[name].shape, lasts=True)
            g.map(codes.COPY, kept, g[name])
            places[name] = kept.place
        return g.writer.program(g["frames"].place, places)

    def _follow(self, index: int) -> None:
        """Write the next states that are known once no node behind ``index`` reads the old ones.

        So soon, and not in the end: what lies between reading and writing one is within a unit.
        """
        g = self._values
        for name in self._graph.outputs:
            state = "state_" + name.removeprefix("next_")
            if not name.startswith("next_") or state in self._followed:
                continue
            over = index >= self._last_read.get(state, 0) and name in g.known
            if over or index == len(self._graph.nodes):
                g.map(codes.COPY, g[state], g[name])
                self._followed.add(state)

    def _lower(self, node: Node) -> None:
        g, kind = self._values, node.kind
        if kind in TWO_VALUES:
            one, other = (g[name] for name in node.inputs)
            shape = tuple(np.broadcast_shapes(one.shape, other.shape))
            g.map(TWO_VALUES[kind], g.room(node.outputs[0], shape), one, other)
        elif kind in ONE_VALUE and node.attributes.get("approximate", "none") == "none":
            value = g[node.inputs[0]]
            g.map(ONE_VALUE[kind], g.room(node.outputs[0], value.shape), value)
        elif kind in _HOW:
            _HOW[kind](self, node)
        else:
            raise ValueError(f"an operation {kind}")

    # shapes, which take no operation

    def _slice(self, node: Node) -> None:
        begins, ends, axes = map(self._values.integers, node.inputs[1:])
        state = "state_" + node.outputs[0].removeprefix("next_")
        if node.outputs[0].startswith("next_") and self._values.is_memory(state):
            self._check_next(node, state, (axes, begins, ends))
            return
        value = self._values[node.inputs[0]]
        for axis, begin, end in zip(axes, begins, ends, strict=True):
            if axis < 0 or not 0 <= begin < end <= value.shape[axis]:
                raise ValueError(f"a slice {begin} to {end} of {value.shape} along {axis}")
            value = value.part(axis, begin, end)
        self._values.known[node.outputs[0]] = value

    def _split(self, node: Node) -> None:
        g, axis, begin = self._values, _axis(node), 0
        for name, size in zip(node.outputs, g.integers(node.inputs[1]), strict=True):
            g.known[name] = g[node.inputs[0]].part(axis, begin, begin + size)
            begin += size

    def _transpose(self, node: Node) -> None:
        value = self._values[node.inputs[0]]
        self._values.known[node.outputs[0]] = value.turned(node.attributes["perm"])

    def _reshape(self, node: Node) -> None:
        g, value = self._values, self._values[node.inputs[0]]
        asked = g.integers(node.inputs[1])
        shape = tuple(size or value.shape[axis] for axis, size in enumerate(asked))
        if math.prod(shape) != math.prod(value.shape) or min(shape) < 1:
            raise ValueError(f"a shape {shape} of {value.shape}")
        found = value.reshaped(shape) or g.plain(value).reshaped(shape)
        assert found is not None
        g.known[node.outputs[0]] = found

    def _concat(self, node: Node) -> None:
        g, axis = self._values, _axis(node)
        if g.is_memory(node.inputs[0]):
            self._join(node)
            return
        values = [g[name] for name in node.inputs]
        shape = list(values[0].shape)
        shape[axis] = sum(value.shape[axis] for value in values)
        whole, begin = g.room(node.outputs[0], tuple(shape)), 0
        for value in values:
            end = begin + value.shape[axis]
            g.map(codes.COPY, whole.part(axis, begin, end), value)
            begin = end

    def _repeat(self, node: Node) -> None:
        """A Resize that repeats values: rows and columns, by whole numbers."""
        g, value, asked = self._values, self._values[node.inputs[0]], node.attributes
        scales = [float(size) for size in g.matrix(node.inputs[2])]
        times = [int(scale) for scale in scales]
        how = [asked.get(name) for name in _NEAREST]
        if how != [*_NEAREST.values()] or times != scales or times[:2] != [1, 1]:
            raise ValueError(f"a Resize by {scales} that is {how}")
        _, _, down, across = times
        shape = (*value.shape[:2], value.shape[2] * down, value.shape[3] * across)
        whole = g.room(node.outputs[0], shape)
        strides = (*whole.strides[:2], down * whole.strides[2], across * whole.strides[3])
        for row in range(down):
            for column in range(across):
                begin = whole.part(2, row, row + 1).part(3, column, column + 1).place
                g.map(codes.COPY, Tensor(begin, value.shape, strides), value)

    # memories

    def _join(self, node: Node) -> None:
        """A memory stands as the new rows do, whose last ones go into it."""
        g, (state, name) = self._values, node.inputs
        new, shape = g[name], self._graph.inputs[state]
        if new.place.buffer is None or (shape[1], shape[3]) != (new.shape[1], new.shape[3]):
            raise ValueError(f"a state {state} of shape {shape} beside {new.shape}")
        pad = g.beside.get(name, 0)
        buffer = g.writer.buffer(shape[2] * new.strides[2], lasts=True, is_state=True)
        kept = Tensor(Place(buffer, pad * new.strides[3]), shape, new.strides)
        g.joined[node.outputs[0]], g.beside[node.outputs[0]] = Joined(kept, new), pad

    def _check_next(self, node: Node, state: str, asked: tuple[list[int], ...]) -> None:
        """Refuse a next memory that is not the last rows of the old and the new ones."""
        (reader,) = self._values.readers[state]
        joined, whole = self._values.joined[reader.outputs[0]], node.inputs[0] == reader.outputs[0]
        rows = joined.rows if whole else joined.new.shape[2]
        last = ([2], [rows - joined.kept.shape[2]], [rows])
        if asked != last or node.inputs[0] not in (reader.outputs[0], reader.inputs[1]):
            raise ValueError(f"a next state {node.outputs[0]} that is not the last rows")
        self._followed.add(state)

    # layers and sums

    def _dense(self, node: Node) -> None:
        dense(self._values, node)

    def _conv(self, node: Node) -> None:
        joined = convolution(self._values, node, *self._behind(node))
        if joined is not None:
            into_ring(self._values, joined)

    def _behind(self, node: Node) -> tuple[str, int, Tensor | None]:
        """Name, activation and sum of what a convolution ends with; their nodes are done."""
        g, name = self._values, node.outputs[0]
        readers = g.readers[name]
        if len(readers) == 1 and readers[0].kind in ACTIVATIONS:
            self._done.add(id(readers[0]))
            return readers[0].outputs[0], ACTIVATIONS[readers[0].kind], None
        if len(readers) == 1 and readers[0].kind == "Add" and node.attributes["group"] == 1:
            others = [each for each in readers[0].inputs if each != name]
            if len(others) == 1 and others[0] in g.known and g[others[0]].strides[1] == 1:
                self._done.add(id(readers[0]))
                return readers[0].outputs[0], codes.COPY, g[others[0]]
        return name, codes.COPY, None

    def _sum(self, node: Node) -> None:
        self._values.known[node.outputs[0]] = self._summed(node, self._values[node.inputs[0]])

    def _mean(self, node: Node) -> None:
        g, value = self._values, self._values[node.inputs[0]]
        total = self._summed(node, value)
        share = np.prod([1 / value.shape[axis] for axis in g.integers(node.inputs[1])])
        g.map(codes.MULTIPLY, g.room(node.outputs[0], total.shape), total,
              g.constant(np.array([share])))  # fmt: skip

    def _length(self, node: Node) -> None:
        g, value = self._values, self._values[node.inputs[0]]
        square = g.new(value.shape)
        g.map(codes.MULTIPLY, square, value, value)
        total = self._summed(node, square)
        g.map(codes.ROOT, g.room(node.outputs[0], total.shape), total)

    def _summed(self, node: Node, value: Tensor) -> Tensor:
        axes = self._values.integers(node.inputs[1])
        if min(axes) < 0:
            raise ValueError(f"a sum along axis {min(axes)}")
        return self._values.sum(value, axes, keep=bool(node.attributes.get("keepdims", 1)))

    def _clip(self, node: Node) -> None:
        g = self._values
        value, low, high = (g[name] for name in node.inputs)
        found = g.room(node.outputs[0], value.shape)
        g.map(codes.MAX, found, value, low)
        g.map(codes.MIN, found, found, high)


def _last_read(graph: Graph) -> dict[str, int]:
    """The last node that reads each state."""
    found: dict[str, int] = {}
    for index, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name.startswith("state_"):
                # the nodes behind one that changes a shape read the state itself
                found[name] = len(graph.nodes) if node.kind in _OF_SHAPE else index
    return found


def _axis(node: Node) -> int:
    axis: int = node.attributes["axis"]
    if axis < 0:
        raise ValueError(f"an axis {axis}")
    return axis


_OF_SHAPE = ("Slice", "Split", "Transpose", "Reshape")

# no table of bound methods: a cycle would keep the whole graph until all garbage is collected
_HOW: Mapping[str, Callable[[_Lowering, Node], None]] = {
    "Slice": _Lowering._slice, "Split": _Lowering._split, "Transpose": _Lowering._transpose,
    "Reshape": _Lowering._reshape, "Concat": _Lowering._concat, "Conv": _Lowering._conv,
    "Gemm": _Lowering._dense, "ReduceSum": _Lowering._sum, "ReduceMean": _Lowering._mean,
    "ReduceL2": _Lowering._length, "Clip": _Lowering._clip, "Resize": _Lowering._repeat,
    "DequantizeLinear": lambda lowering, node: lowering._values.decode(node),
}  # fmt: skip
