"""Statistics of many numbers in one pass: extremes, mean, spread and the counts by sign, over the finite ones.

Values come in chunks; each chunk's mean and sum of squared deviations are exact to rounding, and chunks are merged by
Chan, Golub and LeVeque's formula (1979), so that a large common offset costs no digits. Knows of NumPy only in
`of_chunks`, and nothing of any engine's own types.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from stepper.engines.arrays import numpy_module
from stepper.engines.chunks import CHUNK, SCRATCH, largest_of, plain, signs_of, squares_of, sum_of
from stepper.engines.native import CODES, NATIVE
from stepper.record import Summary

if TYPE_CHECKING:
    from stepper.engines._native import Moments

FEW = 32  # elements up to which plain Python is faster than a dozen calls into NumPy
# Outside these, squares of float64 numbers overflow or vanish, and everything is scaled by a power of two first
LARGE, TINY = 1e145, 1e-145
STEP = 1 << 15  # elements of a difference that are worked out and gone through before the next
PART = 1 << 18  # elements of a difference that the compiled loops go through at once
MANY = 1 << 13  # elements up to which arrays are summarised together: the calls cost more than the work
CANCELLED = 1e-2  # share of the sum of squares left after subtracting the mean's, below which digits were lost


class Statistics:
    """What has been counted so far. `mean` and `spread` (sum of squared deviations) are of `value · 2^-exponent`."""

    __slots__ = (
        "exponent",
        "finite",
        "high",
        "inf",
        "low",
        "mean",
        "nan",
        "negative",
        "neginf",
        "positive",
        "spread",
        "zero",
    )

    def __init__(self, exponent: int = 0) -> None:
        self.exponent = exponent
        self.neginf = self.negative = self.zero = self.positive = self.inf = self.nan = 0
        self.finite = 0
        self.low = math.inf
        self.high = -math.inf
        self.mean = 0.0
        self.spread = 0.0

    def include(
        self, count: int, low: float, high: float, mean: float, spread: float, negative: int, zero: int
    ) -> None:
        """Merge a chunk of `count` finite numbers."""
        self.negative += negative
        self.zero += zero
        self.positive += count - negative - zero
        self.low = min(self.low, low)
        self.high = max(self.high, high)
        total = self.finite + count
        if total:
            apart = mean - self.mean
            self.mean += apart * (count / total)
            self.spread += spread + apart * apart * (self.finite * (count / total))
        self.finite = total

    def take(self, moments: Moments) -> None:
        """Merge what the compiled loops found in a chunk."""
        finite, neginf, negative, zero, inf, nan, low, high, mean, spread = moments
        self.neginf += neginf
        self.inf += inf
        self.nan += nan
        if finite:
            self.include(finite, low, high, mean, spread, negative, zero)

    def summary(
        self, kind: str, shape: tuple[int, ...] | None, dtype: str | None, device: str | None, times: int = 1
    ) -> Summary:
        """The summary of a tensor of so many numbers; `times`: how often each occurs (elements that share memory)."""
        neginf, negative, zero = self.neginf * times, self.negative * times, self.zero * times
        positive, inf, nan = self.positive * times, self.inf * times, self.nan * times
        low = high = mean = std = l2 = None
        if self.finite:
            up, low, high = self.exponent, self.low, self.high
            mean = min(max(_scaled(self.mean, up), low), high)  # rounding must not lead out of the range
            std = _scaled(math.sqrt(self.spread / self.finite), up)
            l2 = _scaled(math.sqrt((self.spread + self.finite * self.mean * self.mean) * times), up)
        return Summary(
            "tensor", kind, shape, dtype, device, low, high, mean, std, l2, neginf, negative, zero, positive, inf, nan
        )


class Whole(NamedTuple):
    """What the compiled loops found in all the numbers there are: statistics that nothing is merged with any more."""

    moments: Moments

    def summary(
        self, kind: str, shape: tuple[int, ...] | None, dtype: str | None, device: str | None, times: int = 1
    ) -> Summary:
        """As that of `Statistics`."""
        finite, neginf, negative, zero, inf, nan, low, high, mean, spread = self.moments
        if not finite or times != 1:
            return _of(self.moments).summary(kind, shape, dtype, device, times)
        mean += 0.0  # −0.0 is told as 0.0
        l2 = math.sqrt(spread + finite * mean * mean)
        std = math.sqrt(spread / finite)
        positive = finite - negative - zero
        told = low, high, min(max(mean, low), high), std, l2, neginf, negative, zero, positive, inf, nan
        return Summary("tensor", kind, shape, dtype, device, *told)


def _scaled(value: float, exponent: int) -> float:
    if not exponent:
        return value
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def of_numbers(numbers: Sequence[float]) -> Statistics:
    """Statistics of a few plain numbers, without NumPy. Whole numbers beyond float64's range count as infinite."""
    floats = _floats(numbers)
    finite = floats if all(map(math.isfinite, floats)) else [each for each in floats if math.isfinite(each)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    exponent = _exponent(max(-low, high))
    found = Statistics(exponent)
    if len(finite) < len(floats):
        found.inf = floats.count(math.inf)
        found.neginf = floats.count(-math.inf)
        found.nan = len(floats) - len(finite) - found.inf - found.neginf
    if finite:
        zero = finite.count(0.0)
        negative = sum(each < 0.0 for each in finite) if low < 0.0 else 0
        if exponent:
            finite = [math.ldexp(each, -exponent) for each in finite]
        mean = math.fsum(finite) / len(finite)
        spread = 0.0 if low == high else math.fsum([(each - mean) * (each - mean) for each in finite])
        found.include(len(finite), low, high, mean, spread, negative, zero)
    return found


def _floats(numbers: Sequence[float]) -> list[float]:
    try:
        return list(map(float, numbers))
    except OverflowError:
        return [_float(each) for each in numbers]


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _exponent(largest: float) -> int:
    """The power of two to scale by, where the largest magnitude needs it; else 0."""
    return math.frexp(largest)[1] if largest > LARGE or 0.0 < largest < TINY else 0


def of_flags(true: int, size: int) -> Statistics:
    """Statistics of `size` booleans, of which so many are true, taken as 1 and 0."""
    found = Statistics()
    if size:
        share = true / size
        low, high = float(true == size), float(true > 0)
        found.include(size, low, high, share, share * (1.0 - share) * size, 0, size - true)
    return found


def of_chunks(chunks: Callable[[], Iterable[Any]]) -> Statistics:
    """Statistics of one-dimensional NumPy arrays (float, int or complex by absolute value).

    `chunks` gives them anew each time it is called. Numbers whose squares would overflow, or vanish, take a second
    and a third look; those beyond float64's range count as infinite. NumPy's error state must be neutral.
    """
    found = Statistics()
    for found in counting(chunks):  # noqa: B007 (the last one is the whole)
        pass
    return found


def counting(chunks: Callable[[], Iterable[Any]]) -> Iterator[Statistics]:
    """What `of_chunks` gives, in the making: what has been counted so far, after each chunk."""
    found = Statistics()
    for chunk in chunks():
        if not _include(found, chunk, watch=True):
            break
        yield found
    else:
        return
    largest = 0.0
    for chunk in chunks():
        largest = max(largest, largest_of(chunk))
        yield found
    found = Statistics(math.frexp(largest)[1])
    for chunk in chunks():
        _include(found, chunk, watch=False)
        yield found


def of_difference(after: Any, before: Any) -> Statistics:
    """Statistics of after − before, in float64, of two flat NumPy arrays of equal length; the difference is never held
    as a whole. NumPy's error state must be neutral."""
    found = Statistics()
    for found in counting_difference(after, before):  # noqa: B007 (the last one is the whole)
        pass
    return found


def counting_difference(after: Any, before: Any) -> Iterator[Statistics]:
    """What `of_difference` gives, in the making."""
    if after.dtype == before.dtype:
        found = Statistics()
        for start in range(0, after.size, PART):
            told = _moments(after[start : start + PART], before[start : start + PART])
            if told is None:
                break
            found.take(told)
            yield found
        else:
            return
    yield from counting(lambda: differences_of(after, before))


def differences_of(after: Any, before: Any) -> Iterator[Any]:
    """after − before in float64, part by part; each is overwritten by the next that this thread makes."""
    numpy = numpy_module()
    for start in range(0, after.size, STEP):
        first, second = after[start : start + STEP], before[start : start + STEP]
        yield numpy.subtract(first, second, out=SCRATCH.more(first.size), dtype=numpy.float64)


def of_whole(array: Any) -> Whole | None:
    """Statistics of a flat array that is one chunk, by the compiled loops; None where they have none to give."""
    if array.size > CHUNK or not array.size:
        return None
    told = _moments(array)
    return None if told is None else Whole(told)


def _of(told: Moments) -> Statistics:
    found = Statistics()
    found.take(told)
    return found


def _moments(array: Any, less: Any = None) -> Moments | None:
    """What the compiled loops say of a NumPy array; None where there are none for it, or it has to be scaled."""
    if NATIVE is None or array.dtype.char not in CODES or not array.dtype.isnative:
        return None
    try:
        moments: Moments | None = NATIVE.moments(array, array.dtype.char, less)
    except (BufferError, ValueError):  # not in one run of memory
        return None
    return moments


def of_many(arrays: Sequence[Any]) -> list[Statistics | Whole | None]:
    """Statistics of several flat NumPy arrays (float or int, of `MANY` elements at most and one at least) in one go.

    None for an array that needs a closer look: one whose numbers have to be scaled first and, without the compiled
    loops, one with numbers that are not finite or whose common offset costs digits. NumPy's error state must be
    neutral.
    """
    if NATIVE is not None:
        return [None if (told := _moments(array)) is None else Whole(told) for array in arrays]
    numpy = numpy_module()
    ends = list(accumulate(array.size for array in arrays))
    starts = [0, *ends[:-1]]
    exact, squared, flags = SCRATCH.numbers(ends[-1]), SCRATCH.more(ends[-1]), SCRATCH.flags(ends[-1])
    numpy.concatenate(arrays, out=exact)
    lows = numpy.minimum.reduceat(exact, starts).tolist()
    highs = numpy.maximum.reduceat(exact, starts).tolist()
    sums = numpy.add.reduceat(exact, starts).tolist()
    numpy.multiply(exact, exact, out=squared)
    squares = numpy.add.reduceat(squared, starts).tolist()
    numpy.less(exact, 0, out=flags)
    spans = list(zip(starts, ends, strict=True))
    negatives = [
        int(numpy.count_nonzero(flags[a:b])) if low < 0 else 0 for (a, b), low in zip(spans, lows, strict=True)
    ]
    numpy.equal(exact, 0, out=flags)
    found: list[Statistics | Whole | None] = []
    for (a, b), low, high, total, square, negative in zip(spans, lows, highs, sums, squares, negatives, strict=True):
        count = b - a
        mean = total / count
        spread = square - count * mean * mean
        large = max(-low, high)
        if low == high and TINY < large < LARGE:
            spread, mean = 0.0, low
        elif not (TINY < large < LARGE) and not low == high == 0.0:  # NaN and the infinities too
            found.append(None)
            continue
        elif not spread > CANCELLED * square:
            if large:
                found.append(None)
                continue
            spread = mean = 0.0
        statistics = Statistics()
        zero = int(numpy.count_nonzero(flags[a:b])) if low <= 0.0 <= high else 0
        statistics.include(count, low, high, mean, spread, negative, zero)
        found.append(statistics)
    return found


def together(
    kept: Sequence[Any],
    few: Callable[[Any], Any],
    told: Callable[[Any, Statistics | Whole], Summary],
    describe: Callable[[Any], Summary],
) -> list[Summary]:
    """The summaries of kept copies, the small ones among them worked out in one go.

    `few` gives the numbers of a small copy as a flat array (None: it is not small), `told` makes a summary of its
    statistics; what needs a closer look gets it from `describe`.
    """
    numpy = numpy_module()
    arrays = [few(each) for each in kept]
    small = [array for array in arrays if array is not None]
    with numpy.errstate(all="ignore"):
        found = iter(of_many(small) if small else ())
    summaries = []
    for each, array in zip(kept, arrays, strict=True):
        statistics = next(found) if array is not None else None
        summaries.append(describe(each) if statistics is None else told(each, statistics))
    return summaries


def finite_part(found: Statistics, values: Any) -> tuple[Any, float, float]:
    """The finite ones among some numbers, the least and the largest (∞ and −∞ of none); the others are counted."""
    numpy = numpy_module()
    low, high = float(numpy.minimum.reduce(values)), float(numpy.maximum.reduce(values))
    if math.isfinite(low) and math.isfinite(high):
        return values, low, high
    found.nan += int(numpy.count_nonzero(numpy.isnan(values)))
    found.inf += int(numpy.count_nonzero(values == math.inf))
    found.neginf += int(numpy.count_nonzero(values == -math.inf))
    values = values[numpy.isfinite(values)]
    if not values.size:
        return values, math.inf, -math.inf
    return values, float(numpy.minimum.reduce(values)), float(numpy.maximum.reduce(values))


def _include(found: Statistics, chunk: Any, *, watch: bool) -> bool:
    """Merge one chunk. False where `watch` is set and the chunk needs scaling."""
    numpy = numpy_module()
    values = plain(chunk)
    if not values.size:
        return True
    if not found.exponent and (told := _moments(values)) is not None:
        found.take(told)
        return True
    values, low, high = finite_part(found, values)
    if not values.size:
        return True
    if watch and _exponent(max(-low, high)):
        return False
    count = values.size
    negative, zero = signs_of(values, low, high)
    if low == high:
        found.include(count, low, high, _scaled(low, -found.exponent), 0.0, negative, zero)
        return True
    exact = values
    if values.dtype.char != "d":
        exact = SCRATCH.numbers(count)
        numpy.copyto(exact, values)
    if found.exponent:
        exact = numpy.ldexp(exact, -found.exponent)
    mean = sum_of(exact) / count
    squares = squares_of(exact)
    spread = squares - count * mean * mean
    if not spread > CANCELLED * squares:  # most digits went: subtract before squaring
        spread = squares_of(numpy.subtract(exact, mean, out=SCRATCH.numbers(count)))
    found.include(count, low, high, mean, spread, negative, zero)
    return True
