"""Windows and surveys that panels have asked the session for: kept for a while, and told when they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stepper.record import Region, Survey, Window
from stepper.tui.begun import Begun

MOST = 96
UNKEPT = "not kept (--memory)"
BINS = 64


@dataclass(frozen=True)
class WindowKey:
    """What a picture was asked for. `generation` tells one opened target from the next; `axes` None: the last two;
    `along`: this one against all others."""

    generation: int
    iteration: int | None
    copy: int
    rows: int
    columns: int
    region: Region | None
    axes: tuple[int, int] | None = None
    along: int | None = None


@dataclass(frozen=True)
class SurveyKey:
    """What a survey was asked for; `less`: of the difference from that copy."""

    generation: int
    iteration: int | None
    copy: int
    less: int | None = None


Key = WindowKey | SurveyKey
Ask = Callable[[Key], Coroutine[Any, Any, Window | Survey]]


def reason(error: Exception) -> str:
    """Why there is nothing to show or to save, in plain words."""
    text = str(error).removeprefix(f"{LookupError.__name__}: ")  # as it comes from the script's process
    return UNKEPT if "--memory" in text else text or type(error).__name__


class Pictures:
    """What has come, by key; in place of what could not be had, the reason in words."""

    def __init__(
        self, ask: Ask, start: Callable[[Coroutine[Any, Any, None]], object], arrived: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._start = start
        self._arrived = arrived
        self._here: dict[Key, Window | Survey | str] = {}
        self._pending: set[Key] = set()
        self._asked: list[tuple[Key, Begun[Window | Survey]]] = []

    @property
    def waiting(self) -> bool:
        """Whether something has been asked for and has not come yet."""
        return bool(self._pending)

    def window(self, key: WindowKey | None) -> Window | str | None:
        """The picture, why there is none, or None: it is asked for now, and told when it has come."""
        found = self._get(key)
        return None if isinstance(found, Survey) else found

    def survey(self, key: SurveyKey | None) -> Survey | str | None:
        """The survey, in the same manner."""
        found = self._get(key)
        return None if isinstance(found, Window) else found

    def _get(self, key: Key | None) -> Window | Survey | str | None:
        if key is None:
            return None
        found = self._here.get(key)
        if found is None and key not in self._pending:
            coming = Begun(self._ask(key))
            if coming.over:
                return self._keep(key, coming)
            self._pending.add(key)
            self._asked.append((key, coming))
            if len(self._asked) == 1:
                self._start(self._fetch())
        return found

    async def _fetch(self) -> None:
        """Take what was asked for together, in the order in which it comes."""
        # From Python 3.12 on this begins at once, amid a drawing that has not asked for the rest.
        await asyncio.sleep(0)
        asked, self._asked = self._asked, []
        asked.sort(key=lambda each: isinstance(each[0], SurveyKey))  # those take long, and are answered behind
        for key, coming in asked:
            await self._take(key, coming)

    async def _take(self, key: Key, coming: Begun[Window | Survey]) -> None:
        try:
            with suppress(Exception):  # which is shown in place of the picture
                await coming
        finally:
            self._pending.discard(key)
        self._keep(key, coming)
        self._arrived()

    def _keep(self, key: Key, come: Begun[Window | Survey]) -> Window | Survey | str:
        """What has come, or why it has not."""
        try:
            answer: Window | Survey | str = come.result()
        except Exception as error:  # whatever went wrong is shown in place of the picture
            answer = reason(error)
        while len(self._here) >= MOST:
            self._here.pop(next(iter(self._here)))
        self._here[key] = answer
        return answer

    def clear(self) -> None:
        """Forget everything: another target is looked at."""
        self._here.clear()
