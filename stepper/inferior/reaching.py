"""Where a parameter lives while the script stands at a head: found by what it is called and by what it holds.

Nothing of the script's is run: frames, modules and objects are gone through by what they hold.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from types import CellType, FrameType, FunctionType, MethodType
from typing import Any, NamedTuple

from stepper.engines.base import Engine
from stepper.inferior.direction import AT_ONCE, through
from stepper.inferior.recording.members import keyed_elements
from stepper.inferior.recording.naming import attributes, is_scripts
from stepper.inferior.recording.scalars import SCALARS
from stepper.program.vocabulary import names_gradient
from stepper.record import Summary, requoted, subscript

WHOLE = 1000  # how near a path is to a name that it is
PARTS = re.compile(r"[.\[]")
MOST = 100_000  # objects that are looked at
NUMBER = re.compile(r" \(\d+\)$")  # behind a name that several bear
SAME = ("shape", "dtype", "min", "max")  # what two values of the same bits have in common
NEAR, ROUNDING = ("mean", "l2"), 1e-9  # and what may be summed up in another order


class Place(NamedTuple):
    """Something that is held: its path, and who holds it under which key (a frame or cell: under a name)."""

    path: str
    value: Any
    holder: Any
    key: Any


class Reached:
    """A parameter that can be written to. `engine` None: a number of Python's own."""

    def __init__(self, place: Place, engine: Engine | None) -> None:
        self._place = place
        self._engine = engine

    def write(self, index: int, number: float) -> float:
        """Set one element, in C order, in place; the number that it holds then. LookupError where that cannot be."""
        value = self._place.value
        if self._engine is not None and not self._engine.fixed(value):
            return self._engine.write(value, index, number)
        return self._hold(number)

    def along(self, seed: int, part: tuple[int, int] | None = None) -> Callable[[float], None]:
        """What goes a step along a random direction (see `direction`), in place; the direction is found once, for all
        copies of this process. LookupError where that cannot be, also from what is returned."""
        value, engine = self._place.value, self._engine
        if engine is None or engine.fixed(value):
            return self._held_anew
        engine.settle()
        shape = engine.shape(value)
        size = math.prod((engine.describe(engine.keep(value)).shape if shape is None else shape) or ())
        known = through(seed, size, part) if size <= AT_ONCE else None

        def go(step: float) -> None:
            engine.settle()
            engine.move(value, step, through(seed, size, part) if known is None else known)

        return go

    def _held_anew(self, step: float) -> None:
        self._hold(float(self._place.value) + step)

    def _hold(self, number: float) -> float:
        """Have another number held in the place of this one."""
        value = self._place.value
        held = float(number) if type(value) in SCALARS else type(value)(number)
        _rebind(self._place, held)
        return float(held)


def reach(
    name: str,
    like: Summary,
    frames: Iterable[FrameType],
    namespaces: Iterable[Mapping[str, Any]],
    engines: Sequence[Engine],
    passing: Collection[str] = (),
) -> Reached:
    """The parameter called `name` that is as `like` tells, held by these frames, innermost first, or namespaces.
    `passing` are names that loops bind: what they hold has a better one.

    What holds other numbers is none. What the name itself leads to comes first. Of several other arrays that hold the
    same none is taken by a likeness of names: the bias and its momentum both begin with zeros, and both are a `["b"]`.
    Raises LookupError where there is none, or more than one.
    """
    for engine in engines:
        engine.settle()
    name = requoted(NUMBER.sub("", name))
    roots = _roots(frames, namespaces)
    search = _Search(engines, like)
    found = search.told_apart(
        place for place in _along(name, roots, engines, passing) if _nearness(place.path, name) == WHOLE
    )
    if len(found) != 1:
        found = search.told_apart(search.nearest(name, _places(roots, engines, passing)))
    if len(found) != 1:
        several = (
            "several values hold its numbers, which may differ at another iteration"
            if found
            else "nothing that the script holds has its numbers"
        )
        raise LookupError(f"{name} cannot be reached at the head of the iteration: {several}")
    return next(iter(found.values()))


class _Search:
    """Looks for what is like a parameter, and at each object once."""

    def __init__(self, engines: Sequence[Engine], like: Summary) -> None:
        self._engines = engines
        self._like = like
        self._known: dict[int, tuple[Any, bool]] = {}

    def nearest(self, name: str, places: Iterable[Place]) -> list[Place]:
        """Those of the places that a parameter may be meant by, under this name."""
        found: list[tuple[int, Place]] = []
        for place in places:
            near = _nearness(place.path, name)
            if self._is_like(place) and (near > 0 or self._owner(place) is not None):
                found.append((near, place))  # numbers are equal by chance, tensors are not
        best = max((near for near, _ in found), default=0)
        by_name = best >= WHOLE - 1 or not any(self._owner(place) for _, place in found)
        return [place for near, place in found if near == best or not by_name]

    def told_apart(self, places: Iterable[Place]) -> dict[Any, Reached]:
        """The places that hold what is like the parameter, one for each that is another."""
        found: dict[Any, Reached] = {}
        for place in filter(self._is_like, places):
            owner = self._owner(place)
            key = (id(place.holder), place.key) if owner is None else owner.identity(place.value)
            found.setdefault(key, Reached(place, owner))
        return found

    def _owner(self, place: Place) -> Engine | None:
        """The engine whose value it is, but for a number, which is another object as soon as it changes."""
        if type(place.value) in SCALARS:
            return None
        owner = _owner(place.value, self._engines)
        return None if owner is None or owner.fixed(place.value) else owner

    def _is_like(self, place: Place) -> bool:
        known = self._known.get(id(place.value))
        if known is None or known[0] is not place.value:
            found = _is_like(place.value, _owner(place.value, self._engines), self._like)
            known = self._known[id(place.value)] = place.value, found
        return known[1]


def _owner(value: Any, engines: Sequence[Engine]) -> Engine | None:
    return next((each for each in engines if each.owns(value)), None)


def _is_like(value: Any, engine: Engine | None, like: Summary) -> bool:
    if type(value) in SCALARS:
        if like.kind != "scalar" or type(value).__name__ != like.type:
            return False
        return _is_number(value, like.value)
    if engine is None:
        return False
    shape = engine.shape(value)
    if shape is not None and shape != like.shape:
        return False
    summary = engine.describe(engine.keep(value))
    if like.kind == "scalar":
        return (summary.kind, summary.type) == (like.kind, like.type) and _is_number(summary.value, like.value)
    return (
        summary.kind == like.kind
        and all(getattr(summary, each) == getattr(like, each) for each in SAME)
        and all(_is_near(getattr(summary, each), getattr(like, each), like.largest or 0.0) for each in NEAR)
    )


def _is_number(value: Any, told: Any) -> bool:
    """Whether a number is the one that is told, but for rounding: a script may add up in the order of a set."""
    return bool(value == told) or (type(value) is type(told) is float and _is_near(value, told, abs(told)))


def _is_near(one: float | None, other: float | None, size: float) -> bool:
    if one is None or other is None:
        return other is None
    return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING * size)


def _nearness(path: str, name: str) -> int:
    """How much of a path is that of a name: all (`w`; of a number that an object keeps, `w.data`, but for its
    gradient), all but what it begins with (`self.w`, `net.w`), so many parts of its end, nothing."""
    holder, _, kept = path.rpartition(".")
    if name == path or (name == holder and not names_gradient(kept)):
        return WHOLE
    if "." in path and path.partition(".")[2] == name.partition(".")[2]:
        return WHOLE - 1
    parts = zip(reversed(PARTS.split(path)), reversed(PARTS.split(name)), strict=False)
    return min(WHOLE - 2, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], parts)))


def _roots(frames: Iterable[FrameType], namespaces: Iterable[Mapping[str, Any]]) -> list[Place]:
    roots: list[Place] = []
    for frame in frames:
        if frame.f_locals is not frame.f_globals:
            roots += [Place(name, value, frame, name) for name, value in list(frame.f_locals.items())]
    for namespace in namespaces:
        roots += [Place(name, value, namespace, name) for name, value in list(namespace.items())]
    return roots


def _along(name: str, roots: Sequence[Place], engines: Sequence[Engine], passing: Collection[str]) -> Iterator[Place]:
    """What a name leads to, and what lies on its way."""
    waiting = [place for place in roots if place.path not in passing]
    met: set[int] = set()
    while waiting:
        place = waiting.pop()
        on_the_way = name.startswith(place.path) and name[len(place.path) :][:1] in ("", ".", "[")
        if on_the_way and id(place.value) not in met and not _is_opaque(place.value, engines):
            met.add(id(place.value))  # a function may hold itself
            waiting += _held(place, engines)
        yield place


def _places(roots: Sequence[Place], engines: Sequence[Engine], passing: Collection[str]) -> Iterator[Place]:
    """Everything that is held, level by level; an array as often as it is held: one of its paths is its name."""
    waiting = deque(place for place in roots if place.path not in passing)
    last = [place for place in roots if place.path in passing]
    met: set[int] = set()
    while (waiting or last) and len(met) < MOST:
        if not waiting:
            waiting, last = deque(last), []
        place = waiting.popleft()
        if type(place.value) not in SCALARS and not place.path.startswith("__"):
            if id(place.value) in met:
                if _owner(place.value, engines) is not None:
                    yield place
                continue
            met.add(id(place.value))
            if not _is_opaque(place.value, engines):
                later = type(place.value) is FunctionType  # what its cells hold has a better name as a rule
                (last if later else waiting).extend(_held(place, engines))
        yield place


def _is_opaque(value: Any, engines: Sequence[Engine]) -> bool:
    """Whether what a value holds is no place of its own: it is an engine's, and no list."""
    return type(value) in SCALARS or (_owner(value, engines) is not None and type(value) not in (list, tuple))


def _held(place: Place, engines: Sequence[Engine]) -> list[Place]:
    """What something holds, each with its path."""
    path, value, kind = place.path, place.value, type(place.value)
    if kind in (list, tuple):
        return [Place(f"{path}[{index}]", each, value, index) for index, each in enumerate(value)]
    if issubclass(kind, tuple):  # a named one: what it holds lies in no `__dict__`
        return [Place(f"{path}.{name}", each, value, name) for name, each in keyed_elements(value)]
    if issubclass(kind, dict):
        return [
            Place(path + subscript(key), each, value, key) for key, each in dict.items(value) if type(key) in (str, int)
        ]
    if kind is FunctionType:
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        return [Place(name, _content(cell), cell, name) for name, cell in cells]
    if kind is MethodType:
        return [Place(path, value.__self__, None, None)]
    found: list[Place] = []
    for engine in engines:
        found += [Place(f"{path}.{name}", each, None, None) for name, each in engine.members(value)]
        held = engine.holds(value)
        for name, each in () if held is None else (*held[0], *held[1]):
            found.append(Place(f"{path}.{name}", each, value, name))
    if is_scripts(kind):
        found += [Place(f"{path}.{name}", each, value, name) for name, each in attributes(value)]
    return found


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # nothing was stored there yet


def _rebind(place: Place, value: Any) -> None:
    """Let the holder hold `value` instead. Raises LookupError where it cannot."""
    holder = place.holder
    if isinstance(holder, FrameType):
        holder.f_locals[place.key] = value
        if (store := getattr(ctypes.pythonapi, "PyFrame_LocalsToFast", None)) is not None:
            store(ctypes.py_object(holder), ctypes.c_int(0))  # before Python 3.13, `f_locals` was a copy
    elif isinstance(holder, CellType):
        holder.cell_contents = value
    elif isinstance(holder, dict | list):
        holder[place.key] = value
    elif holder is None or isinstance(holder, tuple):
        raise LookupError(f"{place.path} cannot be written to")
    else:
        object.__setattr__(holder, place.key, value)
