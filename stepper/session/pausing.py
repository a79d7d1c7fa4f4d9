"""Telling the script to stand, and saying what it is still at where it does not: a call may last for ever. So may one
in an expression that a person asks the value of."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from stepper.record import Spot, Value
from stepper.session.expressions import Asked
from stepper.session.lane import Lane, LaneLost
from stepper.session.lanes import Lanes, State
from stepper.session.options import Options

PATIENCE_SECONDS = 1.5  # within which a script stands that can: at a head, between two instructions or statements
AGAIN_SECONDS = 0.5  # between two looks at what it is at
ANSWER_SECONDS = 1.0  # within which its process answers, unless one call keeps all its threads from running
ENDLESS_SECONDS = 12.0
"""What is still worked out then is no Python code, which the script's process ends before that."""
LONGEST = 60
"""Characters of a line's text that are said."""


class Pausing(Lanes):
    """Lanes that can be told to pause."""

    def __init__(self, target: str, options: Options | None = None, *, count_later: bool = False) -> None:
        super().__init__(target, options, count_later=count_later)
        self._watch: asyncio.Task[None] | None = None
        self._awaited = 0  # how many wait for a lane to stand; whoever did may have been cancelled
        self._still = ""  # what was said of a script that does not stand
        self._asked_for: list[str] = []  # expressions, which are worked out one after the other
        self._slow = ""  # what was said of the first of them
        self._slowly: asyncio.TimerHandle | None = None  # which will say so

    @property
    def working_out(self) -> str:
        """The expression that takes long to be worked out; empty for none. The script stands meanwhile."""
        return self._asked_for[0] if self._slow else ""

    async def evaluate(self, iteration: int | None, label: str, asked: Asked) -> Value:
        """As `Lanes` has it. Where it takes long, `notice` says so until it is over."""
        self._asked_for.append(label)
        if len(self._asked_for) == 1:
            self._first_asked_for()
        try:
            return await super().evaluate(iteration, label, asked)
        finally:
            first = self._asked_for[0] == label
            self._asked_for.remove(label)
            if first:
                self._first_asked_for()

    def _first_asked_for(self) -> None:
        """Another expression is worked out from now on, or none: say of it when it takes long."""
        if self._slowly is not None:
            self._slowly.cancel()
            self._slowly = None
        if self.notice == self._slow:
            self.notice = ""
        self._slow = ""
        if self._asked_for:
            loop = asyncio.get_running_loop()
            self._slowly = loop.call_later(PATIENCE_SECONDS, self._say_slow, self._asked_for[0], loop.time())

    def _say_slow(self, text: str, begun: float) -> None:
        loop = asyncio.get_running_loop()
        self._slow = f"working out {cut(text)}, which takes long; the script stands meanwhile"
        if loop.time() - begun > ENDLESS_SECONDS:
            self._slow = f"{cut(text)} is at one call, which cannot be ended alone: r runs anew, without it, q quits"
        if self.notice != self._slow:
            self.notice = self._slow
            self._notify()
        self._slowly = loop.call_later(AGAIN_SECONDS, self._say_slow, text, begun)

    async def close(self) -> None:
        """End every process of the session."""
        self._stands()
        if self._slowly is not None:
            self._slowly.cancel()
        await super().close()

    async def pause(self) -> None:
        """Stop a run, or a replay, at the next loop head, or inside the iteration where that takes long. Where it is
        inside a call that does not end, `notice` says so until it does."""
        for lane in (self._replay, self._main):
            if lane is None or lane.standing:
                continue
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._tell_until_it_stands(lane))  # first: it may not even answer
            try:
                await lane.pause()
            except LaneLost:
                continue  # the loss itself is told by the lane's reader

    async def _until_standing(self, lane: Lane) -> None:
        """Wait as the lane does."""
        self._awaited += 1
        try:
            await lane.wait_standing()
        finally:
            self._awaited -= 1
            if lane.standing:
                self._stands()

    def _stands(self) -> None:
        """What was said of a script that does not stand is over."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self.notice == self._still:
            self.notice = ""
        self._still = ""

    async def _tell_until_it_stands(self, lane: Lane) -> None:
        with suppress(LaneLost):
            await asyncio.sleep(PATIENCE_SECONDS)
            while not lane.standing:
                if lane.hello is not None and (said := await self._still_at(lane)) and said != self.notice:
                    self._still = self.notice = said
                    self._set_state(State.RUNNING if self.state is State.STOPPED else self.state)
                await asyncio.sleep(AGAIN_SECONDS)
        if not self._awaited:
            self._stands()
            self._rest()
            self._notify()

    async def _still_at(self, lane: Lane) -> str:
        """What a script is at, in words; nothing where it is at nothing of its own."""
        if self._slow:
            return self._slow
        then = "; it pauses when that is over, r runs anew, q quits"
        try:
            spot = await asyncio.wait_for(lane.where(), ANSWER_SECONDS)
        except TimeoutError:
            at = lane.process.whereabouts().told(lane.elsewhere)
            return f"waiting for a call{at}{self._or_asking(None)}, which lets nothing else in its process run{then}"
        if spot is None or lane.standing:
            return ""
        text = self._text_of(spot)
        return f"waiting for {self.named(spot)}{': ' if text else ''}{text}{self._or_asking(spot)}{then}"

    def _or_asking(self, spot: Spot | None) -> str:
        """What else may be asked there, of the person's own; None: wherever the script is."""
        return ""

    def _text_of(self, spot: Spot) -> str:
        """A line, as it was run, cut where it is long."""
        source = self.modules.get(spot.file, "") if spot.file else self.source
        return cut((source.splitlines()[spot.line - 1 : spot.line] or [""])[0].strip())


def cut(text: str) -> str:
    """As much of a text as is said."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
