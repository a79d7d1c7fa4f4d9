"""How many passes of an iteration a check takes at most, where it is not told how many entries to look at. Pure."""

from __future__ import annotations

ENTRIES = 4
"""That are looked at, of a parameter."""
PASSES = 3000
SECONDS = 45.0
PATIENCE = 240.0  # seconds for few parameters
FEWEST = 12  # passes for each parameter, however long they take
WHOLE = 64  # entries of a parameter all of which are looked at where a direction tells that some are wrong
FURTHER = 16  # and so many of a larger one
EACH = 12  # passes for an entry, mostly
SPLITS = 4  # how often, at least, a group of parameters that does not agree is halved
HALVING = 30  # passes for both halves


class Budget:
    """Of a check of `parameters`, which are `many` or few, each pass of which takes `seconds`."""

    def __init__(self, parameters: int, seconds: float, *, many: bool = True) -> None:
        whole = SECONDS if many else PATIENCE
        self._passes = int(min(PASSES, max(FEWEST * parameters, whole / max(seconds, 1e-9))))
        self._parameters = parameters
        self._fewer = 0

    @property
    def splits(self) -> int:
        """How often a group of them that does not agree is to be halved."""
        return max(SPLITS, min(self._parameters // 4, self._passes // 3 // HALVING))

    def over(self, passes: int) -> bool:
        """Whether so many passes are all that a parameter may take of which nothing says that it is wrong."""
        return passes >= self._passes

    def entries(self, passes: int, parameters: int) -> int:
        """How many entries of the next of so many parameters are to be looked at, after so many passes."""
        found = max(1, min(ENTRIES, (self._passes - passes) // (EACH * parameters)))
        self._fewer += found < ENTRIES
        return found

    def further(self, passes: int, size: int) -> int:
        """How many entries of a parameter of this size may be looked at for those that a direction tells of."""
        return max(0, min(size if size <= WHOLE else FURTHER, (self._passes - passes) // EACH))

    @property
    def said(self) -> str:
        """In words: of how many parameters fewer entries were looked at than of others."""
        if not self._fewer:
            return ""
        fewer = f"of {self._fewer} parameters fewer entries were looked at, to be done soon"
        return f"{fewer}: --entries {ENTRIES} looks at so many of all"
