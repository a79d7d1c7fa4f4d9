"""Memory for kept copies, used again when the copies in it are gone.

Fresh memory is the dear part of a copy: the system hands it out page by page, and for an array of 800 kB that took
0.7 ms where the copy itself took 0.04 ms. So new buffers are cut from slabs of large pages, where the system has those:
a quarter of the time. A buffer is free again when nothing refers to it but the pool. Free ones are given back to the
system now and then, or a script whose arrays change in size would fill the memory with them.
"""

from __future__ import annotations

import mmap
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from stepper.engines.arrays import numpy_module

SMALLEST = 1 << 16  # bytes; below this the allocator's own free lists serve well
TRIES = 8  # buffers looked at, oldest first, before a new one is made
SWEEP = 1 << 28  # bytes of new buffers after which the free ones are given back
AHEAD = 1 << 26  # bytes of buffers that are made ahead of time, at most
SLAB = 1 << 23  # bytes that are asked of the system at once; a buffer that is larger than half of it is one of its own
LINE = 1 << 12  # bytes at whose multiples buffers begin
PAGES = 1 << 16  # bytes of one that are touched before somebody else may have a turn


def _references(buffers: deque[Any], index: int) -> int:
    """How many references there are to a buffer, this function's own included."""
    buffer = buffers[index]
    return sys.getrefcount(buffer)


# References to a buffer that nobody uses. Measured, since Python versions differ in what a local variable counts for
_FREE = _references(deque([object()]), 0)


class _Slab:
    """Memory from the system, for buffers that are cut from it one behind the other. It goes back with the last of
    them."""

    def __init__(self, size: int) -> None:
        """Raises MemoryError where there is no room, as the allocator would."""
        try:
            self._memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise MemoryError(f"no room for {size:,} bytes") from error
        self._used = 0
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a system that was built without large pages
                self._memory.madvise(mmap.MADV_HUGEPAGE)

    def cut(self, size: int) -> Any:
        """A buffer of the next `size` bytes; None where fewer are left."""
        numpy = numpy_module()
        start, end = self._used, self._used + size
        if end > len(self._memory):
            return None
        self._used = -(-end // LINE) * LINE
        return numpy.frombuffer(self._memory, numpy.uint8, size, start)


class Pool:
    """Buffers by size. A buffer in use is known by the references to it, which only its users can add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buffers: dict[int, deque[Any]] = {}
        self._fresh = 0
        self._slab: _Slab | None = None  # that new buffers are cut from
        self._taken: Counter[int] = Counter()  # how many of each size, since the last look ahead

    def take(self, size: int) -> Any:
        """A `uint8` array of `size` bytes that nobody else refers to, its content undefined. Raises MemoryError."""
        with self._lock:
            self._taken[size] += 1
            buffers = self._buffers.setdefault(size, deque())
            for _ in range(min(TRIES, len(buffers))):
                free = _references(buffers, 0) == _FREE
                buffers.rotate(-1)
                if free:
                    return buffers[-1]
            self._fresh += size
            if self._fresh > SWEEP:
                self._sweep()
                buffers = self._buffers.setdefault(size, deque())
            buffer = self._new(size)
            buffers.append(buffer)
            return buffer

    def _new(self, size: int) -> Any:
        """A buffer that nobody had. Not from the allocator, which would give us what the script has just freed and will
        want again."""
        if size > SLAB // 2:
            return _Slab(size).cut(size)
        buffer = self._slab.cut(size) if self._slab is not None else None
        if buffer is None:
            self._slab = _Slab(SLAB)
            buffer = self._slab.cut(size)
        return buffer

    def prepare(self) -> Iterator[None]:
        """Make buffers until as many are at hand as were taken since the last time: a step for every few pages.

        For when there is nothing else to do: whoever takes them finds their memory there. It ends where no room is.
        """
        with self._lock:
            taken, self._taken = self._taken, Counter()
        if not 0 < sum(size * count for size, count in taken.items()) <= AHEAD:
            return
        for size, count in taken.items():
            for _ in range(count - self._at_hand(size, count)):
                try:
                    with self._lock:
                        buffer = self._new(size)
                except MemoryError:
                    return
                for start in range(0, size, PAGES):
                    buffer[start : start + PAGES] = 0
                    yield
                with self._lock:
                    self._buffers.setdefault(size, deque()).appendleft(buffer)
                    self._fresh += size

    def _at_hand(self, size: int, count: int) -> int:
        """How many of the buffers that are looked at first, for so many takes, are free."""
        with self._lock:
            buffers = self._buffers.get(size, deque())
            return sum(_references(buffers, index) == _FREE for index in range(min(count, len(buffers))))

    def _sweep(self) -> None:
        """Let go of every buffer that nobody uses."""
        self._fresh = 0
        for size, buffers in list(self._buffers.items()):
            used = deque(buffers[index] for index in range(len(buffers)) if _references(buffers, index) > _FREE)
            if used:
                self._buffers[size] = used
            else:
                del self._buffers[size]


POOL = Pool()
