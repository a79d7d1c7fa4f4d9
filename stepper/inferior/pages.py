"""Large pages for memory that is about to be copied by forking: a fork copies a table with an entry for each page, and
with torch loaded that is most of what a short-lived copy costs. A large page has one entry where 512 small ones had."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator

LARGE = 1 << 21
"""Bytes of a large page, on the systems where this works."""
MOST = 1 << 30
"""Bytes that are gathered, at most: each is copied once."""
COLLAPSE = 25
"""MADV_COLLAPSE of Linux 6.1 and later; an older one refuses it, and nothing changes."""


def gather() -> int:
    """Have this process's own memory lie in large pages, where the system can do that. No content and no address
    changes. Returns the bytes of the areas that were gathered as a whole."""
    return _gathered(_areas(), _collapse) if sys.platform == "linux" else 0


def _gathered(areas: Iterator[tuple[int, int]], collapse: Callable[[int, int], bool]) -> int:
    """Gather areas up to MOST bytes; of one that is only refused in part the rest was copied all the same."""
    left, gathered = MOST, 0
    for start, end in list(areas):
        size = min(end - start, left)
        left -= size
        if size and collapse(start, size):
            gathered += size
    return gathered


def _collapse(start: int, size: int) -> bool:
    advise = ctypes.CDLL(None).madvise
    return bool(advise(ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(COLLAPSE)) == 0)


def _areas() -> Iterator[tuple[int, int]]:
    """The whole large pages within each area that is private, writable and of no file."""
    try:
        with open("/proc/self/maps") as lines:
            for line in lines:
                addresses, rights, _, _, file, *name = line.split(maxsplit=5)
                start, end = (int(each, 16) for each in addresses.split("-"))
                start, end = -(-start // LARGE) * LARGE, end // LARGE * LARGE
                if rights == "rw-p" and file == "0" and end > start and not "".join(name).startswith("[s"):
                    yield start, end
    except OSError:
        return
