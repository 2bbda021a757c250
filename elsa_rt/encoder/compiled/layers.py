"""Layers with weights, written as operations of a program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled import codes
from elsa_rt.encoder.compiled.onnx_file import Node
from elsa_rt.encoder.compiled.places import Cell
from elsa_rt.encoder.compiled.program import DENSE_LANES, LANES
from elsa_rt.encoder.compiled.tensors import Joined, Tensor
from elsa_rt.encoder.compiled.values import Values

COLUMNS_AT_ONCE = 4


def dense(g: Values, node: Node) -> None:
    """A Gemm; what it adds may be a constant or a value, and multiplied by its beta."""
    attributes = node.attributes
    if attributes.get("transA") or attributes.get("transB") or attributes.get("alpha", 1) != 1:
        raise ValueError("a Gemm that turns or scales its inputs")
    x, weight, added = g.plain(g[node.inputs[0]]), g.matrix(node.inputs[1]), g[node.inputs[2]]
    inputs, outputs = weight.shape
    panels = [codes.PANEL * LANES] * (-(-outputs // DENSE_LANES) * 4 // codes.PANEL)
    weights, scale = g.writer.weights(weight, panels)
    added = g.plain(added)
    factor = g.writer.constant(np.array([attributes.get("beta", 1.0)]))
    g.known[node.outputs[0]] = y = g.new((1, outputs), floats=sum(panels))
    constant = int(added.place.buffer is None)
    g.writer.add(codes.DENSE, inputs, outputs, x.place, weights, scale, added.place, constant,
                 factor, y.place)  # fmt: skip


def convolution(
    g: Values, node: Node, name: str, activation: int, residual: Tensor | None
) -> Joined | None:
    """A Conv with what stands behind it; ``name`` is that of its result.

    Returns the memory that it looks back on, if it does.
    """
    weight, bias = (g.matrix(each) for each in node.inputs[1:3])
    outputs, inputs, high, wide = weight.shape
    (stride, along), pads = node.attributes["strides"], node.attributes["pads"]
    dilation, beside = node.attributes["dilations"]
    if pads[0] or pads[2] or pads[1] != pads[3] or beside != 1:
        raise ValueError("a convolution that pads time, or dilates mel")
    joined = g.joined.get(node.inputs[0])
    x = joined.new if joined else g.side_by_side(node.inputs[0])
    rows_in = joined.rows if joined else x.shape[2]
    rows = (rows_in - dilation * (high - 1) - 1) // stride + 1
    columns = (x.shape[3] + 2 * pads[1] - wide) // along + 1
    y = g.room(name, (1, outputs, rows, columns))
    begin: Sequence[Cell] = (rows, columns, *_rows(x, joined))
    if node.attributes["group"] == 1:
        if columns % COLUMNS_AT_ONCE:
            raise ValueError(f"a convolution to {columns} columns")
        if pads[1] > g.beside.get(node.inputs[0], 0):
            raise ValueError(f"{node.inputs[0]} without room for its pad")
        panels = _panels(outputs)
        matrix = weight.transpose(2, 3, 1, 0).reshape(high * wide * inputs, outputs)
        # channels that fill their vectors lie in a row with those of the next column
        pieces, run = (1, wide * inputs) if x.strides[3] == inputs else (wide, inputs)
        weights, scale = g.writer.weights(matrix, panels)
        added: Sequence[Cell] = (-1, 0, 0)
        if residual is not None:
            added = (residual.place, residual.strides[2], residual.strides[3])
        g.writer.add(
            codes.CONV, *begin, -pads[1] * x.strides[3], along * x.strides[3], stride, high,
            dilation, pieces, x.strides[3], run, weights, scale, g.writer.constant(bias),
            sum(panels), y.place, y.strides[2], y.strides[3], activation, *added,
        )  # fmt: skip
    elif node.attributes["group"] == outputs and inputs == 1 and residual is None:
        each = _eights(weight[:, 0].transpose(1, 2, 0))
        g.writer.add(
            codes.DEPTHWISE, *begin, x.shape[3], x.strides[3], pads[1], along, stride, high, wide,
            dilation, g.writer.constant(each), g.writer.constant(bias), each.shape[-1], y.place,
            y.strides[2], y.strides[3], activation,
        )  # fmt: skip
    else:
        raise ValueError("a convolution in groups")
    return joined


def into_ring(g: Values, joined: Joined) -> None:
    """New rows take the place of the oldest of a memory."""
    kept, new = joined
    rows, last = kept.shape[2], min(kept.shape[2], new.shape[2])
    width = new.shape[3] * new.strides[3]
    for row in range(last):
        source = new.part(2, new.shape[2] - last + row, new.shape[2]).place
        g.writer.add(codes.RING, kept.place, source, rows, last, row, new.strides[2], width)


def _rows(x: Tensor, joined: Joined | None) -> Sequence[Cell]:
    """New rows, floats of one, the ring before them, its rows, and how many go into it."""
    if joined is None:
        return x.place, x.strides[2], 0, 0, 0
    kept = joined.kept.shape[2]
    return x.place, x.strides[2], joined.kept.place, kept, min(kept, joined.new.shape[2])


def _panels(outputs: int) -> list[int]:
    """Widths of the panels of a convolution's weights."""
    left, found = -(-outputs // LANES), list[int]()
    while left:
        found.append(LANES * codes.panel(left))
        left -= codes.panel(left)
    return found


def _eights(weight: NDArray[np.floating]) -> NDArray[np.floating]:
    """Weights (..., channels) with zeros up to a whole vector."""
    rest = -weight.shape[-1] % LANES
    return np.concatenate([weight, np.zeros((*weight.shape[:-1], rest))], axis=-1)
