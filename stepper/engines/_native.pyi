"""The compiled loops (`_native.c`). All take contiguous buffers, in whatever order, and none checks what they hold."""

from typing_extensions import Buffer

Moments = tuple[int, int, int, int, int, int, float, float, float, float]

def moments(numbers: Buffer, code: str, less: Buffer | None = None) -> Moments | None:
    """Statistics of numbers of the dtype with this letter; with `less`, of numbers − less in float64.

    The finite ones, then -inf, negative, zero, +inf and NaN counted; then, of the finite ones, the least, the
    largest, the mean, and the sum of squared deviations from it. None where they have to be scaled first.
    """

def same(one: Buffer, other: Buffer) -> bool:
    """Whether two buffers hold the same bytes."""

def same_at(one: int, other: int, size: int) -> bool:
    """Whether so many bytes at two addresses are equal."""

def copy_at(target: int, source: int, size: int) -> None:
    """Copy so many bytes from one address to another."""

def holds(kept: Buffer, address: int) -> bool:
    """Whether the bytes at an address are those of a buffer."""

def address_of(buffer: Buffer) -> int:
    """Where a buffer's memory begins."""

def version(kind: type) -> int:
    """A number that is another one after each change to a class, or to one that it derives from; 0 where it has none
    just now."""
