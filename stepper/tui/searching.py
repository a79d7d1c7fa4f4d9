"""The action that looks for a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepper.tui.outline import find
from stepper.tui.stopping import Stopping

if TYPE_CHECKING:
    from stepper.session import Session


class Searching(Stopping):
    """Looks for a text in what a panel shows."""

    def __init__(self, session: Session, config: Path | None = None) -> None:
        super().__init__(session, config)
        self._sought = ""

    def action_search(self) -> None:
        """Ask for a text, and go to the next event that has it; in Tensors, show only what has it."""
        from stepper.tui.screens.search import SearchScreen

        tensors = self.desk.tensors

        def search(text: str | None) -> None:
            self._sought = text or self._sought
            if text is not None and self._sought:
                self._seek(self._sought, again=not text)

        def only(text: str | None) -> None:
            if text is not None:
                tensors.set_filter(text)

        if self.desk.chosen is tensors:
            advice = "a name, a role or a phase · enter alone shows all again, esc closes"
            self.push_screen(SearchScreen(tensors.filter, "Show only some tensors", advice), only)
        else:
            self.push_screen(SearchScreen(self._sought), search)

    def _seek(self, text: str, again: bool) -> None:
        async def move() -> None:
            self.look()  # where what was asked for before has led
            scene, here = self.scene, self.session.cursor
            found = None
            if scene.history is not None and scene.event is not None:
                found = find(scene.history, text, scene.event.id, again)
            if found is None:
                there = f"; {self.keymap.shown('wrong')} goes to iteration {scene.wrong}, whose loss is not finite"
                known = scene.wrong is not None and text.lower() in ("nan", "inf")
                self.message.say(f"Nothing in this record has {text} in it{there if known else ''}.")
            else:
                await self.session.go(scene.iteration, found)
                self.jumped(here)

        self.enqueue("pick", move, f"{self.keymap.shown('search')} {text}")
