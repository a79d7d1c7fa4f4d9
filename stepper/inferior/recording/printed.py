"""How much the script has printed, statement by statement."""

from __future__ import annotations

import os
import sys

from stepper.inferior.recording.drafts import Happening
from stepper.program.quiet import is_quiet
from stepper.program.sites import Site


class Printed:
    """Spans of the script's output, in bytes. The system is asked only where something may have been printed since."""

    def __init__(self) -> None:
        self._quiet: dict[int, bool] = {}  # by site
        self._offset = -1
        self._loud = True  # something may have been printed since the last look

    def start(self) -> None:
        """A recording, or what is seen of a frame, begins: nobody looked before."""
        self._loud = True

    def begin(self, site: Site) -> int:
        """A statement begins: where what it prints will begin."""
        offset = self._asked() if self._loud else self._offset
        self._loud = self._loud or not self._is_quiet(site)
        return offset

    def end(self, happening: Happening) -> None:
        """A statement is over: what was printed since it began is its own."""
        self._loud = self._loud or not self._is_quiet(happening.site)
        if not self._loud:
            self._offset = _written()  # a warning goes out at once
        happening.output = (happening.output[0], self._asked() if self._loud else self._offset)

    def since(self, site: Site) -> tuple[int, int]:
        """A statement is over that nobody saw begin: what was printed since the last look."""
        last = self._offset
        return (last, last if self._is_quiet(site) else self._asked())

    def anew(self) -> tuple[int, int]:
        """What was printed since the last look, whoever did."""
        return (self._offset, self._asked())

    def _asked(self) -> int:
        """How many bytes the script has written so far; nothing waits to be written where nothing since could print."""
        self._offset = _flushed()
        self._loud = False
        return self._offset

    def _is_quiet(self, site: Site) -> bool:
        quiet = self._quiet.get(site.id)
        if quiet is None:
            quiet = self._quiet[site.id] = is_quiet(site.text)
        return quiet


def _flushed() -> int:
    """How many bytes the script has written so far; its own text buffer is emptied first."""
    stream = sys.stdout
    try:
        if stream is sys.__stdout__ and stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return -1
    return _written()


def _written() -> int:
    """How many bytes have come to where the script writes; what waits in its own buffer is not counted."""
    try:
        return os.lseek(1, 0, os.SEEK_CUR)
    except OSError:
        return -1
