"""The losses of the iterations, recorded or not: what the probes in the plain code hand over, at the least cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Final

from stepper.engines.base import Engine, Later
from stepper.inferior.recording.naming import attributes
from stepper.inferior.recording.scalars import EXACT, describe_error, nearest
from stepper.inferior.refusal import Refusal
from stepper.inferior.whereabouts import Whereabouts
from stepper.program.vocabulary import names_gradient

MARK: Final = object()  # the head of an iteration, among the losses kept since the last look
CUT: Final = object()  # the end of a pass, where the loop was left: what comes behind belongs to no pass


class Spare(float):
    """What would be the loss of a pass that does not come to `.backward()`."""


class LossKeeper:
    """Losses as they come, an iteration's behind its mark.

    A batch of plain iterations costs one call of `list.append` at each head (see `plain_heads`) and one call of
    `named` or `backward` for each loss; nothing else is done until `drain`. Where there is time for it, each loss is
    also put where it outlives the process (see `told_heads`).
    """

    def __init__(self) -> None:
        self._kept: list[Any] = []
        self._looked_at = self._marks = 0  # how much of it was looked through for marks, and how many there were
        self.engines: Sequence[Engine] = ()
        self.asked = ""  # the expression, as the person typed it
        self._by_type: dict[type, Engine] = {}  # who reads a loss of this type
        self._readers: dict[type, Callable[[Any], float | Later | None]] = {}  # and how: called once an iteration
        self._unread = False  # some of them are to be read later
        self._number: int | None = None  # of the pass under way, where its loss is to outlive the process
        self.whereabouts = Whereabouts()

    def plain_heads(self, count: int) -> Iterator[None]:
        """An iterator of `count` falsy answers, each leaving a mark: it runs without a line of Python."""
        return map(self._kept.append, repeat(MARK, count))

    def told_heads(self, first: int, count: int) -> Iterator[None]:
        """The same for the iterations from `first` on, at the cost of a call in Python each: where the script is, and
        the losses of the iterations before, are known when its process dies."""
        kept, append, on = self._kept, self._kept.append, self.whereabouts.on
        for number in range(first, first + count):
            # Nearly always one loss, and a number; then nothing need be called to find it. The script's own work has
            # driven all of this from the processor's caches meanwhile: a call costs ten times what it does elsewhere.
            if number > first and len(kept) > 1 and kept[-2] is MARK and type(kept[-1]) is float:
                on(number, kept[-1])
            else:
                self.tell()
                self.whereabouts.begin(number, alone=True)
            self._number = number
            append(MARK)
            yield None

    def tell(self) -> None:
        """Put the loss of the pass that is over where it outlives the process."""
        if self._number is not None and not self._unread:
            losses = self.current()
            self.whereabouts.over(self._number, losses[-1] if losses else None)

    def cut(self) -> None:
        """The loop was left: losses from here to the next head count only for a pass that has none."""
        self._kept.append(CUT)
        self.tell()

    def head(self) -> None:
        """An iteration begins that is not one of a batch."""
        self._kept.append(MARK)

    def named(self, value: Any) -> Any:
        """A value bound by, or returned from, something called a loss. Anything but a single number is ignored."""
        kind = type(value)
        if kind is float:
            self._kept.append(value)
        else:  # as `_soon` does it, without the call
            read = self._readers.get(kind)
            number = self.number(value) if read is None else read(value)
            if number is not None:
                self._kept.append(number)
                if type(number) is Later:
                    self._unread = True
        return value

    def backward(self, value: Any) -> Any:
        """The receiver of a `.backward()`: a tensor, or an object of a script's own that keeps its number."""
        number = self._soon(value)
        if number is None:
            number = next((found for each in _own_numbers(value) if (found := self.number(each)) is not None), None)
        if number is not None:
            self._kept.append(number)
        return value

    def spare(self, value: Any) -> None:
        """A value that is the loss of its pass where `.backward()` is called on none."""
        number = self.number(value)
        if number is not None:
            self._kept.append(Spare(number))

    def _soon(self, value: Any) -> float | Later | None:
        """A one-element real value as a float, or as one to be read later; None for anything else."""
        read = self._readers.get(type(value))
        number = self.number(value) if read is None else read(value)
        if type(number) is Later:
            self._unread = True
        return number

    def _read(self) -> None:
        """Read what was left for later, all at once."""
        if not self._unread:
            return
        self._unread = False
        kept = self._kept
        for engine in {id(item.engine): item.engine for item in kept if type(item) is Later}.values():
            places = [place for place, item in enumerate(kept) if type(item) is Later and item.engine is engine]
            for place, number in zip(places, engine.read([kept[place].copy for place in places]), strict=True):
                kept[place] = number
        kept[:] = [item for item in kept if item is not None]  # a device that failed has none
        self._looked_at = self._marks = 0

    def of(self, expression: Callable[[], Any]) -> None:
        """The value of the expression that the person named as the loss; a pass that has not bound its names has none.

        Raises Refusal where it cannot be evaluated, which is no fault of the script's.
        """
        try:
            value = expression()
        except NameError:
            return
        except Exception as error:
            raise Refusal(f"--loss {self.asked!r} cannot be evaluated: {describe_error(error)}") from None
        self.named(value)

    def held(self, owner: Any, attribute: str) -> None:
        """`owner.attribute` has just been changed by an augmented assignment; no property and no hook is called."""
        try:
            self.named(object.__getattribute__(owner, "__dict__").get(attribute))
        except AttributeError:
            return  # it has slots: what lies in them cannot be read without running code of the script's

    def number(self, value: Any) -> float | None:
        """A one-element real value as a float; None for anything else."""
        kind = type(value)
        if kind is float or kind is int:
            try:
                return float(value)
            except OverflowError:  # an integer beyond all floats
                return math.inf if value > 0 else -math.inf
        if kind in EXACT:
            return nearest(value)
        known = self._by_type.get(kind)
        if known is not None:
            return known.number(value)
        for engine in self.engines:
            number = engine.number(value)
            if number is not None:
                self._by_type[kind] = engine
                self._readers[kind] = engine.reader(kind)
                return number
        return None

    def current(self) -> list[float]:
        """The losses of the iteration that is running."""
        self._read()
        kept = self._kept
        for index in range(len(kept) - 1, -1, -1):
            if kept[index] is MARK:
                return _of_pass(kept[index + 1 :])
        return []

    def behind(self) -> list[float]:
        """The losses that came when the loop had been left, behind a pass that had some of its own."""
        self._read()
        last = next((index for index in range(len(self._kept) - 1, -1, -1) if self._kept[index] is MARK), -1)
        kept = self._kept[last + 1 :]
        end = kept.index(CUT) if CUT in kept else len(kept)
        own = any(type(item) is float for item in kept[:end])
        return [item for item in kept[end:] if type(item) is float] if own else []

    @property
    def cut_short(self) -> bool:
        """Whether the pass that began last has not come to the end of the loop."""
        return next((item is MARK for item in reversed(self._kept) if item is MARK or item is CUT), False)

    def begun(self) -> int:
        """How many iterations have begun since the last drain."""
        kept = self._kept
        self._marks += sum(item is MARK for item in kept[self._looked_at :])
        self._looked_at = len(kept)
        return self._marks

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is handed over meanwhile is no loss of the script's."""
        size = len(self._kept)
        try:
            yield
        finally:
            del self._kept[size:]

    def drain(self) -> list[float | None]:
        """The loss of each iteration begun since the last drain (its last one), and forget them."""
        self._read()
        found = _by_pass(self._kept)
        self.forget()
        return found

    def drain_finished(self) -> list[float | None]:
        """The same, but the iteration that began last is left: it is not over."""
        self._read()
        kept = self._kept
        last = next((index for index in range(len(kept) - 1, -1, -1) if kept[index] is MARK), 0)
        found = _by_pass(kept[:last])
        del kept[:last]
        self._looked_at = self._marks = 0
        return found

    def forget(self) -> None:
        """Drop what was kept."""
        self._kept.clear()
        self._number = None
        self._unread = False
        self._looked_at = self._marks = 0


def _by_pass(kept: list[Any]) -> list[float | None]:
    """The loss of each iteration whose mark is there."""
    found: list[float | None] = []
    begun = cut = False
    loss: float | None = None
    other: float | None = None  # for a pass that has none
    for item in kept:  # the one loop that every plain iteration passes through: no calls, no small lists
        if type(item) is float:
            if cut:
                other = item
            else:
                loss = item
        elif item is MARK:
            if begun:
                found.append(other if loss is None else loss)
            begun, cut, loss, other = True, False, None, None
        elif item is CUT:
            cut = True
        elif not cut:
            other = float(item)
    if begun:
        found.append(other if loss is None else loss)
    return found


def _own_numbers(value: Any) -> Iterator[Any]:
    """What may be the number of an object, read without running any code of its class: the attribute `data`, or what a
    property of that name keeps as `_data`; of what can be reckoned with, any other but its gradient, in their order."""
    kept = dict(attributes(value))
    yield kept.pop("data", kept.get("_data"))
    if any("__add__" in vars(cls) or "__mul__" in vars(cls) or "__sub__" in vars(cls) for cls in type(value).__mro__):
        yield from (each for name, each in kept.items() if not names_gradient(name))


def _of_pass(kept: list[Any]) -> list[float]:
    """The losses before the loop was left; those behind where there are none before, and else what is spare."""
    end = kept.index(CUT) if CUT in kept else len(kept)
    behind = [item for item in kept[end:] if type(item) is float]
    return [item for item in kept[:end] if type(item) is float] or behind or [float(item) for item in kept[:end]][-1:]
