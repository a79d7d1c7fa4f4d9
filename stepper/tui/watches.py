"""Expressions that a person watches: what each comes to where the cursor stands, worked out of the record and kept for
as long as that is looked at."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from stepper.record import Summary, Value
from stepper.session.findings.sightings import Sighting
from stepper.tui import figures
from stepper.tui.begun import Begun
from stepper.tui.scene import Scene

if TYPE_CHECKING:
    from stepper.session.expressions import Asked, Labels
    from stepper.tui.history import History

Ask = Callable[[int | None, str, "Labels", "Asked"], Coroutine[Any, Any, Value]]
"""Asked with an iteration, an expression, the labels of its record, and what it asks of that; answers its value."""


class _Key(NamedTuple):
    """What the value of an expression depends on, within one record."""

    text: str
    asked: Asked


class Watches:
    """`texts` are the expressions, in the order in which they were given."""

    def __init__(
        self, ask: Ask, start: Callable[[Coroutine[Any, Any, None]], object], arrived: Callable[[], None]
    ) -> None:
        """`start` runs a coroutine beside the app; `arrived` is told that more is known."""
        self.texts: list[str] = []
        self._ask = ask
        self._start = start
        self._arrived = arrived
        self._history: History | None = None
        self._labels: Labels | None = None
        self._known: dict[_Key, Sighting] = {}
        self._problems: dict[tuple[str, str], Sighting] = {}
        self._pending: set[_Key] = set()
        self._left: dict[str, str] = {}  # those that are not asked for again by themselves, and why

    @property
    def waiting(self) -> bool:
        """Whether a value has been asked for and has not come yet."""
        return bool(self._pending)

    def add(self, text: str) -> None:
        """Watch an expression, behind all others; one that was left is asked for again."""
        self._forget(text)
        if text not in self.texts:
            self.texts.append(text)

    def remove(self, text: str) -> None:
        """Watch an expression no more."""
        self.texts.remove(text)
        self._forget(text)

    def _forget(self, text: str) -> None:
        self._left.pop(text, None)
        self._known = {key: found for key, found in self._known.items() if key.text != text}

    def leave(self, text: str, why: str) -> None:
        """Ask for the value of an expression no more: it keeps the script from going on each time."""
        self._left[text] = f"{why}: w asks for it again, delete takes it away"

    def at(self, scene: Scene) -> tuple[Sighting, ...]:
        """What they come to by the cursor. Of one that cannot be evaluated, or has not been yet, the summary is of the
        kind `other`, and its type says why. What is not known is asked for, unless the script is at work."""
        from stepper.session.expressions import Labels, asked

        history, cursor = scene.history, scene.event
        if not self.texts or history is None or cursor is None:
            return ()
        if history is not self._history or self._labels is None:
            self._history, self._labels = history, Labels(history.labels)
            self._known.clear()
            self._problems.clear()

        labels = self._labels

        def held(label: str) -> Value | None:
            return history.held(label, cursor)

        found = []
        for text in self.texts:
            if text in self._left:
                found.append(self._told(text, self._left[text]))
                continue
            try:
                key = _Key(text, asked(text, labels, held))
            except LookupError as problem:
                found.append(self._told(text, str(problem)))
                continue
            if key not in self._known and key not in self._pending and not scene.busy:
                self._pending.add(key)
                coming = Begun(self._ask(scene.iteration, text, labels, key.asked))
                self._start(self._fetch(history, key, coming))
            found.append(self._known.get(key) or self._told(text, figures.COMING))
        return tuple(found)

    async def _fetch(self, history: History, key: _Key, coming: Begun[Value]) -> None:
        from stepper.session.evaluation import AtWork, TookLong

        try:
            found: Sighting | None = Sighting(UNTIMED, 0, await coming)
        except AtWork:
            found = None  # it is asked again, when the script stands
        except LookupError as problem:
            if isinstance(problem, TookLong):
                self.leave(key.text, str(problem))
            found = self._told(key.text, str(problem))
        finally:
            self._pending.discard(key)
        if found is not None and history is self._history:
            self._known[key] = found
        self._arrived()

    def _told(self, text: str, said: str) -> Sighting:
        """A line that says something in place of a value; always the same one, so that nothing is drawn anew."""
        if (text, said) not in self._problems:
            value = Value(text, "other", "result", Summary("other", said))
            self._problems[text, said] = Sighting(UNTIMED, 0, value)
        return self._problems[text, said]


UNTIMED = (0, 0)
"""The moment of what is no event's: it is there wherever the cursor stands."""
