"""Large pages for memory that is about to be copied by forking: a fork copies a table with an entry for each page, and
with torch loaded that is most of what a short-lived copy costs. A large page has one entry where 512 small ones had."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence

LARGE = 1 << 21
"""Bytes of a large page, on the systems where this works."""
MOST = 1 << 30
"""Bytes that are gathered, at most: each is copied once."""
COLLAPSE = 25
"""MADV_COLLAPSE of Linux 6.1 and later; an older one refuses it, and nothing changes."""


def gather() -> int:
    """Have this process's own memory lie in large pages, where the system can do that. No content and no address
    changes. Returns the bytes of the areas that were gathered as a whole."""
    if sys.platform != "linux":
        return 0
    advise = ctypes.CDLL(None).madvise
    gathered = 0
    for start, end in at_most(MOST, list(_areas())):
        if advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), ctypes.c_int(COLLAPSE)) == 0:
            gathered += end - start
    return gathered


def at_most(size: int, areas: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Areas, from where to where, that have so many bytes together: the smallest first, and of the last a part. Of one
    that is refused nearly all may have been copied, so each counts."""
    for start, end in sorted(areas, key=lambda area: area[1] - area[0]):
        end = min(end, start + size)
        size -= end - start
        if end > start:
            yield start, end


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
