"""Memory for kept copies, used again when the copies in it are gone.

Fresh memory is the dear part of a copy: the system hands it out page by page, and for an array of 800 kB that took
0.7 ms where the copy itself took 0.04 ms. A buffer is free again when nothing refers to it but the pool.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any

SMALLEST = 1 << 16  # bytes; below this the allocator's own free lists serve well
TRIES = 8  # buffers looked at, oldest first, before a new one is made
_FREE = 3  # references to a buffer that nobody uses: the pool's, the local variable's, the call's own


class Pool:
    """Buffers by size. A buffer in use is known by the references to it, which only its users can add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buffers: dict[int, deque[Any]] = {}

    def take(self, size: int) -> Any:
        """A `uint8` array of `size` bytes that nobody else refers to, its content undefined."""
        import numpy

        with self._lock:
            buffers = self._buffers.setdefault(size, deque())
            for _ in range(min(TRIES, len(buffers))):
                buffer = buffers[0]
                buffers.rotate(-1)
                if sys.getrefcount(buffer) == _FREE:
                    return buffer
            buffer = numpy.empty(size, numpy.uint8)
            buffers.append(buffer)
            return buffer


POOL = Pool()
