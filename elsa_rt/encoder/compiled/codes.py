"""Numbers of operations and of functions in the table of a program, and sizes of what they read."""

from __future__ import annotations

from elsa_rt.jit.shipped import lanes

CONV, DENSE, DEPTHWISE, MAP, RING = range(5)
"""Kinds of operations."""

(
    COPY, SUM, ADD, SUBTRACT, MULTIPLY, DIVIDE, MAX, MIN,
    RELU, HARD_SWISH, SIGMOID, EXP, GELU, RECIPROCAL, ROOT, LOG,
) = range(16)  # fmt: skip
"""Functions; an activation is one of them, `COPY` where there is none."""

COLUMNS = 27
"""Of the table; what a kind leaves over is 0."""

BYTES, WEIGHT = 4, 3
"""Of a float, and of a weight: an integer with a scale for each output, as exact as a float."""

WIDE, WEIGHTS = lanes() * BYTES, lanes() * WEIGHT
"""Bytes of the values, and of the weights, of a vector."""


PANEL = 2 if lanes() == 16 else 4
"""Vectors of outputs of a dense layer whose weights stand side by side, input by input. Two are
what `connect_four` reads in one go; where vectors are short they are less than a cache line."""

TOGETHER = 4
"""Streams that go through a program side by side, and what `connect_four` takes at once."""

AHEAD = 8
"""Steps of one stream that do, where sound is there already."""


def panel(left: int) -> int:
    """How many vectors of outputs a convolution computes together, of ``left`` to be computed."""
    if left == 1:
        return 1
    return 2 if left == 2 or left == 4 else 3
