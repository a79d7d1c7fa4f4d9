"""The flags of the probes at the very end of the process.

There Python takes away what was added to the builtins, before it lets go of what is still held: a generator is closed
then, a `__del__` called, and their code asks for the flags.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping


class Staying:
    """Lies among the builtins. Where it is taken away, it puts these names there again."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._builtins = vars(builtins)
        self._names = names

    def __del__(self) -> None:
        self._builtins.update(self._names)
