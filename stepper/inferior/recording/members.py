"""What lies in the lists, tuples, dicts and records of a script, and how many of their members are looked into.

Nothing of the script's is run: a container is one of Python's own types, or a named tuple or dataclass whose fields are
read off, and so are the keys that are asked for.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from itertools import islice
from typing import Any

from stepper.inferior.recording.drafts import Key
from stepper.inferior.recording.naming import attributes
from stepper.inferior.recording.scalars import SCALARS
from stepper.record import Role, subscript

FEW = 64  # members of a container that are looked into
MANY = 1024  # of one that keeps parameters, gradients, an optimizer's state
IN_ALL = 20_000  # beyond the first few of each, in one record
DEPTH = 6  # containers within containers
DICTS = (dict, OrderedDict, defaultdict)
LISTS = (list, tuple)
KEPT: frozenset[Role | None] = frozenset(("parameter", "gradient", "other"))  # an optimizer's own state is "other"

_ATTRIBUTES = re.compile(r"([\w.\[\]'\"]+)\.__dict__|vars\(([\w.\[\]'\"]+)\)")


class Field(str):
    """The key of what a record holds: the name of its field."""

    __slots__ = ()


def suffix(key: Key, quote: str) -> str:
    """What is written behind a container to reach what it holds under this key, in the script's quotes."""
    return f".{key}" if type(key) is Field else subscript(key, quote)


def attribute_in(label: str, key: Key) -> str:
    """The attribute that is held under a key by what is called `vars(layer)` or `layer.__dict__`: `layer.W`; empty for
    any other container."""
    found = _ATTRIBUTES.fullmatch(label) if type(key) is str else None
    return "" if found is None else f"{found[1] or found[2]}.{key}"


def most_of(role: Role | None) -> int:
    """How many members of a container of this role are looked into."""
    return MANY if role in KEPT else FEW


def keyed_elements(value: Any, most: int = FEW) -> list[tuple[Key, Any]]:
    """The members of an exact list, tuple or dict, or of a record, each with its key or index; `most` of them."""
    kind = type(value)
    if kind in LISTS:
        return [(index, element) for index, element in enumerate(value[:most]) if type(element) not in SCALARS]
    if kind in DICTS:
        return [(key, element) for key, element in islice(dict.items(value), most) if is_key(key)]
    names = fields_of(kind)
    if issubclass(kind, tuple):
        return [(Field(name), element) for name, element in zip(names, tuple.__iter__(value), strict=False)]
    return [(Field(name), element) for name, element in attributes(value) if name in names] if names else []


def fields_of(kind: type) -> tuple[str, ...]:
    """The fields of a class of records, or of one made of such: of a named tuple, or of a dataclass; none for any
    other."""
    told = "_fields" if issubclass(kind, tuple) else "__dataclass_fields__"
    each = (type.__getattribute__(cls, "__dict__") for cls in type.mro(kind))
    return next((tuple(held[told]) for held in each if told in held), ())


def is_object(value: Any) -> bool:
    """Whether this is an object with fields, which may as well be a model, and no plain container."""
    return type(value) not in (*LISTS, *DICTS) and not issubclass(type(value), tuple)


def count_of(value: Any) -> int:
    """How many members an exact list, tuple or dict has, or a record; 0 for anything else."""
    kind = type(value)
    return len(value) if kind in LISTS or kind in DICTS else len(fields_of(kind))


def is_key(key: Hashable) -> bool:
    """Whether a key is one that can be told, and asked for: a text, an integer, a tuple of those."""
    return type(key) in (str, int) or (type(key) is tuple and all(type(part) in (str, int) for part in key))


def element_at(value: Any, key: Key) -> Any:
    """What an exact list or dict holds under a key; None where there is nothing."""
    if type(value) in DICTS:
        return dict.get(value, key)
    if type(key) is Field:
        return next((held for name, held in keyed_elements(value) if name == key), None)
    if type(value) is list and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    return None


def identities(value: Any) -> list[int]:
    """Which objects a container is and holds, level by level; the first few thousand."""
    found, waiting = [id(value)], [value] if count_of(value) else []
    while waiting and len(found) < 2 * MANY:
        inner: list[Any] = []
        for each in waiting:
            inner += [element for _, element in keyed_elements(each, MANY)]
        found += map(id, inner)
        waiting = [each for each in inner if count_of(each)]
    return found
