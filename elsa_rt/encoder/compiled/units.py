"""Units of a program: stretches of operations that one step goes through before the next one.

Steps of one stream that are made ahead, where sound is there already, go through a program side by
side: a unit for each of them, then the next unit. Wide dense layers are units of their own, in
which steps share the weights: those are most of what a step reads, from beyond the second cache.
What a step reads of the step before lies within one unit.
"""

from __future__ import annotations

from collections.abc import Sequence

from elsa_rt.encoder.compiled.codes import DENSE
from elsa_rt.encoder.compiled.places import Buffer, Cell, Place, used_in

WIDE_FROM = 1 << 14
"""Weights of a dense layer that is worth it."""

Rows = Sequence[Sequence[Cell]]
Units = Sequence[tuple[int, int, int]]
"""First operation of each unit, the one behind its last, and 1 where steps share its weights."""


def units_of(rows: Rows, frames: Place) -> Units:
    """Units of the operations ``rows`` of a program, which read ``frames`` in the first of them."""
    used = used_in(rows)
    whole = [around for buffer, around in used.items() if buffer.is_state]
    whole += [(0, used[buffer][1]) for buffer in [frames.buffer] if buffer in used]
    units, begin = list[tuple[int, int, int]](), 0
    for index, row in enumerate(rows):
        if _is_wide(row) and not any(first <= index <= last for first, last in whole):
            units += [(begin, index, 0)] if begin < index else []
            units.append((index, index + 1, 1))
            begin = index + 1
    return [*units, (begin, len(rows), 0)] if begin < len(rows) else units


def crossing_of(rows: Rows, units: Units) -> set[Buffer]:
    """Buffers that go from unit to unit: steps that are made together have one each."""
    unit_at = [unit for unit, (begin, end, _) in enumerate(units) for _ in range(begin, end)]
    return {
        buffer
        for buffer, (first, last) in used_in(rows).items()
        if not buffer.is_state and unit_at[first] != unit_at[last]
    }


def _is_wide(row: Sequence[Cell]) -> bool:
    kind, inputs, outputs = row[:3]
    return kind == DENSE and int(inputs) * int(outputs) >= WIDE_FROM  # type: ignore[arg-type]
