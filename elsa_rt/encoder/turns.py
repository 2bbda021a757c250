"""State of streams in two sets of buffers that take turns: one is read, the other written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

Shape = tuple[int, ...]
Buffer = TypeVar("Buffer")
Prepared = TypeVar("Prepared")

States = dict[str, Buffer]


class Turns(Generic[Buffer, Prepared]):
    """Buffers by the names of states, and what an engine prepares to run from one set to the other.

    Parameters
    ----------
    shapes : of the states, by name
    make : gives a buffer of a shape, zeroed
    prepare : gives what runs a step that reads the first set and writes the second
    in_place : bool
        The step may write each state where it reads it, so that one set will do.
    """

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        make: Callable[[Shape], Buffer],
        prepare: Callable[[States[Buffer], States[Buffer]], Prepared],
        *,
        in_place: bool = False,
    ) -> None:
        one: States[Buffer] = {name: make(shape) for name, shape in shapes.items()}
        other = one if in_place else {name: make(shape) for name, shape in shapes.items()}
        self._sets = one, other
        run = prepare(one, other)
        self._runs = run, run if in_place else prepare(other, one)
        self._turn = 0

    @property
    def state(self) -> States[Buffer]:
        """The buffers that hold the state now."""
        return self._sets[self._turn]

    @property
    def following(self) -> States[Buffer]:
        """The buffers that the next step writes."""
        return self._sets[1 - self._turn]

    @property
    def run(self) -> Prepared:
        """What runs the next step."""
        return self._runs[self._turn]

    def turn(self) -> None:
        """The step has run: what it wrote is the state."""
        self._turn = 1 - self._turn
