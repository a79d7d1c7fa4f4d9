"""How much of the screen each panel has: shares that are kept by name, and borders that are dragged."""

from __future__ import annotations

from itertools import pairwise

from textual import events
from textual.containers import Container
from textual.widget import Widget

from stepper.tui.arrangement import BOXES, ROWS, Arrangement

Border = tuple[str, str, str]
"""What can be dragged: a box, and the two neighbours in it."""


class Borders(Container):
    """Holds the boxes of `BOXES`, and gives what lies in them its share."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.arrangement = Arrangement()
        self._held: Border | None = None
        self._held_at = (0, 0)
        self._held_by = 0
        self._held_sizes: dict[str, int] = {}
        """What was as large as this when the border was taken hold of."""

    @property
    def single(self) -> bool:
        """Whether one panel has all the room, so that there is no border."""
        return False

    def _row(self, box: str) -> list[Widget]:
        """What is seen in a box, in order."""
        parts = [self.query_one(f"#{name}") for name in BOXES[box]]
        return [part for part in parts if part.display]

    def set_sizes(self) -> None:
        """Give everything the share it was dragged to, and all to what has no neighbour; else the style sheet holds."""
        sizes = self.arrangement.sizes
        for box in BOXES:
            row = self._row(box)
            known = [sizes[part.id] for part in row if part.id in sizes]
            for part in row:
                share = sizes.get(part.id or "", sum(known) // len(known) if known else 0)
                length = f"{share}fr" if share else "1fr" if len(row) == 1 else None
                length = None if self.single else length
                least = 1 if length else None
                if box in ROWS:
                    part.styles.width, part.styles.min_width = length, least
                else:
                    part.styles.height, part.styles.min_height = length, least
                    part.styles.max_height = "100%" if length else None

    def resize(self, panel: Widget, columns: int, rows: int) -> bool:
        """Make a panel so much wider and taller, at the cost of its neighbour; False where it has none."""
        along, by = (ROWS, columns) if columns else (BOXES.keys() - ROWS, rows)
        part = panel
        while not self.single and part is not self and isinstance(part.parent, Widget):
            box = part.parent
            row = self._row(box.id) if box.id in along and box.id is not None else []
            if len(row) > 1 and part in row:
                place = row.index(part)
                if place + 1 < len(row):
                    self._move_border((box.id or "", part.id or "", row[place + 1].id or ""), by, self._sizes(box.id))
                else:
                    self._move_border((box.id or "", row[place - 1].id or "", part.id or ""), -by, self._sizes(box.id))
                return True
            part = box
        return False

    def _sizes(self, box: str | None) -> dict[str, int]:
        """What is seen in a box, in cells: as it was laid out last, or will be, where that is still to come."""
        row, across = self._row(box or ""), box in ROWS
        present = {part.id or "": part.region.width if across else part.region.height for part in row}
        given = {name: self.arrangement.sizes.get(name, 0) for name in present}
        return given if all(given.values()) and sum(given.values()) == sum(present.values()) else present

    def _move_border(self, border: Border, by: int, present: dict[str, int]) -> None:
        box, before, after = border
        if before in present and after in present:
            self.arrangement.resize(box, present, before, after, by)
            self.set_sizes()

    def _border_at(self, x: int, y: int) -> Border | None:
        """The border at a place on the screen: the last line of one neighbour, or the first of the next."""
        for box in () if self.single else BOXES:
            row = self._row(box)
            for before, after in pairwise(row):
                one, other = before.region, after.region
                across = box in ROWS
                place, edge = (x, other.x) if across else (y, other.y)
                inside = one.y <= y < one.bottom if across else one.x <= x < one.right
                if inside and place in (edge - 1, edge):
                    return (box, before.id or "", after.id or "")
        return None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a border; without a move it stays a click."""
        self._held, self._held_at = self._border_at(event.screen_x, event.screen_y), (event.screen_x, event.screen_y)
        self._held_sizes = self._sizes(self._held[0]) if self._held is not None else {}
        self._held_by = 0

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag it."""
        if self._held is None:
            return
        if not event.button:
            self._let_go()
            return
        self.capture_mouse()
        x, y = event.screen_x - self._held_at[0], event.screen_y - self._held_at[1]
        # from where it was: the mouse may be ahead of the screen, and beyond what a panel can give
        by = x if self._held[0] in ROWS else y
        if by != self._held_by:
            self._held_by = by
            self._move_border(self._held, by, self._held_sizes)

    def on_mouse_up(self) -> None:
        """Let go of it."""
        self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            self._held = None
            self.release_mouse()
