"""Memory that is gathered into large pages holds what it held, and lies where it lay."""

import mmap
import re
from pathlib import Path

import numpy as np
import pytest

from stepper.inferior.pages import LARGE, at_most, gather


def in_large_pages(address: int) -> int:
    """Kibibytes of large pages in the area of an address."""
    here = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if area := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(area[1], 16) <= address < int(area[2], 16)
        elif here and line.startswith("AnonHugePages:"):
            return int(line.split()[1])
    raise LookupError(address)


def test_what_is_gathered_is_the_same_in_fewer_pages() -> None:
    memory = mmap.mmap(-1, 4 * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # NumPy asks for large pages itself
    numbers = np.frombuffer(memory, dtype=np.float64)
    numbers[:] = np.arange(numbers.size)
    address = numbers.ctypes.data
    if not gather():
        pytest.skip("this system gathers no memory into large pages when it is asked to")
    assert numbers.ctypes.data == address and (numbers == np.arange(numbers.size)).all()
    assert in_large_pages(address + LARGE) >= LARGE >> 10


def test_no_more_is_copied_than_the_most_however_large_an_area_is() -> None:
    large, small, last = (0, 100), (200, 210), (300, 320)
    assert list(at_most(60, [large, small, last])) == [small, last, (0, 30)]
    assert list(at_most(30, [large, small, last])) == [small, last]
