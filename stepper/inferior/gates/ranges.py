"""Where the numbers lie of what a record's statements read: of nearly all that was made of something, this tells soon
that it is no ReLU of it, nor a relative of one. Looks at no numbers but those of summaries."""

from __future__ import annotations

from functools import cached_property

from stepper.inferior.gates.descent import Descent
from stepper.inferior.recording.copies import Copy

Shape = tuple[int, ...] | None


class Ranges:
    """The values that were read and have negative numbers, by their shape and their largest number."""

    def __init__(self, descent: Descent) -> None:
        self.lows: dict[tuple[Shape, float | None], float] = {}
        """The least number of all that have this shape and this largest number."""
        self._copies = {draft.copy for step in descent.steps for draft in step.reads if draft.copy is not None}
        for copy in self._copies:
            told = copy.outline
            if told.min is not None and told.min < self.lows.get((told.shape, told.max), 0.0):
                self.lows[told.shape, told.max] = told.min

    @cached_property
    def tops(self) -> dict[Shape, dict[float, set[Copy]]]:
        """Those that have positive numbers, too."""
        found: dict[Shape, dict[float, set[Copy]]] = {}
        for copy in self._copies:
            told = copy.outline
            if told.min is not None and told.max is not None and told.min < 0 < told.max:
                found.setdefault(told.shape, {}).setdefault(told.max, set()).add(copy)
        return found
