"""Differences and quotients of kept copies: computed when they are looked at, never held; a difference once a pair."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import msgspec

from stepper.engines import pieces
from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine
from stepper.engines.pieces import Pieces
from stepper.engines.pool import POOL
from stepper.engines.statistics import counting_difference, differences_of, of_difference
from stepper.inferior.recording.copies import Copy
from stepper.record import Summary


class Differences:
    """What is made of pairs of copies in one record. `arrays` is the engine for arrays of our own."""

    def __init__(self, arrays: Engine) -> None:
        self._arrays = arrays
        self._made: dict[tuple[int, int], tuple[Copy, Copy, Copy]] = {}

    def of(self, new: Copy, old: Copy) -> Copy:
        """new − old in float64, of two copies of equal shape whose numbers can be read."""
        key = (id(new), id(old))
        if key not in self._made:
            weight = 8 * math.prod(new.engine.extents(new.kept) or ())
            if new.elsewhere and old.elsewhere and new.engine is old.engine:
                made = Copy.derived(new.engine, _DifferenceThere(new, old), weight)
            else:
                made = Copy.derived(self._arrays, _Difference(self._arrays, new, old), weight)
            self._made[key] = (made, new, old)
        return self._made[key][0]

    def quotient(self, copy: Copy, divisor: float) -> Copy:
        """`copy` divided by a positive number, in its own dtype. Its summary is the copy's, divided."""
        return Copy.derived(self._arrays, _Quotient(copy, divisor), 1 << 62)

    def clear(self) -> None:
        """Forget them: a new record begins."""
        self._made.clear()


# All of a long run stay: kept from the collector of cycles, as the copies are that they are made of.


class _Difference(msgspec.Struct, gc=False, eq=False):
    """new − old in float64."""

    unmade: ClassVar[bool] = True
    arrays: Engine
    new: Copy
    old: Copy

    def value(self) -> Any:
        return subtract(self.new, self.old)

    def describe(self) -> Summary:
        numpy = numpy_module()
        pair = _side_by_side(self.new, self.old)
        if pair is None:
            return self.arrays.describe(self.value())
        with numpy.errstate(all="ignore"):
            found = of_difference(*pair)
        return found.summary("ndarray", self.new.engine.extents(self.new.kept), "float64", "cpu")

    def pieces(self) -> Pieces | None:
        pair = _side_by_side(self.new, self.old)
        if pair is None or 8 * pair[0].size < pieces.MANY:
            return None
        bare = Summary("tensor", "ndarray", self.new.engine.extents(self.new.kept), "float64", "cpu")
        return Pieces(bare, lambda: differences_of(*pair), steps=lambda: counting_difference(*pair))


class _DifferenceThere(msgspec.Struct, gc=False, eq=False):
    """new − old, of two copies that lie on a device, worked out there."""

    unmade: ClassVar[bool] = False
    new: Copy
    old: Copy

    def value(self) -> Any:
        return self.new.engine.subtract(self.new.kept, self.old.kept)

    def describe(self) -> Summary:
        return self.new.engine.describe(self.value())

    def pieces(self) -> None:
        return None


class _Quotient(msgspec.Struct, gc=False, eq=False):
    """A copy divided by a positive number."""

    unmade: ClassVar[bool] = True
    copy: Copy
    divisor: float

    def value(self) -> Any:
        numpy = numpy_module()
        with numpy.errstate(all="ignore"):
            return self.copy.engine.ndarray(self.copy.kept) / self.divisor

    def describe(self) -> Summary:
        return self.copy.summary.divided(self.divisor)

    def pieces(self) -> None:
        return None


def _side_by_side(new: Copy, old: Copy) -> tuple[Any, Any] | None:
    """The numbers of both, flat, in the same order; None for complex ones, or where they do not lie alike."""
    after, before = new.engine.ndarray(new.kept), old.engine.ndarray(old.kept)
    if "c" in (after.dtype.kind, before.dtype.kind):
        return None
    if _order(after) != _order(before) or not (after.flags.forc and before.flags.forc):
        return None
    return after.ravel(order="K"), before.ravel(order="K")


def _order(array: Any) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in array.strides)


def subtract(new: Copy, old: Copy) -> Any:
    """new − old in float64; of complex numbers in complex128."""
    numpy = numpy_module()
    after, before = new.engine.ndarray(new.kept), old.engine.ndarray(old.kept)
    if "c" in (after.dtype.kind, before.dtype.kind):
        with numpy.errstate(all="ignore"):
            return numpy.subtract(after, before, dtype=numpy.complex128)
    out = POOL.take(8 * after.size).view(numpy.float64).reshape(after.shape)
    with numpy.errstate(all="ignore"):
        return numpy.subtract(after, before, out=out, dtype=numpy.float64)
