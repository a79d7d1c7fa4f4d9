"""Differences and quotients of kept copies: computed when they are looked at, never held; a difference once a pair."""

from __future__ import annotations

import math
from typing import Any

from stepper.engines import pieces
from stepper.engines.base import Engine
from stepper.engines.pieces import Pieces
from stepper.engines.pool import POOL
from stepper.engines.statistics import counting_difference, differences_of, of_difference
from stepper.inferior.copies import Copy
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
                made = _there(new, old, weight)
            else:
                made = Copy.derived(
                    self._arrays,
                    lambda: subtract(new, old),
                    lambda: self._describe(new, old),
                    weight,
                    lambda: self._pieces(new, old),
                )
            self._made[key] = (made, new, old)
        return self._made[key][0]

    def quotient(self, copy: Copy, divisor: float) -> Copy:
        """`copy` divided by a positive number, in its own dtype. Its summary is the copy's, divided."""

        def make() -> Any:
            import numpy

            with numpy.errstate(all="ignore"):
                return copy.engine.ndarray(copy.kept) / divisor

        return Copy.derived(self._arrays, make, lambda: copy.summary.divided(divisor), 1 << 62)

    def _describe(self, new: Copy, old: Copy) -> Summary:
        import numpy

        pair = _side_by_side(new, old)
        if pair is None:
            return self._arrays.describe(subtract(new, old))
        with numpy.errstate(all="ignore"):
            found = of_difference(*pair)
        return found.summary("ndarray", new.engine.extents(new.kept), "float64", "cpu")

    def _pieces(self, new: Copy, old: Copy) -> Pieces | None:
        pair = _side_by_side(new, old)
        if pair is None or 8 * pair[0].size < pieces.MANY:
            return None
        return Pieces(self._bare(new), lambda: differences_of(*pair), steps=lambda: counting_difference(*pair))

    def _bare(self, new: Copy) -> Summary:
        return Summary("tensor", "ndarray", new.engine.extents(new.kept), "float64", "cpu")

    def clear(self) -> None:
        """Forget them: a new record begins."""
        self._made.clear()


def _side_by_side(new: Copy, old: Copy) -> tuple[Any, Any] | None:
    """The numbers of both, flat, in the same order; None for complex ones, or where they do not lie alike."""
    after, before = new.engine.ndarray(new.kept), old.engine.ndarray(old.kept)
    if "c" in (after.dtype.kind, before.dtype.kind):
        return None
    if _order(after) != _order(before) or not (after.flags.forc and before.flags.forc):
        return None
    return after.ravel(order="K"), before.ravel(order="K")


def _there(new: Copy, old: Copy, weight: int) -> Copy:
    """The difference of two copies that lie on a device, worked out there."""
    engine = new.engine

    def make() -> Any:
        return engine.subtract(new.kept, old.kept)

    return Copy.derived(engine, make, lambda: engine.describe(make()), weight)


def _order(array: Any) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in array.strides)


def subtract(new: Copy, old: Copy) -> Any:
    """new − old in float64; of complex numbers in complex128."""
    import numpy

    after, before = new.engine.ndarray(new.kept), old.engine.ndarray(old.kept)
    if "c" in (after.dtype.kind, before.dtype.kind):
        with numpy.errstate(all="ignore"):
            return numpy.subtract(after, before, dtype=numpy.complex128)
    out = POOL.take(8 * after.size).view(numpy.float64).reshape(after.shape)
    with numpy.errstate(all="ignore"):
        return numpy.subtract(after, before, out=out, dtype=numpy.float64)
