"""Whether copies of a process notice one another, and how many of them there is room for.

Copies that run side by side come to the same numbers as one by one only where each has all that it uses to itself: what
they write elsewhere than into their own memory, another may read; so do sockets, memory that is shared, and the place
that a file, open from before, is read at. What a copy did is seen at its end, from what the system counts. Where the
system does not tell (it is Linux that does), nothing is taken for granted.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

FILES = "/dev/fd"  # the open files of this process, by number
COUNTS = "/proc/self/io"
MAPPINGS = "/proc/self/maps"
LIMITS = (  # of memory, in bytes: the most that there may be, and what there is already
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
MEMORY = "/proc/meminfo"
SHARE = 0.5  # of the free memory that copies may take
SEMAPHORE = "/dev/shm/sem."  # shared, but for being waited at
READ, WRITTEN = (re.compile(rf"^{name}: (\d+)$", re.MULTILINE) for name in ("rchar", "wchar"))  # once for all copies


class Silence:
    """Takes the standard output and error of a copy, and counts what is written anywhere else from now on, and whether
    anything is read. `known` is the inode of a file whose memory is shared, and that no script writes to;
    `reads_together` is what the copied process says of itself.

    Raises OSError where there can be no more open files.
    """

    def __init__(self, known: int | None, reads_together: bool) -> None:
        self._known, self._reads_together = known, reads_together
        self._counts, self._sink = True, -1
        try:
            self._sink = os.memfd_create("stepper")
        except (AttributeError, OSError):  # not every system has it, and not everybody may use it
            self._counts, self._sink = False, os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(self._sink, descriptor)
        self._begun = _counts()

    @property
    def kept(self) -> bool:
        """Whether nothing was done, as far as can be seen, that another copy could notice."""
        now, begun = _counts(), self._begun
        if now is None or begun is None or not self._counts:
            return False
        if self._reads_together and now.read - begun.read > begun.own:
            return False
        try:
            own = os.fstat(self._sink).st_size
            return (
                now.written - begun.written == own
                and not any(map(_is_socket, descriptors()))
                and not _shares_memory(self._known)
            )
        except OSError:
            return False  # as many files are open as there may be


def reads_together(known: int | None = None) -> bool:
    """Whether copies of this process would read from files that they share, but for `known`, or from pipes."""
    return any(_has_a_place(descriptor, known) for descriptor in descriptors() if descriptor not in (1, 2))


def places() -> dict[int, int]:
    """The places that open files are read at, which a copy shares with this process."""
    found = {}
    for descriptor in descriptors():
        with suppress(OSError):  # a pipe, a socket, or the listing itself
            found[descriptor] = os.lseek(descriptor, 0, os.SEEK_CUR)
    return found


def descriptors() -> Iterator[int]:
    """The open files of this process."""
    for name in os.listdir(FILES) if os.path.isdir(FILES) else ():
        yield int(name)


def room(largest: int) -> int:
    """How many copies may run at a time, each of which takes at most `largest` bytes, with the memory it shares with
    this process."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = _free_memory()
    if free is None:
        return 1
    own = max(1, largest - _shared_text())
    return max(1, min(processors, int(SHARE * free / own)))


class _Counts(NamedTuple):
    """Bytes that this process, and those that it has waited for, have read and written, from and into whatever; and
    those that looking for that has taken."""

    read: int
    written: int
    own: int


def _counts() -> _Counts | None:
    told = _text(COUNTS)
    read, written = READ.search(told), WRITTEN.search(told)
    return None if read is None or written is None else _Counts(int(read[1]), int(written[1]), len(told))


def _has_a_place(descriptor: int, known: int | None) -> bool:
    """Whether reading a file that is open, or a pipe, leaves its mark there for others that have it open, too."""
    with suppress(OSError):
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode):
            written_only = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
            return status.st_ino != known and not written_only
    return False


def _is_socket(descriptor: int) -> bool:
    with suppress(OSError):
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    return False


def _shares_memory(known: int | None) -> bool:
    try:
        with open(MAPPINGS, encoding="utf-8", errors="replace") as file:
            shared = [line.split(maxsplit=5) for line in file if " rw-s " in line and SEMAPHORE not in line]
    except OSError:
        return True
    return any(inode != str(known) for _, _, _, _, inode, *_ in shared)


def _shared_text() -> int:
    """Bytes of this process that are of files, its libraries above all: a copy has no more of them."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[2]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _free_memory() -> int | None:
    """Bytes that could be had, by the system's account and by the limits of the container; None where nothing tells."""
    free = _figure(MEMORY, r"^MemAvailable: +(\d+) kB$")
    if free is None:
        return None
    found = [1024 * free]
    for most, taken in LIMITS:
        limit, used = _figure(most, r"^(\d+)$"), _figure(taken, r"^(\d+)$")
        if limit is not None and used is not None:
            found.append(max(0, limit - used))
    return min(found)


def _figure(path: str, pattern: str) -> int | None:
    found = re.search(pattern, _text(path), re.MULTILINE)
    return None if found is None else int(found[1])


def _text(path: str) -> str:
    """What the system tells there; nothing where it does not."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
