"""torch as it was when the script had imported it. What a script puts in the place of torch's functions and of the
methods of its tensors, to count their calls or to add to them, is for the script's calls, not for our own looks.

Functions are taken from a copy of the module. Methods and operators are looked up by Python at the class itself:
for as long as such a look lasts, those that were replaced are put back.
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
        """While this lasts, the classes are as they were; for the script's own thread, whose turn it is not just now.
        To another it would change what the script calls."""
        if threading.get_ident() != threading.main_thread().ident or not self.replaced():
            yield
            return
        theirs = [(kind, name, vars(kind).get(name, _MISSING)) for kind, name, _ in self._replaced]
        _hang(self._replaced)
        try:
            yield
        finally:
            _hang(theirs)


def _hang(held: list[tuple[type, str, Any]]) -> None:
    for kind, name, value in held:
        if value is _MISSING:
            type.__delattr__(kind, name)
        else:
            type.__setattr__(kind, name, value)
