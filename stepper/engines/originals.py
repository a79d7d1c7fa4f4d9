"""torch as it was when the script had imported it. What a script puts in the place of torch's functions and of the
methods of its tensors, to count their calls or to add to them, is for the script's calls, not for our own looks.

Functions are taken from a copy of the module. Methods and operators are looked up by Python at the class itself:
for as long as such a look lasts, those that were replaced are put back, for the thread that looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from stepper.engines.native import NATIVE

_MISSING = object()
_version: Any = getattr(NATIVE, "version", None)  # loops that were compiled for an earlier text do not know of it


class Originals:
    """What torch's module and its classes of tensors held when they came."""

    def __init__(self, torch: Any) -> None:
        self.torch: Any = ModuleType(torch.__name__)
        self.torch.__dict__.update(vars(torch))
        self.functional = dict(vars(torch.nn.functional))
        self._classes = [(kind, dict(vars(kind))) for kind in (self.torch.Tensor, self.torch.nn.Parameter)]
        self._base = self.torch._C.TensorBase
        self._read: dict[str, Callable[[Any], Any]] = {}
        self._replaced: list[tuple[type, str, Any]] = []  # with what was there before
        self._version = self._now()
        self._looking: set[int] = set()  # the threads they are put back for
        self._hung: list[tuple[type, str, Any, Any]] = []  # with what was there, and what is meanwhile
        self._lock = threading.RLock()

    def read(self, value: Any, attribute: str) -> Any:
        """`value.attribute` of any tensor, whatever its class, or the script, has put before torch's own."""
        reader = self._read.get(attribute)
        if reader is None:
            reader = self._read[attribute] = self.method(attribute).__get__
        return reader(value)

    def method(self, name: str) -> Any:
        """A method or a property of torch's own tensors."""
        held = self._classes[0][1].get(name)
        return getattr(self._base, name) if held is None else held

    def replaced(self) -> bool:
        """Whether the script has replaced anything by now that a look could run into."""
        now = self._now()
        if now != self._version or not now:
            self._replaced = [
                (kind, name, known.get(name, _MISSING))
                for kind, known in self._classes
                for name in sorted(vars(kind).keys() | known.keys())
                if vars(kind).get(name) is not known.get(name) and (name in known or hasattr(self._base, name))
            ]
            self._version = self._now()
        return bool(self._replaced)

    def _now(self) -> int:
        """The version of both classes (one derives from the other), which every change to one makes another; 0 where
        there is none to be had."""
        if _version is None:
            return 0
        derived = self._classes[-1][0]
        return _version(derived) or (hasattr(derived, "shape") and _version(derived))  # given when it is next looked at

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """While this lasts, the classes are as they were, for the thread that asks for it. What the script's other
        threads call meanwhile is what the script has put there."""
        thread = threading.get_ident()
        if thread in self._looking or not self.replaced():
            yield
            return
        with self._lock:
            if not self._looking:
                self._hang()
            self._looking.add(thread)
        try:
            yield
        finally:
            with self._lock:
                self._looking.discard(thread)
                if not self._looking:
                    self._take_down()

    def _hang(self) -> None:
        """To the threads that look, what was replaced is as it was."""
        for kind, name, original in self._replaced:
            theirs = vars(kind).get(name, _MISSING)
            written = any(hasattr(type(held), "__set__") for held in (original, theirs))
            both = (_BothWritten if written else _Both)(kind, name, original, theirs, self._looking)
            self._hung.append((kind, name, theirs, both))
            type.__setattr__(kind, name, both)

    def _take_down(self) -> None:
        while self._hung:
            kind, name, theirs, both = self._hung.pop()
            if vars(kind).get(name) is not both:
                continue  # another thread of the script's has put something there
            if theirs is _MISSING:
                type.__delattr__(kind, name)
            else:
                type.__setattr__(kind, name, theirs)


class _Both:
    """An attribute of a class that is one thing for the threads that look, and another for the script's."""

    def __init__(self, kind: type, name: str, original: Any, theirs: Any, looking: set[int]) -> None:
        self._of = kind, name
        self._original, self._theirs, self._looking = original, theirs, looking

    def held(self) -> Any:
        kind, name = self._of
        held = self._original if threading.get_ident() in self._looking else self._theirs
        if held is not _MISSING:
            return held
        for base in kind.__mro__[1:]:
            if name in vars(base):
                return vars(base)[name]
        raise AttributeError(f"type object {kind.__name__!r} has no attribute {name!r}")

    def __get__(self, value: Any, kind: type) -> Any:
        held = self.held()
        return type(held).__get__(held, value, kind) if hasattr(type(held), "__get__") else held


class _BothWritten(_Both):
    """The same of one that can be assigned to a value of the class."""

    def __set__(self, value: Any, new: Any) -> None:
        held = self.held()
        type(held).__set__(held, value, new)

    def __delete__(self, value: Any) -> None:
        held = self.held()
        type(held).__delete__(held, value)
