"""What the debugger wants the script to do next: set by the service thread, read at loop heads."""

from __future__ import annotations

import threading
from collections import deque

from stepper.inferior.protocol import GetWindow, Nudge, Push


class Control:
    """Run until `until`, recording from `record_from` on; or stand. Waiting and telling are the two sides."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running = False
        self._quit = False
        self._standing = True
        self._at_head = False
        self._nudges: deque[Nudge | Push] = deque()
        self.until: int | None = None
        self.record_from: int | None = None
        self.record_last = False
        self.stop_from: int | None = None
        self.noting = False
        self.ahead: list[GetWindow] = []

    def run(self, until: int | None, record_from: int | None, record_last: bool, stop_from: int | None = None) -> None:
        """Let the script go on."""
        with self._condition:
            self.until, self.record_from, self.record_last = until, record_from, record_last
            self.stop_from = stop_from
            self._running, self._standing, self._at_head = True, False, False
            self._condition.notify_all()

    def nudge(self, nudge: Nudge | Push) -> bool:
        """Have this tried, if the script stands at a head; whether it does."""
        with self._condition:
            if self._at_head:
                self._nudges.append(nudge)
                self._condition.notify_all()
            return self._at_head

    def pause(self) -> None:
        """Let the script stop at the next head it comes to."""
        with self._condition:
            self._running = False

    def quit(self) -> None:
        """Wake up whoever waits, for good."""
        with self._condition:
            self._quit = True
            self._condition.notify_all()

    def forked(self) -> None:
        """In a process that the script forked, of which nobody wants anything: it never stands at a head."""
        self._condition = threading.Condition()  # a thread that is not there may have held the other
        self.until, self.record_from, self.record_last, self.stop_from = None, None, False, None
        self._running, self._standing, self._at_head = True, False, False

    def must_stop(self, iteration: int) -> bool:
        """Whether the script has to stand at the head of this iteration."""
        return not self._quit and (not self._running or (self.until is not None and iteration >= self.until))

    def stand(self, *, at_head: bool = False) -> None:
        """The script is about to say that it stands; an answer may come before it has begun to wait."""
        with self._condition:
            self._running, self._standing, self._at_head = False, True, at_head

    @property
    def stands(self) -> bool:
        """Whether the script's own thread waits for what the debugger wants next, or is over."""
        return self._standing

    @property
    def pausing(self) -> bool:
        """Whether the script is to stop and has not stopped yet."""
        return not (self._running or self._standing or self._quit)

    def wait(self) -> None:
        """Stand until told to go on (or that it is over), be it told to stop again since: then it has to say so."""
        with self._condition:
            self._condition.wait_for(lambda: not self._standing or self._quit)

    def wait_at_head(self) -> Nudge | Push | None:
        """Stand at a head until there is something to try, which is returned; None when told to go on, as `wait`."""
        with self._condition:
            self._condition.wait_for(lambda: self._nudges or not self._standing or self._quit)
            return self._nudges.popleft() if self._nudges and not self._quit else None

    def idle(self, seconds: float = 0.0) -> bool:
        """Whether the script stands at a head and has nothing to do, and that for so long."""
        with self._condition:
            return not self._condition.wait_for(lambda: self._nudges or not self._standing or self._quit, seconds)

    def wait_for_quit(self) -> None:
        """The script is over; stay for questions about what was recorded."""
        with self._condition:
            self._standing = True
            self._condition.wait_for(lambda: self._quit)

    @property
    def over(self) -> bool:
        return self._quit
