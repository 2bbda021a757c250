"""Tensors as a program sees them: a place, and a stride for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from elsa_rt.encoder.compiled.places import Place

Shape = tuple[int, ...]


class Tensor(NamedTuple):
    """Values in a buffer or among the constants; strides count floats."""

    place: Place
    shape: Shape
    strides: Shape

    @property
    def is_plain(self) -> bool:
        """Whether the values stand one after the other."""
        return all(
            size == 1 or stride == plain
            for size, stride, plain in zip(
                self.shape, self.strides, plain_strides(self.shape), strict=True
            )
        )

    def part(self, axis: int, begin: int, end: int) -> Tensor:
        """Values ``begin`` to ``end`` along an axis."""
        place = self.place._replace(offset=self.place.offset + begin * self.strides[axis])
        shape = (*self.shape[:axis], end - begin, *self.shape[axis + 1 :])
        return Tensor(place, shape, self.strides)

    def turned(self, order: Sequence[int]) -> Tensor:
        """The same with its axes in another order."""
        return Tensor(
            self.place, tuple(self.shape[a] for a in order), tuple(self.strides[a] for a in order)
        )

    def reshaped(self, shape: Shape) -> Tensor | None:
        """The same values in another shape; None where they would have to be moved."""
        if self.is_plain:
            return Tensor(self.place, shape, plain_strides(shape))
        long = [(size, stride) for size, stride in zip(self.shape, self.strides, strict=True)
                if size > 1]  # fmt: skip
        if [size for size, _ in long] != [size for size in shape if size > 1]:
            return None
        strides = iter(stride for _, stride in long)
        return Tensor(self.place, shape, tuple(next(strides) if n > 1 else 0 for n in shape))

    def spread(self, shape: Shape) -> Tensor:
        """The same for another shape: along axes that it has once, its values count for all.

        Raises
        ------
        ValueError
            It does not fit.
        """
        own = (1,) * (len(shape) - len(self.shape)) + self.shape
        strides = (0,) * (len(shape) - len(self.shape)) + self.strides
        if any(mine not in (1, size) for mine, size in zip(own, shape, strict=True)):
            raise ValueError(f"values of shape {self.shape} do not spread to {shape}")
        found = (0 if mine == 1 else stride for mine, stride in zip(own, strides, strict=True))
        return Tensor(self.place, shape, tuple(found))


class Joined(NamedTuple):
    """A memory of rows followed by new ones, along axis 2."""

    kept: Tensor
    new: Tensor

    @property
    def rows(self) -> int:
        """Of both."""
        return self.kept.shape[2] + self.new.shape[2]


def plain_strides(shape: Shape) -> Shape:
    """Strides of values that stand one after the other."""
    strides, size = [], 1
    for count in reversed(shape):
        strides.append(size)
        size *= count
    return tuple(reversed(strides))
