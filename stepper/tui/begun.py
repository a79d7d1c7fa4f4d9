"""A coroutine that is begun where it is made, not in a later turn of the event loop; and one that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """Runs a coroutine up to its first wait; whoever awaits this gets what comes of it, an error too."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._waits_for: object = None
        self._end: Exception | None = None
        try:
            self._waits_for = coroutine.send(None)
        except Exception as end:  # it was over without a wait: a StopIteration has its result
            self._end = end

    @property
    def over(self) -> bool:
        """Whether there was nothing to wait for."""
        return self._end is not None

    def result(self) -> T:
        """What has come of it, once it is over."""
        assert self._end is not None
        if not isinstance(self._end, StopIteration):
            raise self._end
        result: T = self._end.value
        return result

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            while not self.over:
                try:
                    if not (asyncio.isfuture(self._waits_for) and self._waits_for.done()):  # for that a turn is lost
                        yield self._waits_for
                except BaseException as error:  # a cancellation: the coroutine's to deal with
                    self._waits_for = self._coroutine.throw(error)
                else:
                    self._waits_for = self._coroutine.send(None)
        except Exception as end:
            self._end = end
        return self.result()


_under_way: set[asyncio.Task[None]] = set()


def beside(work: Coroutine[Any, Any, None], told: Callable[[Callable[[], None]], object]) -> None:
    """Let work be done beside all else. Where it fails, `told` is given what raises that error: `call_later` of a
    widget lets it end the app, as any fault in a handler does. A worker of Textual's posts three messages for it."""
    task = asyncio.get_running_loop().create_task(work)
    _under_way.add(task)  # the loop itself does not keep it
    task.add_done_callback(partial(_over, told))


def _over(told: Callable[[Callable[[], None]], object], task: asyncio.Task[None]) -> None:
    _under_way.discard(task)
    if not task.cancelled() and task.exception() is not None:
        told(lambda: task.result())  # Textual counts the parameters of what it calls: a built-in has none to count
