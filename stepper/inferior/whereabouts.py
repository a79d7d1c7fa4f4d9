"""Where the script is while it is recorded, written where the debugger can read it when the process has died.

Four numbers in memory that both processes have: a store each at every statement, and no system call.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import MutableSequence

from stepper.inferior.protocol import NOT_RECORDING, WHEREABOUTS

Cells = MutableSequence[int]


def private() -> Cells:
    """Cells that nobody else sees: of a process that has no debugger, or that the script forked."""
    return [NOT_RECORDING, -1, 0, 0]


def shared(descriptor: int) -> Cells:
    """The cells in the file that the debugger has made for this process."""
    view = memoryview(mmap.mmap(descriptor, WHEREABOUTS.size)).cast("q")
    os.close(descriptor)
    return view  # type: ignore[return-value]
