"""Whether a loss is made only of what was there before a parameter was updated: `error`, whose mean is taken behind the
step. What the record does not show of the way to the loss may be made of the parameter.

Pure: reads records only.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from stepper.record import Event, Record, Value
from stepper.session.findings.running import number

_NAME = re.compile(r"\w+")
_HELD = re.compile(r"[\w.\[\]'\"]+")  # `self.errors[0]`: what is held, and nothing computed
_LOOKED_AT = frozenset({"statement", "expression", "call"})
Key = int | tuple[str, float | None]


def made_before(record: Record, made: int, update: int) -> bool:
    """Whether the event that made a loss goes back, by all that it reads, to what there was before an update."""
    return _Way(record, update).leads_back(record.events[made])


class _Way:
    def __init__(self, record: Record, update: int) -> None:
        self._events = record.events
        self._beneath = defaultdict[int, list[Event]](list)
        self._makers = defaultdict[Key, list[Event]](list)  # of what was made since the update
        outer = set(around(record, update))  # what such a call comes to may be made behind the update
        self._known = {
            _key(value)
            for event in record.events[:update]
            for value in event.values
            if event.id not in outer or value.when in ("operand", "before")
        }
        self._changing = {each.copy for p in record.parameters for each in (p.before, p.after)} - {None}
        self._names = {name for p in record.parameters for name in (p.name, p.before.label)}
        self._holders = {name for each in self._names for name in _NAME.findall(each)[:1]}
        for event in record.events[update:]:
            if event.parent is not None:
                self._beneath[event.parent].append(event)
            for value in event.values:
                if value.when in ("result", "after"):
                    self._makers[_key(value)].append(event)

    def leads_back(self, last: Event) -> bool:
        ahead, seen = [last], {last.id}
        while ahead:
            event = ahead.pop()
            within = self._within(event)
            seen.update(each.id for each in within)  # all that these read is looked at here
            if not all(each.kind in _LOOKED_AT for each in within) or not _is_shown(event, within, self._holders):
                return False
            for value in (value for each in within for value in each.values if value.when in ("operand", "before")):
                if value.copy in self._changing or value.label in self._names or _holder(value) in self._names:
                    return False  # it reads a parameter, which is another by now
                makers = [each for each in self._makers[_key(value)] if each.id <= within[-1].id]
                if not makers and _key(value) not in self._known and not _is_given(value):
                    return False
                ahead += (each for each in makers if each.id not in seen)
                seen.update(each.id for each in makers)
        return True

    def _within(self, event: Event) -> list[Event]:
        """An event, and all that happened in it, in their order, however deep."""
        found, ahead = list[Event](), [event]
        while ahead:
            each = ahead.pop()
            found.append(each)
            ahead += reversed(self._beneath[each.id])
        return found


def around(record: Record, event: int) -> Iterator[int]:
    """What an event happened in, from the innermost."""
    parent = record.events[event].parent
    while parent is not None:
        yield parent
        parent = record.events[parent].parent


def _key(value: Value) -> Key:
    return (value.label, number(value)) if value.copy is None else value.copy


def _is_given(value: Value) -> bool:
    """Whether a value has a plain name, under which the pass only reads it: it is from before the pass."""
    return value.role in ("data", "setting") and value.label.isidentifier()


def _holder(value: Value) -> str:
    return value.label.partition("[")[0]


def _is_shown(event: Event, within: Iterable[Event], holders: set[str]) -> bool:
    """Whether the record has all that a line reads: no object whose method may read a parameter, unseen."""
    if event.kind == "call":
        return True  # by its own statements
    try:
        nodes = list(ast.walk(ast.parse(event.text.strip())))
    except SyntaxError:
        return False
    labels = (value.label for each in within for value in each.values if _HELD.fullmatch(value.label))
    shown = {name for label in labels for name in _NAME.findall(label)[:1]} | set(dir(builtins))
    shown |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    called = any(each.kind == "call" for each in within)
    for node in nodes:
        if isinstance(node, ast.Call):
            root = _root(node.func)
            if called or (isinstance(node.func, ast.Attribute) and root not in holders):
                shown.add(root)  # `np.mean`, or a function whose lines are in the record
        elif isinstance(node, ast.Attribute) and node.attr in ("shape", "size", "ndim"):
            shown.add(_root(node))
    return all(node.id in shown for node in nodes if isinstance(node, ast.Name))


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
