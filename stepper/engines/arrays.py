"""NumPy as it was when it came: what a script puts in the place of its functions, to count their calls or to add to
them, is for the script's calls, not for our own looks. One that is called while we look would be recorded, too, or
wait for what we hold."""

from __future__ import annotations

from types import ModuleType
from typing import Any

_original: Any = None


def numpy_module() -> Any:
    """What NumPy's module held when this was first asked: as soon as the script had imported it."""
    global _original
    if _original is None:
        import numpy

        found = ModuleType(numpy.__name__)
        found.__dict__.update(vars(numpy))
        _original = found  # only now: another thread may ask meanwhile
    return _original
