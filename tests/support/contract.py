"""What every streaming stage promises, checked in one place.

A stage has ``step(x)``, ``reset()``, ``block``, ``latency``, and ``flush()`` if it holds
anything back that the end of the signal should release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

ODD_SIZES = (1, 63, 64, 65, 481)

Join = Callable[[list[Any]], Sequence[NDArray[Any]]]
"""Makes arrays of the outputs of all steps together; the outputs may be of any kind."""


class Stage(Protocol):
    """What is checked."""

    block: int
    latency: int

    def step(self, x: Any, /) -> Any: ...

    def reset(self) -> None: ...


def joined(axis: int = -1) -> Join:
    """For stages that give arrays, or named tuples of arrays, with time on ``axis``."""

    def join(outputs: list[Any]) -> list[NDArray[Any]]:
        if isinstance(outputs[0], tuple):
            return [np.concatenate(parts, axis) for parts in zip(*outputs, strict=True)]
        return [np.concatenate(outputs, axis)]

    return join


def splits(count: int, sizes: Sequence[int] = ODD_SIZES, seed: int = 0) -> Iterator[list[int]]:
    """Ways to cut ``count`` items: each of ``sizes`` throughout, and random ones with zeros."""
    for size in sizes:
        yield [size] * (count // size) + [count % size]
    rng = np.random.default_rng(seed)
    pieces: list[int] = []
    while sum(pieces) < count:
        pieces.append(min(int(rng.integers(0, 700)), count - sum(pieces)))
    yield pieces


def run(stage: Stage, x: NDArray[Any], pieces: Sequence[int], join: Join, axis: int = -1) -> Any:
    """All that ``stage`` gives for ``x`` cut into ``pieces`` along ``axis``, flushed if it can.

    Each piece is overwritten with NaN once it has been taken: nobody may keep it.
    """
    outputs = []
    position = 0
    for size in pieces:
        piece = np.take(x, range(position, position + size), axis)
        outputs.append(stage.step(piece))
        piece[...] = np.nan
        position += size
    assert position == x.shape[axis]
    if hasattr(stage, "flush"):
        outputs.append(stage.flush())
    return join(outputs)


def check_streaming(
    make: Callable[[], Stage],
    x: NDArray[Any],
    join: Join,
    *,
    axis: int = -1,
    tolerance: float = 0.0,
    sizes: Sequence[int] = ODD_SIZES,
) -> Sequence[NDArray[Any]]:
    """Any split of ``x`` gives what the whole gives, and `reset` makes a stage new.

    Zero tolerance means equal in bits. Gives the outputs of the whole.
    """
    count = x.shape[axis]
    whole = run(make(), x, [count], join, axis)
    assert any(part.size for part in whole), "the signal is too short to give any output"
    for pieces in splits(count, sizes):
        _same(run(make(), x, pieces, join, axis), whole, tolerance, f"pieces of {pieces[:3]}...")
    used = make()
    used.step(np.take(x, range(count // 2 + 1), axis))
    used.reset()
    _same(run(used, x, [count], join, axis), whole, tolerance, "after reset()")
    return whole


def check_declared(
    make: Callable[[], Stage],
    x: NDArray[Any],
    count: Callable[[Any], int],
    *,
    axis: int = -1,
    ratio: float = 1.0,
    held: int = 0,
    slack: int = 0,
    sizes: Sequence[int] = (1, 481),
) -> None:
    """The output never trails the input by more than declared, nor less by over ``slack``.

    ``count`` tells the outputs of a step. With n items in, ``n * ratio - held`` of them are due
    in whole blocks; ``held`` is the share of ``latency`` that is waiting and not look-back.
    """
    for size in sizes:
        stage = make()
        given, worst = 0, 0.0
        for end in range(size, x.shape[axis] + 1, size):
            given += count(stage.step(np.take(x, range(end - size, end), axis)))
            trail = end * ratio - given * stage.block
            assert trail > -1, f"{given} outputs for {end} inputs come from the future"
            worst = max(worst, trail)
        allowed = held + stage.block
        assert worst <= allowed, f"the output trails by {worst}, {allowed} are declared"
        if size == min(sizes):
            assert worst >= allowed - 1 - slack, f"{allowed} are declared, only {worst} are used"


def _same(
    got: Sequence[NDArray[Any]], want: Sequence[NDArray[Any]], tolerance: float, case: str
) -> None:
    assert [part.shape for part in got] == [part.shape for part in want], case
    for one, other in zip(got, want, strict=True):
        if tolerance:
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=case)
        else:
            assert one.tobytes() == other.tobytes(), f"{case}: bits differ"
