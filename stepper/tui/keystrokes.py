"""Keys are dealt with one after the other, each where the one before has led: also those typed while a dialog opens, or
while a move is under way.

Textual hands every key to what has the focus when it comes, and asks what it is bound to when it has come back from
there. Of keys that come together, as from someone who types fast, the later ones would go where the focus was before
the earlier ones had any effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from textual import events, on
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.message_pump import MessagePump
from textual.widget import Widget

from stepper.tui.action import key_name
from stepper.tui.tried import tried
from stepper.tui.turns import Turn, asks, turn_of

LAPS = 2
"""What a key caused in a dialog is done when what was sent after it has come back, and what was sent after that."""
NEWLINE, ENTER = "ctrl+j", "enter"
"""What enter sends while the terminal makes newlines of it, as before the app has begun to read keys; and itself."""
PATIENCE = 0.5
"""Seconds after which it is looked whether a key still can have its effect; where it cannot, others are not held back.
"""
LOOKS = 20
"""So often at most: on a slow machine a dialog takes more than a second to open, and what is typed is for it."""


class Keystrokes(App[int]):
    """An app whose own screen has no widget that types: a key there does at once what it is bound to."""

    class Passed(Message):
        """Follows a key on its way from the focused widget to the app."""

        def __init__(self, key: int, laps: int) -> None:
            """`key` is its number; how many more `laps` there are to go."""
            super().__init__()
            self.key = key
            self.laps = laps

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._keys_held = False
        self._dealt = 0  # keys so far
        self._patience: asyncio.TimerHandle | None = None
        self._holder: MessagePump = self  # what the last key, or the dialog that it opens, is waited for from
        self._kept: deque[events.Key | events.Paste] = deque()
        self._answered = False  # whether one of those asks what the next ones answer
        # else every key goes by way of what has the focus, as in a dialog
        self._checks = tried() and hasattr(self, "_check_bindings")

    @property
    def typing(self) -> bool:
        """Whether keys wait for what an earlier one does."""
        return self._keys_held or bool(self._kept)

    @property
    def kept_keys(self) -> list[str]:
        """The keys that wait for a move, as they are written."""
        return [key_name(event.key) for event in self._kept if isinstance(event, events.Key)]

    def keeps(self, turn: Turn) -> bool:
        """Whether a key that has such a turn has to wait for a move now. A subclass that says so calls `release_keys`
        when it is otherwise."""
        return False

    def kept_changed(self) -> None:
        """Other keys wait for a move than before."""

    def forget_keys(self) -> None:
        """Leave out the keys that wait for a move."""
        if self._kept:
            self._kept.clear()
            self.kept_changed()

    async def release_keys(self) -> None:
        """What keys wait for may be over."""
        if not self._keys_held and self.screen_stack:  # none is left where the app is ending
            await self._deal()

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """As Textual has it. It works out anew, each time, how many arguments a `partial` takes: so that is not one."""
        return self.post_message(events.Callback(partial(callback, *args, **kwargs) if args or kwargs else callback))

    def call_after(self, seconds: float, callback: Callable[[], Any]) -> asyncio.TimerHandle:
        """The same, so many seconds later. Textual's timer is a task of its own: much for what mostly is cancelled."""
        return asyncio.get_running_loop().call_later(seconds, self.call_later, callback)

    def pop_screen(self) -> AwaitComplete:
        """Close a dialog; the keys that waited behind it may go on."""
        closed = super().pop_screen()
        self.call_later(self.release_keys)
        return closed

    async def on_event(self, event: events.Event) -> None:
        """Put keys in order; all else goes its way."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed.append(self._meant(event))
            if not self._keys_held:
                await self._deal()
        else:
            await super().on_event(event)

    def _meant(self, event: events.Key | events.Paste) -> events.Key | events.Paste:
        """Enter, where it came as a newline; not where the person has given that key a meaning."""
        if isinstance(event, events.Key) and event.key == NEWLINE and NEWLINE not in self.screen.active_bindings:
            return events.Key(ENTER, "\r")
        return event

    async def _deal(self) -> None:
        """Deal with the next key, and hold back those behind it until it has had its effect."""
        event, screen = self._next(), self.screen
        if event is None:
            return
        self._keys_held = True
        self._dealt += 1
        if screen.is_modal or isinstance(event, events.Paste) or not self._checks:
            target = self.focused or screen
            await super().on_event(event)
            self._be_patient(target, LOOKS)
            await self._send(target, LAPS)
            return
        self.app_focus = True
        target = self.focused or screen
        if not await self._check_bindings(event.key, priority=True):
            await self._check_bindings(event.key)
        await asyncio.sleep(0)  # a move that was asked for begins: the script is at work while the rest is done here
        if self.screen is not screen and self.screen.is_modal:
            self._be_patient(self.screen, LOOKS)
            # behind all that comes first in the dialog: then it is mounted, and something in it has the focus
            self.screen.call_later(self.call_later, self._go_on, self._dealt)
        else:
            self._be_patient(target, LOOKS)
            # behind what a panel says that was asked, and behind a change of the focus, which is put off as well
            self.call_later(self._send, target, 1)

    def _next(self) -> events.Key | events.Paste | None:
        """The key that is to be dealt with now. Those that have to wait for a move, and those behind them, are kept."""
        if self.screen.is_modal:  # it has been opened over those that wait, and is answered first
            return self._typed.popleft() if self._typed else None
        before = list(self._kept)
        self._typed.extendleft(reversed(self._kept))
        self._kept.clear()
        self._answered = False
        found = None
        while self._typed and found is None:
            event = self._typed.popleft()
            if self._has_to_wait(event):
                self._kept.append(event)
            else:
                found = event
        if before != list(self._kept):
            self.kept_changed()
        return found

    def _has_to_wait(self, event: events.Key | events.Paste) -> bool:
        if not self._kept and not any(map(self.keeps, Turn)):
            return False  # whatever it is bound to
        bound = self.screen.active_bindings.get(event.key) if isinstance(event, events.Key) else None
        if isinstance(event, events.Paste) or bound is None:
            return bool(self._kept)
        action = bound.binding.id or bound.binding.action
        turn = turn_of(action)
        waits = bool(self._kept) and (turn is not Turn.AT_ONCE or (self._answered and event.is_printable))
        waits = waits or (turn is not Turn.AT_ONCE and self.keeps(turn))
        self._answered = self._answered or (waits and asks(action))
        return waits

    async def _send(self, holder: MessagePump, laps: int) -> None:
        """Let something follow the last key; where it can be sent nowhere, nothing is waited for."""
        self._holder = holder
        if not holder.post_message(self.Passed(self._dealt, laps)):
            await self._go_on(self._dealt)

    def _be_patient(self, holder: MessagePump, looks: int) -> None:
        self._holder = holder
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.call_after(PATIENCE, partial(self._look_after, self._dealt, looks))

    async def _look_after(self, key: int, looks: int) -> None:
        """Wait on for a key that takes long, unless a dialog has gone that took it with it."""
        if key != self._dealt or not self._keys_held:
            return
        there = isinstance(self._holder, Widget) and any(
            it in self.screen_stack for it in self._holder.ancestors_with_self
        )
        if looks and there:
            self._be_patient(self._holder, looks - 1)
        else:
            await self._go_on(key)

    async def _go_on(self, key: int) -> None:
        if key != self._dealt or not self._keys_held or not self.screen_stack:
            return  # it took too long: others have been dealt with, or the app is ending
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._keys_held = False
        await self._deal()

    @on(Passed)
    async def _passed(self, message: Passed) -> None:
        if message.key == self._dealt and message.laps > 1 and self.screen.is_modal:
            await self._send(self.focused or self.screen, message.laps - 1)
        else:
            await self._go_on(message.key)
