"""Where the script is, and the losses it has not told yet, kept where the debugger can read them after its death.

Numbers in memory that both processes have: a store each, and no system call.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import MutableSequence

from stepper.inferior.protocol import LOSSES, LOSSES_KEPT, NO_LOSS, NOWHERE, WHEREABOUTS

UNDER_WAY, FOR_SURE, OVER, SINCE = 3, 4, 5, 6  # behind the recorder's own three
NONE = struct.unpack("=d", struct.pack("=q", NO_LOSS))[0]


class Whereabouts:
    """`cells` are the fields of `WHEREABOUTS`; `losses` has an iteration's loss at its number modulo their count.

    Without a file it is of a process that has no debugger, or that the script forked: nobody else sees it.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.cells: MutableSequence[int] = list(NOWHERE)
        self.losses: MutableSequence[float] = [0.0] * LOSSES_KEPT
        self.inode: int | None = None  # of the file that they are kept in
        if descriptor is not None:
            self.inode = os.fstat(descriptor).st_ino
            view = memoryview(mmap.mmap(descriptor, WHEREABOUTS.size + LOSSES.size))
            self.cells = view[: WHEREABOUTS.size].cast("q")  # type: ignore[assignment]
            self.losses = view[WHEREABOUTS.size :].cast("d")  # type: ignore[assignment]
            os.close(descriptor)

    def begin(self, iteration: int, *, alone: bool) -> None:
        """An iteration begins; unless it is `alone`, others follow that are not said to begin."""
        self.cells[UNDER_WAY], self.cells[FOR_SURE] = iteration, alone

    def on(self, iteration: int, loss: float) -> None:
        """The iteration before has come to this loss, and this one begins, `alone`."""
        cells, before = self.cells, iteration - 1
        if cells[OVER] == before:
            self.losses[before % LOSSES_KEPT] = loss
            cells[OVER] = iteration
        else:
            self.over(before, loss)
        cells[UNDER_WAY] = iteration

    def over(self, iteration: int, loss: float | None) -> None:
        """An iteration's loss is known. Said of every one in order, or of none of a batch."""
        self.losses[iteration % LOSSES_KEPT] = NONE if loss is None else loss
        if not self.cells[SINCE] <= iteration <= self.cells[OVER]:
            self.cells[SINCE] = iteration
        self.cells[OVER] = iteration + 1
