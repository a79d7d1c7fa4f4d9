"""What the debugger wants the script to do next: set by the service thread, read at loop heads."""

from __future__ import annotations

import threading


class Control:
    """Run until `until`, recording from `record_from` on; or stand. Waiting and telling are the two sides."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running = False
        self._quit = False
        self._standing = True
        self.until: int | None = None
        self.record_from: int | None = None
        self.record_last = False
        self.stop_from: int | None = None
        self.noting = False

    def run(self, until: int | None, record_from: int | None, record_last: bool, stop_from: int | None = None) -> None:
        """Let the script go on."""
        with self._condition:
            self.until, self.record_from, self.record_last = until, record_from, record_last
            self.stop_from = stop_from
            self._running, self._standing = True, False
            self._condition.notify_all()

    def pause(self) -> None:
        """Let the script stop at the next head it comes to."""
        with self._condition:
            self._running = False

    def quit(self) -> None:
        """Wake up whoever waits, for good."""
        with self._condition:
            self._quit = True
            self._condition.notify_all()

    def must_stop(self, iteration: int) -> bool:
        """Whether the script has to stand at the head of this iteration."""
        return not self._quit and (not self._running or (self.until is not None and iteration >= self.until))

    def stand(self) -> None:
        """The script is about to say that it stands; an answer may come before it has begun to wait."""
        with self._condition:
            self._running, self._standing = False, True

    @property
    def pausing(self) -> bool:
        """Whether the script is to stop and has not stopped yet."""
        return not (self._running or self._standing or self._quit)

    def wait(self) -> None:
        """Stand until told to go on (or that it is over), be it told to stop again since: then it has to say so."""
        with self._condition:
            self._condition.wait_for(lambda: not self._standing or self._quit)

    def wait_for_quit(self) -> None:
        """The script is over; stay for questions about what was recorded."""
        with self._condition:
            self._condition.wait_for(lambda: self._quit)

    @property
    def over(self) -> bool:
        return self._quit
