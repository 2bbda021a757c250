"""Floats or doubles side by side, for kernels of which Numba would make no vectors.

`LANES` floats are a register of AVX2 or of AVX-512, or two of NEON; four doubles are half of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba.extending as extending
from llvmlite import ir
from numba import types
from numba.core.datamodel import models

from elsa_rt.jit.shipped import lanes

LANES = lanes()

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)
_FLOAT = ir.FloatType()
_DOUBLES = ir.VectorType(ir.DoubleType(), 4)
_QUARTER = ir.VectorType(ir.IntType(8), 16)


class _Vector(types.Type):
    def __init__(self, name: str, kind: Any) -> None:
        super().__init__(name)
        self.kind = kind


VECTOR, DOUBLES = _Vector("floats", _FLOATS), _Vector("four_doubles", _DOUBLES)


@extending.register_model(_Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.kind)  # type: ignore[no-untyped-call]


def _operation(given: str, build: Callable[..., Any], result: Any = VECTOR) -> Callable[..., Any]:
    """A function of Numba that ``build(builder, *values)`` writes in LLVM's language.

    ``given`` holds a letter for each argument: ``v`` a vector, ``d`` four doubles, ``p`` an
    address, ``f`` a float.
    """
    kinds = {"v": VECTOR, "d": DOUBLES, "p": types.int64, "f": types.float32}
    signature = result(*(kinds[letter] for letter in given))

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        found = build(builder, *values)
        return context.get_dummy_value() if result is types.void else found

    names = ", ".join(f"x{n}" for n in range(len(given)))
    scope: dict[str, Any] = {"signature": signature, "generate": generate}
    exec(f"def operation(context, {names}):\n    return signature, generate", scope)  # nosec B102
    made: Callable[..., Any] = extending.intrinsic(scope["operation"])
    return made


def _constant(value: float) -> Any:
    return ir.Constant(_FLOATS, [value] * LANES)


def _call(builder: Any, name: str, *values: Any) -> Any:
    """An intrinsic of LLVM that takes and gives vectors."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS] * len(values))
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, values)


def _read(builder: Any, address: Any, kind: Any, align: int) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def _read_weights(builder: Any, address: Any) -> Any:
    """By fours, so that no byte crosses from one quarter of a register into another."""
    quarters = _quarters(builder, address)
    count = quarters.type.count
    # the first of the zeros comes below the three bytes that are kept
    order = [
        count if byte % 4 == 0 else byte // 16 * 16 + byte % 16 // 4 * 3 + byte % 4 - 1
        for byte in range(count)
    ]
    none = ir.Constant(quarters.type, [0] * count)
    whole = builder.shuffle_vector(quarters, none, _order(order))
    return builder.sitofp(builder.bitcast(whole, _INTEGERS), _FLOATS)


def _quarters(builder: Any, address: Any) -> Any:
    """Four weights, twelve bytes, at the beginning of each quarter of a register."""
    if LANES == 16:  # one instruction of AVX-512 reads all and sorts their words
        words = _read(builder, address, _INTEGERS, 1)
        order = [word // 4 * 3 + min(word % 4, 2) for word in range(16)]
        whole = builder.shuffle_vector(words, words, _order(order))
        return builder.bitcast(whole, ir.VectorType(ir.IntType(8), 64))
    one, other = (
        _read(builder, builder.add(address, ir.Constant(ir.IntType(64), bytes_)), _QUARTER, 1)
        for bytes_ in (0, 12)
    )
    return builder.shuffle_vector(one, other, _order(range(32)))


def _order(places: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))


def _spread(builder: Any, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, _index(0))
    return builder.shuffle_vector(
        one, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTEGERS, [0] * LANES)
    )


def _read_each(builder: Any, address: Any, times: int) -> Any:
    """``LANES / times`` floats, each so many times."""
    few = _read(builder, address, ir.VectorType(_FLOAT, LANES // times), 4)
    return builder.shuffle_vector(few, few, _order([lane // times for lane in range(LANES)]))


def _alternate(builder: Any, x: Any, y: Any, together: int, half: int) -> Any:
    """So many floats of the first or the second ``half`` of x, as many of y, and so on."""
    if together == LANES:  # where nobody calls it, it is compiled nevertheless
        return (x, y)[half]
    order = list[int]()
    for begin in range(half * LANES // 2, (half + 1) * LANES // 2, together):
        order += [*range(begin, begin + together), *range(LANES + begin, LANES + begin + together)]
    return builder.shuffle_vector(x, y, _order(order))


def _every_other(builder: Any, x: Any, y: Any, first: int, step: int) -> Any:
    """Every other float of x and y behind each other; with a negative ``step`` from the end on."""
    order = list(range(first, 2 * LANES, 2))[::step]
    return builder.shuffle_vector(x, y, _order(order))


def _index(lane: int) -> Any:
    return ir.Constant(ir.IntType(32), lane)


def _read_double(builder: Any, address: Any) -> Any:
    value, none = _read(builder, address, ir.DoubleType(), 8), ir.Constant(_DOUBLES, ir.Undefined)
    one = builder.insert_element(none, value, _index(0))
    return builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4))


def _write(builder: Any, address: Any, value: Any, align: int = 4) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def _write_first(builder: Any, address: Any, value: Any) -> None:
    first = builder.extract_element(value, _index(0))
    builder.store(first, builder.inttoptr(address, _FLOAT.as_pointer()), align=4)


def _power_of_two(builder: Any, value: Any) -> Any:
    whole = builder.add(builder.fptosi(value, _INTEGERS), ir.Constant(_INTEGERS, [127] * LANES))
    return builder.bitcast(builder.shl(whole, ir.Constant(_INTEGERS, [23] * LANES)), _FLOATS)


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def _smaller(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", one, other), one, other)


def _sum(builder: Any, value: Any) -> Any:
    """By halves, as the registers are."""
    parts = [builder.extract_element(value, _index(lane)) for lane in range(LANES)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [builder.fadd(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


read = _operation("p", lambda b, at: _read(b, at, _FLOATS, 4))
read_weights = _operation("p", _read_weights)
"""Integers of three bytes, 256 times as large, as floats; it reads a third more bytes."""
read_one = _operation("p", lambda b, at: _spread(b, _read(b, at, _FLOAT, 4)))
"""One float in every lane."""
read_twos = _operation("p", lambda b, at: _read_each(b, at, 2))
read_eights = _operation("p", lambda b, at: _read_each(b, at, 8))
"""`LANES` / 2 floats, each twice, and `LANES` / 8, each eight times."""
low_ones = _operation("vv", lambda b, x, y: _alternate(b, x, y, 1, 0))
high_ones = _operation("vv", lambda b, x, y: _alternate(b, x, y, 1, 1))
low_twos = _operation("vv", lambda b, x, y: _alternate(b, x, y, 2, 0))
high_twos = _operation("vv", lambda b, x, y: _alternate(b, x, y, 2, 1))
low_eights = _operation("vv", lambda b, x, y: _alternate(b, x, y, 8, 0))
high_eights = _operation("vv", lambda b, x, y: _alternate(b, x, y, 8, 1))
"""One, two or eight floats of the one, as many of the other, in turn: of their first or second
halves. Those of eights are for vectors of sixteen floats."""
evens = _operation("vv", lambda b, x, y: _every_other(b, x, y, 0, 1))
odds = _operation("vv", lambda b, x, y: _every_other(b, x, y, 1, 1))
evens_backwards = _operation("vv", lambda b, x, y: _every_other(b, x, y, 0, -1))
odds_backwards = _operation("vv", lambda b, x, y: _every_other(b, x, y, 1, -1))
"""Every other float of the one and the other, which follow each other in memory."""
spread = _operation("f", _spread)
zero = _operation("", lambda b: _constant(0.0))
write = _operation("pv", _write, types.void)
write_first = _operation("pv", _write_first, types.void)
add = _operation("vv", lambda b, x, y: b.fadd(x, y))
subtract = _operation("vv", lambda b, x, y: b.fsub(x, y))
multiply = _operation("vv", lambda b, x, y: b.fmul(x, y))
divide = _operation("vv", lambda b, x, y: b.fdiv(x, y))
multiply_add = _operation("vvv", lambda b, x, y, z: _call(b, f"llvm.fmuladd.v{LANES}f32", x, y, z))
larger = _operation("vv", _larger)
smaller = _operation("vv", _smaller)
nearest_whole = _operation("v", lambda b, x: _call(b, f"llvm.rint.v{LANES}f32", x))
power_of_two = _operation("v", _power_of_two)
"""Of whole numbers -126..127."""
first = _operation("v", lambda b, x: b.extract_element(x, _index(0)), types.float32)
total = _operation("v", _sum, types.float32)
root = _operation("v", lambda b, x: _call(b, f"llvm.sqrt.v{LANES}f32", x))
logarithm = _operation("v", lambda b, x: _call(b, f"llvm.log.v{LANES}f32", x))
read_doubles = _operation("p", lambda b, at: _read(b, at, _DOUBLES, 8), DOUBLES)
read_double = _operation("p", _read_double, DOUBLES)
"""One double, four times."""
write_doubles = _operation("pd", lambda b, at, x: _write(b, at, x, 8), types.void)
add_doubles = _operation("dd", lambda b, x, y: b.fadd(x, y), DOUBLES)
subtract_doubles = _operation("dd", lambda b, x, y: b.fsub(x, y), DOUBLES)
multiply_doubles = _operation("dd", lambda b, x, y: b.fmul(x, y), DOUBLES)
