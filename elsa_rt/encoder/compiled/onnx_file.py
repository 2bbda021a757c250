"""ONNX files read without ONNX: nodes, constants, and the shapes of what goes in and out.

The file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding); of
its fields (onnx.proto) those are read that a graph of float32 needs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Message = dict[int, list[Any]]

_TYPES: Mapping[int, np.dtype[Any]] = {
    1: np.dtype("<f4"), 3: np.dtype("i1"), 7: np.dtype("<i8"),
}  # fmt: skip


class Node(NamedTuple):
    """One operation; an attribute is an int, a float, or a tuple of ints."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Graph(NamedTuple):
    """Nodes in their order; a free axis of an input or output counts as 1."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


def read_graph(data: bytes) -> Graph:
    """The graph of an ONNX file.

    Raises
    ------
    ValueError
        It holds what is not read here, or is no such file.
    """
    try:
        (model,) = _message(memoryview(data))[7]
        graph = _message(model)
        return Graph(
            tuple(_node(_message(each)) for each in graph.get(1, [])),
            dict(_tensor(_message(each)) for each in graph.get(5, [])),
            dict(_value(_message(each)) for each in graph.get(11, [])),
            dict(_value(_message(each)) for each in graph.get(12, [])),
        )
    except (KeyError, IndexError, TypeError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"no ONNX graph: {error!r}") from None


_PARTS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Where tensors may be: the kind of message by the number of its field."""

_ELSEWHERE = (13, 14)  # external_data and data_location of a tensor


def has_external_data(data: bytes) -> bool:
    """Whether values of an ONNX file lie in another file; False where it is no such file."""
    waiting = [("model", memoryview(data))]
    try:
        while waiting:
            kind, message = waiting.pop()
            for number, value in _fields(message):
                if kind == "tensor":
                    if number in _ELSEWHERE and value != 0:
                        return True
                elif number in _PARTS[kind]:
                    waiting.append((_PARTS[kind][number], value))
    except (ValueError, IndexError, TypeError):
        pass  # the engine will say what is wrong
    return False


def _node(fields: Message) -> Node:
    attributes = dict(_attribute(_message(each)) for each in fields.get(5, []))
    inputs, outputs = (tuple(map(_text, fields.get(number, []))) for number in (1, 2))
    return Node(_text(fields[4][0]), inputs, outputs, attributes)


def _attribute(fields: Message) -> tuple[str, Any]:
    name = _text(fields[1][0])
    if 2 in fields:
        return name, struct.unpack("<f", fields[2][0])[0]
    if 3 in fields:
        return name, _signed(fields[3][0])
    if 4 in fields:
        return name, _text(fields[4][0])
    return name, tuple(_integers(fields.get(8, [])))


def _tensor(fields: Message) -> tuple[str, NDArray[Any]]:
    shape, kind = tuple(_integers(fields.get(1, []))), _TYPES[fields[2][0]]
    if 9 not in fields or 13 in fields:
        raise ValueError("a constant whose values are not in the file as bytes")
    return _text(fields[8][0]), np.frombuffer(fields[9][0], kind).reshape(shape)


def _value(fields: Message) -> tuple[str, Shape]:
    (kind,) = _message(fields[2][0])[1]
    tensor = _message(kind)
    if tensor[1] != [1]:
        raise ValueError("a value that is not float32")
    axes = (_message(each) for each in _message(tensor[2][0]).get(1, []))
    return _text(fields[1][0]), tuple(axis[1][0] if 1 in axis else 1 for axis in axes)


def _message(data: memoryview) -> Message:
    """Values of a message by the number of their field."""
    found: Message = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + size > len(data):
            raise IndexError("the file is cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _integers(values: list[Any]) -> Iterator[int]:
    """Of a repeated field, packed or one by one."""
    for value in values:
        if isinstance(value, int):
            yield _signed(value)
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            yield _signed(one)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _text(data: memoryview) -> str:
    return bytes(data).decode()
