"""A random direction through all entries of a value, or a part of them: one step up or down in each. It follows from a
seed alone, so that two processes have the same one without telling each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

AT_ONCE = 1 << 20  # entries whose copy in double precision is made


def signs(seed: int, size: int) -> NDArray[numpy.int8]:
    """`size` numbers, +1 or −1 with equal chance; of a single entry always +1."""
    import numpy

    if size == 1:
        return numpy.ones(1, numpy.int8)
    drawn = numpy.frombuffer(numpy.random.Generator(numpy.random.PCG64(seed)).bytes((size + 7) // 8), numpy.uint8)
    return 1 - 2 * numpy.unpackbits(drawn, count=size).view(numpy.int8)


def through(seed: int, size: int, part: tuple[int, int] | None) -> NDArray[numpy.int8]:
    """The same through the entries from the first of `part` on, before the second: no step in any other."""
    found = signs(seed, size)
    if part is not None:
        found[: part[0]] = found[part[1] :] = 0
    return found


def product(numbers: Any, seed: int, part: tuple[int, int] | None = None) -> float:
    """The sum of the entries of an array in C order, or of a part of them, each with its sign, in double precision.
    Raises LookupError where they are no real numbers."""
    import numpy

    if numbers.dtype.kind not in "fiu":
        raise LookupError("it holds no real numbers")
    flat, directions = numbers.reshape(-1), through(seed, numbers.size, part)
    pieces = (slice(first, first + AT_ONCE) for first in range(0, flat.size, AT_ONCE))
    return float(sum(numpy.dot(flat[piece].astype(numpy.float64), directions[piece]) for piece in pieces))
