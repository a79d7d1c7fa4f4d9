"""Theme, arrangement and keys from one time to the next: taken up when the app opens, written down when it closes, by a
signal, too. Of what another app has written down meanwhile all stays that this one has not changed."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stepper.tui.keymap import keymap_of
from stepper.tui.preferences import Preferences, load, save
from stepper.tui.recent import tidied
from stepper.tui.stage import Stage

if TYPE_CHECKING:
    from stepper.session import Session


class Remembering(Stage):
    """Keeps a `Preferences` in a file."""

    def __init__(self, session: Session, config: Path | None = None) -> None:
        """`config`: the file; None: nothing is remembered."""
        super().__init__(session)
        self._config = config
        self._remembered = Preferences()
        self._opened_here: tuple[str, ...] = ()
        self.recent: tuple[str, ...] = ()
        self.arguments: dict[str, str] = {}
        """What recent scripts were given, as one types it, by what is remembered of them."""
        self.misread = ""
        """What was not understood in the file; it is then left alone."""
        self.unkept = ""
        """Why nothing could be written down, to be said when the screen is gone."""

    def remember(self) -> None:
        """Take up what was kept last time."""
        if self._config is None:
            return
        try:
            found, keys = load(self._config)
        except ValueError as error:
            self.misread = str(error)
            self._config = None
            return
        keymap, mistakes = keymap_of(keys)
        self.take_keys(keymap)
        if found.theme in self.available_themes:
            self.theme = found.theme
        elif found.theme:
            mistakes.append(f"there is no theme {found.theme}; the palette has those that there are")
        if mistakes:
            self.misread = f"{self._config}: {'; '.join(mistakes)}"
        if found.logarithmic:
            self.desk.loss.toggle()
        self.desk.arrangement.restore(found.panels, found.hidden, found.sizes)
        self.desk.lay_out()
        self.recent = tuple(dict.fromkeys(map(tidied, found.recent)))
        self.arguments = {tidied(entry): found.arguments[entry] for entry in reversed(list(found.arguments))}
        self._remembered = self._preferences()

    def keep(self) -> None:
        """Write down what has changed."""
        if self._config is None or self._preferences() == self._remembered:
            return
        from stepper.session.paths import Unsaved  # only where there is something to save

        try:
            save(self._config, self._merged(load(self._config)[0]))
        except (OSError, Unsaved, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            reason = reason.removeprefix(f"{self._config}: ")
            self.unkept = f"{self._config}: theme and arrangement could not be written: {reason}"

    def _merged(self, found: Preferences) -> Preferences:
        """What is written down now, with what this app has changed since it opened."""
        now, before = self._preferences(), self._remembered
        values = {each.name: getattr(now, each.name) for each in fields(now)}
        changed = replace(found, **{name: value for name, value in values.items() if value != getattr(before, name)})
        others = {path: given for path, given in found.arguments.items() if path not in self._opened_here}
        mine = {path: given for path, given in now.arguments.items() if path in self._opened_here}
        recent = tuple(dict.fromkeys((*self._opened_here, *map(tidied, found.recent))))
        return replace(changed, recent=recent, arguments={**others, **mine})

    def opened(self, script: str, arguments: str) -> None:
        """A script of the person's own was opened, `script` being what is remembered of it; `arguments` as one types
        them."""
        self._opened_here = (script, *(other for other in self._opened_here if other != script))
        self.recent = (script, *(other for other in self.recent if other != script))
        self.arguments.pop(script, None)
        if arguments:
            self.arguments[script] = arguments

    def _preferences(self) -> Preferences:
        there = self.desk.arrangement
        return Preferences(
            self.theme,
            self.desk.loss.logarithmic,
            there.fronts,
            there.hidden,
            dict(there.sizes),
            self.recent,
            dict(self.arguments),
        )
