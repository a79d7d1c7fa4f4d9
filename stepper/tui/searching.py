"""The action that looks for a text."""

from __future__ import annotations

from functools import partial
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
        """Ask for a text, and go to the next event that has it; in Output, to the next line that was printed; in
        Tensors, show only what has it."""
        from stepper.tui.screens.search import SearchScreen

        panel, tensors, output = self.desk.chosen, self.desk.tensors, self.desk.output

        def search(text: str | None) -> None:
            self._sought = text or self._sought
            if text is not None and self._sought:
                seek = self._in_output if panel is output else partial(self._in_record, again=not text)
                sought = self._sought
                self.enqueue("pick", lambda: seek(sought), f"{self.keymap.shown('search')} {sought}")

        def only(text: str | None) -> None:
            if text is not None:
                tensors.set_filter(text)

        if panel is tensors:
            advice = "a name, a role or a phase · enter alone shows all again, esc closes"
            self.push_screen(SearchScreen(tensors.filter, "Show only some tensors", advice), only)
        elif panel is output:
            advice = "a text that was printed · enter goes to the next, esc closes"
            self.push_screen(SearchScreen(self._sought, "Search the output", advice), search)
        else:
            self.push_screen(SearchScreen(self._sought), search)

    async def _in_record(self, text: str, again: bool) -> None:
        self.look()  # where what was asked for before has led
        scene, here = self.scene, self.session.cursor
        found = None
        if scene.history is not None and scene.event is not None:
            found = find(scene.history, text, scene.event.id, again)
        if found is not None:
            await self.session.go(scene.iteration, found)
            self.jumped(here)
        elif self.desk.chosen is self.desk.source and self.desk.source.find(text):
            self.message.say(f"Nothing in this record has {text} in it; the selected line has.")
        else:
            there = f"; {self.keymap.shown('wrong')} goes to iteration {scene.wrong}, whose loss is not finite"
            known = scene.wrong is not None and text.lower() in ("nan", "inf")
            self.message.say(f"Nothing in this record has {text} in it{there if known else ''}.")

    async def _in_output(self, text: str) -> None:
        self.look()
        output, here = self.desk.output, self.session.cursor
        self.desk.bring_up_to_date(output)
        found = output.find(text)
        if found is None:
            if output.whole:
                self.message.say(f"Nothing that was printed up to the end of this iteration has {text} in it.")
            else:
                self.message.say(f"Nothing of what is shown here has {text} in it; some is left out.")
            return
        line, event = found
        if event is not None:
            await self.session.go(self.scene.iteration, event.id)
            self.jumped(here)
            self.look()
            self.desk.bring_up_to_date(output)
        output.point_at(line, text)
