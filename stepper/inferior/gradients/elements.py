"""The gradient of a parameter whose parts are updated one by one: `w[1:] += eta * xi.dot(error)` and `w[0] += …`, or
`w[j] -= lr * delta * x[j]` in a loop over its elements. What each update added, without what only scales it, is worked
out from what its statement read, and put together in one value of the parameter's shape."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import msgspec

from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine
from stepper.inferior.gradients.stretched import told_shape
from stepper.inferior.gradients.worked_out import Read, Unknown, index_in, looked_up, value_in
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, holder_of, value_of
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import Added, counts_flat, index_of, plainly, target_of
from stepper.inferior.spelling.texts import SCATTERED, is_unbuffered
from stepper.record import REPEATED, STRETCHED, Summary, is_path

Terms = Callable[[Happening, Track], tuple[Read, Added | None]]
"""What an update read and computed, by text, and what it adds to the parameter."""

PUT_TOGETHER = {"numpy": "np.add.at adds all", "torch": "index_add_ adds all", "python": ""}
"""The engines whose values have elements that are stepped one by one, and what adds all of what an index has twice."""


ROUNDING = 1e-6  # relative: that what a learning rate was taken off again may differ by


class Parts(NamedTuple):
    """A gradient that was put together. `sparse`: some elements were not moved, and have zeros in it. `lost`: the
    element, by its place in the flattened array, of which a step lost most, since an index has it more than once."""

    gradient: Draft
    sparse: bool
    lost: int | None = None


def in_parts(track: Track, arrays: Engine, terms: Terms, happenings: Sequence[Happening]) -> Parts | None:
    """None unless the parts make up the whole of a list, and unless each was moved once, or by what the script had made
    before the first of them moved. `arrays` is the engine for arrays of our own."""
    before = track.before.copy
    shape = None if before is None or before.gone else before.outline.shape
    if before is None or not shape or before.engine.name not in PUT_TOGETHER:
        return None
    whole = _List(shape) if before.engine.name == "python" else _Array(shape)
    names: dict[str, None] = {}
    rates: set[float] = set()
    for update in track.updates:
        read, term = terms(update, track)
        index = index_of(update.text)
        if term is None or term.rate in (None, 0.0) or index is None or not _is_of(update, shape):
            return None
        try:
            at = index_in(index, read)
            if counts_flat(update.text):
                at = _unraveled(at, shape)
            value = _gradient(term, read)
            rates.add(term.rate)
            _remark_spread(update, value, whole.picked(at))
            more = len(rates) == 1 and _is_made_ahead(update, track, happenings)
            repeated = whole.put(at, value, every=is_unbuffered(update.text), more=more)
        except (Unknown, ArithmeticError, LookupError, TypeError, ValueError):
            return None
        names[term.gradient] = None
        if repeated and not _is_of_whole(at, value, shape, happenings[: update.id]):
            lost = f"{repeated} number{'s are' if repeated > 1 else ' is'} lost"
            instead = f"since of those for one place only the last is taken ({PUT_TOGETHER[before.engine.name]})"
            update.remark(f"{REPEATED}{lost}, {instead}")
    full = whole.is_full()
    if not names or not (full or isinstance(whole, _Array)):
        return None
    as_it_is = all(map(is_path, names))  # read so, and not worked out of what was added
    gradient = Draft(", ".join(names), "gradient", "operand", whole.copy(before.engine, arrays, read=as_it_is))
    return Parts(gradient, not full, whole.lost)


def _remark_spread(update: Happening, value: Any, picked: tuple[int, ...]) -> None:
    """Say it where one number is the gradient of all of a row: it may have been summed over an axis too many."""
    if math.prod(picked) > 1 and numpy_module().shape(value) == ():
        update.remark(f"{STRETCHED}() → {told_shape(picked)}, one number for all of {target_of(update.text)}")


def _is_made_ahead(update: Happening, track: Track, happenings: Sequence[Happening]) -> bool:
    """Whether an update reads nothing that was made behind the first one, but for data, and not the parameter."""
    first = track.updates[0].id
    inside = [update, *(each for each in happenings[update.id + 1 :] if each.parent == update.id)]
    read = [draft for each in inside for draft in each.drafts if draft.when == "operand" and is_path(draft.label)]
    # What an element was read of is read itself.
    read = [draft for draft in read if draft.role not in ("data", "setting", "other") and "[" not in draft.label]
    if any(draft.label == track.label for draft in read):
        return False
    made = {id(draft.copy) for each in happenings[:first] for draft in each.drafts}
    since = {draft.label for each in happenings[first : update.id] for draft in each.drafts if draft.when != "operand"}
    return all(draft.label not in since if draft.copy is None else id(draft.copy) in made for draft in read)


def _is_of_whole(at: Any, value: Any, shape: tuple[int, ...], earlier: Sequence[Happening]) -> bool:
    """Whether what was added was picked by the same index from an array of the whole's shape, in which it was added up
    before: `table[ids] -= lr * grad[ids]`. Then what comes twice is the same, and nothing is lost."""
    numpy = numpy_module()
    looked: set[int] = set()
    for draft in (draft for each in reversed(earlier) for draft in each.drafts if draft.role != "parameter"):
        copy = draft.copy
        if copy is None or copy.gone or id(copy) in looked or draft.shape != shape:
            continue
        looked.add(id(copy))
        whole = copy.engine.ndarray(copy.kept) if copy.engine.name in ("numpy", "torch") else None
        if whole is not None and numpy.allclose(whole[at], value, rtol=ROUNDING, atol=0.0):
            return True
    return False


def picks(track: Track, terms: Terms) -> bool:
    """Whether what is moved of an array is picked by another array: rows by their numbers, or where a mask holds."""
    for update in track.updates:
        index = index_of(update.text)
        read, _ = terms(update, track)
        parts = index.elts if isinstance(index, ast.Tuple) else [] if index is None else [index]
        if any(isinstance(part, ast.Call) and ast.unparse(part.func) == SCATTERED for part in parts):
            return True
        picked = [part.elts if isinstance(part, ast.List) else looked_up(ast.unparse(part), read) for part in parts]
        if any(isinstance(each, list) or getattr(each, "shape", ()) for each in picked):
            return True
    return False


def of_rows(track: Track, found: Sequence[Draft | None]) -> Draft | None:
    """The gradients of the rows of a nested list, in one; None unless each row has one. That of a row of one number may
    be a number."""
    before = track.before.copy
    rows = [draft for draft in found if draft is not None]
    if before is None or not rows or len(rows) < len(found):
        return None
    numbers = [_numbers_of(row, before.engine) for row in rows]
    names = dict.fromkeys(row.label for row in rows if row.label)
    label = holder_of(next(iter(names), ""))
    name = label if all(holder_of(each) == label for each in names) else ", ".join(names)
    return None if None in numbers else Draft(name, "gradient", "operand", Copy(before.engine, numbers))


def of_resting_row(track: Track, number: int) -> Draft | None:
    """The gradient of a row that nothing moved: zeros; None where it is not what it was."""
    old, new = track.before.copy, track.after.copy if track.after is not None else None
    if old is None or new is None or old.gone or new.gone or old.kept[number] != new.kept[number]:
        return None
    return Draft("", "gradient", "operand", Copy(old.engine, [0.0] * len(old.kept[number])))


def _numbers_of(row: Draft, engine: Engine) -> Any:
    """A row's numbers; None where they are not kept, or not the engine's."""
    if row.copy is None:
        number = value_of(row)
        return [number] if isinstance(number, int | float) else None
    return row.copy.kept if row.copy.engine is engine and not row.copy.gone else None


class _List:
    """The numbers of a list of Python's own."""

    lost: int | None = None

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._numbers: list[float | None] = [None] * (shape[0] if len(shape) == 1 else 0)

    def put(self, index: Any, number: Any, *, every: bool, more: bool) -> int:
        """Raises Unknown for anything but one number more."""
        if self._numbers[index] is not None or not isinstance(number, int | float):
            raise Unknown
        self._numbers[index] = number
        return 0

    def picked(self, index: Any) -> tuple[int, ...]:
        return ()

    def is_full(self) -> bool:
        return bool(self._numbers) and None not in self._numbers

    def copy(self, own: Engine, arrays: Engine, *, read: bool) -> Copy:
        if read:
            return Copy(own, self._numbers)
        return Copy.derived(own, _PutTogether(own, self._numbers), own.size(self._numbers))


class _Array:
    """The numbers of an array."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        numpy = numpy_module()
        self._whole = numpy.zeros(shape)
        self._filled = numpy.zeros(shape, dtype=bool)
        self._places = 0  # that are filled
        self._missing = 0.0  # of the number at the place `lost`
        self.lost: int | None = None

    def put(self, index: Any, value: Any, *, every: bool, more: bool) -> int:
        """Put something in its place, or add `every` part of it where it has several for one place, and `more` to what
        is there already. What is smaller than the part is stretched to it, as the step does: one row for each that an
        index picks. Returns how many parts are lost, since others take their places. Raises Unknown for what is there
        else, and for complex ones, ValueError for what cannot be stretched so."""
        numpy = numpy_module()
        filled = self._filled[index]
        if numpy.iscomplexobj(value):
            raise Unknown
        value = numpy.broadcast_to(value, filled.shape)
        again = bool(filled.any())
        if again and not (more and numpy.unique(self._numbers[index]).size == filled.size):
            raise Unknown
        self._filled[index] = True
        before, self._places = self._places, int(numpy.count_nonzero(self._filled))
        if again:
            self._whole[index] += value
            return 0
        if every:
            numpy.add.at(self._whole, index, value)
            return 0
        self._whole[index] = value
        repeated = int(filled.size) - (self._places - before)
        if repeated:
            self._lose(index, value)
        return repeated

    def picked(self, index: Any) -> tuple[int, ...]:
        """The shape of the part that is stepped; () of elements that an array picks, which may have one number each."""
        parts = index if isinstance(index, tuple) else (index,)
        by_array = any(isinstance(each, list | numpy_module().ndarray) for each in parts)
        return () if by_array else tuple(self._filled[index].shape)

    def _lose(self, index: Any, value: Any) -> None:
        """Find the place of those that an index has more than once at which most is missing."""
        numpy = numpy_module()
        places, inverse = numpy.unique(self._numbers[index], return_inverse=True)
        sums = numpy.bincount(inverse.ravel(), numpy.ravel(value))
        missing = numpy.abs(sums - self._whole.ravel()[places])
        most = int(missing.argmax())
        if missing[most] > self._missing:
            self.lost, self._missing = int(places[most]), float(missing[most])

    @cached_property
    def _numbers(self) -> Any:
        """Of every element its place in the flattened array."""
        numpy = numpy_module()
        return numpy.arange(self._whole.size).reshape(self._whole.shape)

    def is_full(self) -> bool:
        return bool(self._filled.all())

    def copy(self, own: Engine, arrays: Engine, *, read: bool) -> Copy:
        return put_together(self._whole, arrays, read=read)


def put_together(whole: Any, arrays: Engine, *, read: bool) -> Copy:
    """An array that was put together of what was `read` as it is, or worked out of what was added."""
    return Copy(arrays, whole) if read else Copy.derived(arrays, _PutTogether(arrays, whole), whole.nbytes)


class _PutTogether(msgspec.Struct, gc=False, eq=False):
    """A value that was put together of what several statements added."""

    unmade: ClassVar[bool] = False
    engine: Engine
    whole: Any

    def value(self) -> Any:
        return self.whole

    def describe(self) -> Summary:
        return self.engine.describe(self.whole)

    def pieces(self) -> None:
        return None


def _is_of(update: Happening, shape: tuple[int, ...]) -> bool:
    """Whether what an element is changed of is the parameter, and no list that it stands in (`params[0] -= …`)."""
    target = target_of(update.text)
    changed = (draft for draft in update.drafts if draft.when == "after")
    return any(draft.shape == shape and draft.label != target for draft in changed)


def _gradient(term: Added, read: Read) -> Any:
    """What was added, without the learning rate."""
    try:
        return value_in(ast.parse(term.gradient, mode="eval").body, read)
    except Unknown:
        whole = looked_up(plainly(term.whole), read)
        if whole is None or not term.rate:
            raise
        return whole / abs(term.rate)


def _unraveled(place: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Where the elements lie that are picked of all of an array's, one after the other."""
    numpy = numpy_module()
    return tuple(numpy.unravel_index(numpy.arange(math.prod(shape))[place], shape))
