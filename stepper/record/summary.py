"""What is said of a value without showing it."""

import math
from typing import Literal

import msgspec

Number = int | float


class Summary(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Shape, type and statistics of one value.

    `min`, `max`, `mean`, `std` (population: divided by the number of elements) and `l2` (Euclidean norm) are over the
    finite elements, and None where there are none. The six counts (`neginf` … `nan`) add up to the number of elements.
    A `scalar` is a Python number, bool or short string, and its `value` is kept; a `tensor` is an array, a torch
    tensor or a rectangular list of numbers; anything else is `other` and has a type only.

    `counted` is None where all is known. Else a large value is still being gone through: its shape, extremes and what
    is not finite are known, `negative`, `zero` and `positive` are those among the `counted` elements seen so far (None
    before any), and `mean`, `std` and `l2` are to come.
    """

    kind: Literal["tensor", "scalar", "other"]
    type: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    device: str | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    l2: float | None = None
    neginf: int | None = None
    negative: int | None = None
    zero: int | None = None
    positive: int | None = None
    inf: int | None = None
    nan: int | None = None
    value: bool | Number | str | None = None
    counted: int | None = None

    def divided(self, divisor: float) -> "Summary":
        """The summary of the value divided by a positive number, as far as nothing leaves the dtype's range by it."""

        def part(number: float | None) -> float | None:
            return None if number is None else number / divisor

        return msgspec.structs.replace(
            self, min=part(self.min), max=part(self.max), mean=part(self.mean), std=part(self.std), l2=part(self.l2)
        )

    @property
    def size(self) -> int:
        """Number of elements (1 for a scalar, 0 where there is no shape)."""
        if self.shape is None:
            return 1 if self.kind == "scalar" else 0
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def nonfinite(self) -> int:
        """How many elements are NaN or infinite."""
        if self._number is not None:
            return int(not _is_finite(self._number))
        return (self.nan or 0) + (self.inf or 0) + (self.neginf or 0)

    @property
    def norm(self) -> float | None:
        """The Euclidean norm of the finite elements; of a single number its size."""
        number = self._number
        return self.l2 if number is None else abs(number) if _is_finite(number) else None

    @property
    def largest(self) -> float | None:
        """The largest size of a finite element."""
        sizes = [abs(each) for each in (self.min, self.max) if each is not None]
        return max(sizes) if sizes else self.norm

    @property
    def zeros(self) -> int | None:
        """How many elements are zero."""
        return self.zero if self._number is None else int(self._number == 0)

    @property
    def _number(self) -> Number | None:
        return self.value if self.kind == "scalar" and type(self.value) in (int, float) else None  # type: ignore[return-value]


def _is_finite(number: Number) -> bool:
    return type(number) is int or math.isfinite(number)  # an integer may be beyond what a float can hold
