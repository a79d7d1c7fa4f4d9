"""Names of values that lie in each other's memory, and which of them a change in place reaches.

`row = table[i]` and then `row -= step` changes what `table` is called, too; `w -= step` what `wt = w.T` is. An object
of the same layout is known by its memory alone (`memories`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple
from weakref import ref

from stepper.engines.base import Engine
from stepper.inferior.recording.drafts import Draft
from stepper.record import is_path

MOST = 1 << 26
"""Bytes that are looked at, within one record, of what was changed under another name: of more it is not told."""


class Named(NamedTuple):
    """What a name was seen to hold last."""

    engine: Engine
    object: Callable[[], Any]
    draft: Draft


class Overlaps:
    """Of one record."""

    def __init__(self) -> None:
        self._storages: dict[str, Hashable] = {}
        self._named: dict[Hashable, dict[str, Named]] = {}
        self._left = MOST

    def met(self, engine: Engine, value: Any, draft: Draft) -> None:
        """A name was seen to hold a value."""
        if not draft.memory or draft.copy is None or not is_path(draft.label):
            return
        storage = _storage(engine, value)
        known = self._storages.get(draft.label)
        if known is not None and known != storage:
            self._named[known].pop(draft.label, None)
        if storage is None:
            self._storages.pop(draft.label, None)
            return
        self._storages[draft.label] = storage
        held = ref(value) if type(value).__weakrefoffset__ else lambda: value
        self._named.setdefault(storage, {})[draft.label] = Named(engine, held, draft)

    def knows(self, label: str) -> bool:
        """Whether a value was seen under this name."""
        return label in self._storages

    def changed(self, engine: Engine, value: Any, draft: Draft) -> Iterator[tuple[Named, Any]]:
        """What else, of the names that were seen, may hold another value since `value` was changed in place."""
        named = self._named.get(_storage(engine, value))
        for each in list(named.values()) if named is not None and len(named) > 1 else ():
            other = each.object()
            copy = each.draft.copy
            if other is None or copy is None or each.draft.memory == draft.memory or self._left < copy.size:
                continue
            if each.engine.overlap(other, value):
                self._left -= copy.size
                yield each, other

    def all(self) -> Iterator[tuple[Named, Any]]:
        """All names that were seen, and what they hold."""
        for each in [each for named in self._named.values() for each in named.values()]:
            other, copy = each.object(), each.draft.copy
            if other is not None and copy is not None and self._left >= copy.size:
                self._left -= copy.size
                yield each, other

    def forget(self, value: Any) -> None:
        """Refer to this object no more."""
        for named in self._named.values():
            for label in [label for label, each in named.items() if each.object() is value]:
                del named[label]


def _storage(engine: Engine, value: Any) -> Hashable:
    storage = engine.storage(value)
    return None if storage is None else (engine.name, storage)
