"""How much of a GPU's memory kept copies may take. The script needs the rest: it must not run out where it would not
under plain Python."""

from __future__ import annotations

import weakref
from typing import Any

SMALL = 1 << 16  # bytes of a copy that is not asked after
SHARE = 16  # copies take one part in so many of a device's memory
SPARE = 4  # and none of the last part in so many
STEP = 1 << 26  # bytes of copies from one look at the device's memory to the next


class Room:
    """The copies on each CUDA device, and what is left there for more."""

    def __init__(self) -> None:
        self._held: weakref.WeakSet[Any] = weakref.WeakSet()
        self._left: dict[Any, int] = {}
        self._fresh: dict[Any, int] = {}  # bytes of the copies made since the last look

    def has(self, tensor: Any, torch: Any) -> bool:
        """Whether a copy of this tensor may lie beside it. Other kinds of devices are not asked."""
        size, place = int(tensor.nbytes), tensor.device
        if size < SMALL or place.type != "cuda":
            return True
        fresh = self._fresh.get(place, STEP) + size
        if fresh > STEP:
            self._left[place] = self._look(place, torch)
            fresh = size
        if fresh > self._left[place]:
            return False
        self._fresh[place] = fresh
        return True

    def took(self, tensor: Any) -> None:
        """A copy has been made on its device; it counts as long as it is there."""
        if tensor.nbytes >= SMALL and tensor.device.type == "cuda":
            self._held.add(tensor)

    def _look(self, place: Any, torch: Any) -> int:
        free, total = torch.cuda.mem_get_info(place)
        unused = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        taken = sum(tensor.nbytes for tensor in self._held if tensor.device == place)
        return int(min(total // SHARE - taken, free + unused - total // SPARE))
