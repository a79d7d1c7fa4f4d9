"""The bars: status at the top, tabs where panels are shown one at a time, messages and keys at the bottom."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events

from stepper.session.findings.divergence import name_of
from stepper.terminal_text import visible
from stepper.tui import figures
from stepper.tui.actions import ACTIONS, Action
from stepper.tui.hints import POINTED_OUT
from stepper.tui.keymap import Keymap
from stepper.tui.panels.lines import EMPTY, LinePanel, Piece, Row, pad, wrapped
from stepper.tui.scene import Scene

STATES = {
    "starting": "… starting",
    "stopped": "■ stopped",
    "running": "▶ running",
    "replaying": "↻ replaying",
    "ended": "● ended",
    "failed": "✗ failed",
    "lost": "✗ process lost",
}

NONFINITE = "!"
LEAST_NAME = 4
"""Columns of a target's name below which nothing of it is said."""
LEAST_ENGINE = 5
"""Columns of an engine's name below which the first engine is left out instead."""
MOST_CHANGED = 32
"""Columns that the changed settings take at most."""
SHORT = {"Gradients": "Grads", "Traceback": "Trace", "Process lost": "Lost"}
SHORTER = {**SHORT, "Timeline": "Time", "Output": "Out"}
"""What panels are called where there is little room."""


class Bar(LinePanel, can_focus=False):
    """One line that is repainted when its row changed; places in it can be clicked."""

    DEFAULT_CSS = "Bar { height: 1; overflow: hidden hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._row = EMPTY
        self._places: list[tuple[int, int, str, str]] = []
        """From column to column: an action, and the panel whose it is (empty: the app's)."""

    def on_mount(self) -> None:
        """A bar always has its one line."""
        self.set_count(1)

    def set_row(self, row: Row) -> None:
        """Show `row`."""
        if row != self._row:
            self._row = row
            self.touch((0,))

    def row(self, index: int) -> Row:
        """The line."""
        return self._row

    def build(self) -> None:
        """Make the row for the present width."""

    def show(self, scene: Scene) -> None:
        """Make the row anew."""
        super().show(scene)
        self.build()

    def on_resize(self) -> None:
        """Make the row for the new width."""
        self.build()

    async def on_click(self, event: events.Click) -> None:
        """Do what the clicked place stands for."""
        for left, right, call, panel in self._places:
            if left <= event.x < right:
                await self.app.run_action(call, self.screen.query_one(f"#{panel}") if panel else self.app)


class Entry(NamedTuple):
    """A part of the status line: those with the highest `drop` are left out first; a click on it does `call`."""

    drop: int
    pieces: tuple[Piece, ...]
    call: str

    @property
    def size(self) -> int:
        """Its columns, with the two that part it from the next."""
        return 2 + sum(cell_len(text) for text, _ in self.pieces)


class StatusBar(Bar):
    """What is debugged, where the cursor stands, and what the script is doing. Each can be clicked to change it."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"target"})

    def play(self, speed: int) -> None:
        """So many statements a second are stepped over by themselves; 0: none."""
        self._speed = speed
        self.build()

    _speed = 0

    def build(self) -> None:
        """Target, place and state; what there is no room for is left out, the least telling first."""
        scene = self.scene
        entries = [_target(scene.target)]
        machine = " ".join(text for text in (scene.device, scene.dtype) if text)
        if machine:
            entries.append(Entry(6, ((machine, "muted"),), "target"))
        if scene.changed:
            entries.append(Entry(5, ((figures.middle(visible(scene.changed), MOST_CHANGED), "muted"),), "target"))
        entries += _under_way(scene) if scene.state in ("running", "replaying") else _standing(scene)
        if scene.wrong is not None:
            entries.append(_wrong(scene.losses[scene.wrong], scene.wrong))
        if scene.what_if:
            first, more = scene.what_if[0], len(scene.what_if) - 1
            entries.append(Entry(1, ((f"what if @{first}{f' +{more}' if more else ''}", "note"),), "what_if"))
        if scene.edited:
            entries.append(Entry(4, (("file changed", "note"),), "panel(0)"))
        state = STATES.get(scene.state, scene.state)
        part = {"stopped": "muted", "failed": "bad", "lost": "bad"}.get(scene.state, "good")
        if self._speed and scene.state == "stopped":
            state, part = f"▶ playing {self._speed}/s", "good"
        right: tuple[Piece, ...] = ((f"{state} ", part),)
        width = self.size.width
        target = shorter(scene.target, width - len(state) - 2 - sum(entry.size for entry in entries[1:]))
        entries[0] = _target(target)
        spared = sorted((entry for entry in entries if entry.drop), key=lambda entry: entry.drop)
        while spared and sum(entry.size for entry in entries) + len(state) + 2 > width:
            entries.remove(spared.pop())
        room = width - len(state) - 2 - sum(entry.size for entry in entries)
        if room < 0:
            left = figures.middle(target.rpartition("/")[2], max(0, cell_len(target) + room))
            entries[:1] = [_target(left)] if cell_len(left) >= LEAST_NAME else []
        engines = some_engines(scene.engines, room - 2)
        if engines:
            entries.insert(1, Entry(7, ((engines, "muted"),), "target"))
        self._places, column = [], 0
        for entry in entries:
            self._places.append((column, column + entry.size - 2, entry.call, ""))
            column += entry.size
        self._places.append((width - len(state) - 1, width, "pause", ""))
        pieces = [piece for entry in entries for piece in (*entry.pieces, ("  ", ""))]
        self.set_row(Row(pad(pieces[:-1], right, width)))


def _target(name: str) -> Entry:
    return Entry(0, ((f" {name} ", "target"),), "target")


def shorter(target: str, room: int) -> str:
    """A variant's name; a script's path, where it takes more than `room` columns with the rest, by its file alone."""
    name = target.rpartition("/")[2]
    return target if name == target or cell_len(target) + 4 <= room else f"…/{name}"


def _standing(scene: Scene) -> list[Entry]:
    """Where the cursor stands."""
    if scene.record is None:
        return []
    total = scene.total if scene.total is not None and (scene.iteration or 0) < scene.total else None
    where = "setup" if scene.iteration is None else _of(scene.iteration, total)
    label = "" if scene.iteration is None else "iteration "
    count = f"{scene.statement}/{scene.statements}" if scene.statement else f"before 1/{scene.statements}"
    entries = [Entry(0, ((label, "muted"), (where, "strong")), "go")]
    if scene.statements:
        entries.append(Entry(2, (("statement ", "muted"), (count, "strong")), "panel(0)"))
    if scene.event is not None and not (scene.iteration is None and scene.event.phase == "setup"):
        entries.append(Entry(3, ((f"{scene.event.phase:<8}", "note"),), "panel(0)"))
    if scene.iteration is not None:
        entries.append(_loss(scene.record.loss))
        if scene.history is not None and scene.history.which_loss:
            entries.append(Entry(4, ((f"({scene.history.which_loss})", "muted"),), "panel(4)"))
    if scene.history is not None and scene.history.in_evaluation:
        entries.append(Entry(1, ((f"{POINTED_OUT} eval mode", "bad"),), "panel(5)"))
    return entries


def _under_way(scene: Scene) -> list[Entry]:
    """How far the script has come; of a replay where it leads, and how far that is."""
    if scene.state == "replaying":
        done, total = scene.progress
        if not total:
            return [Entry(0, (("replayed ", "muted"), (str(done), "strong")), "go")] if done else []
        return [
            Entry(0, (("to iteration ", "muted"), (str(total - 1), "strong")), "go"),
            Entry(1, (("replayed ", "muted"), (f"{done}/{total}", "strong")), "go"),
        ]
    entries = [Entry(0, (("iteration ", "muted"), (_of(*scene.progress), "strong")), "go")]
    if scene.losses:
        entries.append(_loss(scene.losses[-1]))
    return entries


def _of(iteration: int, total: int | None) -> str:
    return str(iteration) if total is None else f"{iteration}/{total}"


def _loss(loss: float | None) -> Entry:
    text = figures.figure(loss, 9)
    if "e" in text:
        text = figures.figure(loss)  # as it stands in the panels
    return Entry(1, (("loss ", "muted"), (f"{text:<9}", "strong")), "panel(4)")


def _wrong(loss: float | None, iteration: int) -> Entry:
    """From where on the loss is not finite; a click leads there."""
    name = "" if loss is None else f"{name_of(loss)} "
    return Entry(1, ((f"{NONFINITE} {name}from {iteration}", "bad"),), "wrong")


def some_engines(engines: tuple[str, ...], room: int) -> str:
    """The engines, abbreviated where there is little room; as many as there is room for, those that say most of the
    script: the last ones."""
    names = [name for name in engines if name != "python"] or list(engines)
    for most in range(max(map(len, names), default=0), LEAST_ENGINE - 1, -1):
        text = " ".join(name if len(name) <= most else f"{name[: most - 1]}…" for name in names)
        if len(text) <= room:
            return text
    for first in range(1, len(names)):
        text = "… " + " ".join(names[first:])
        if len(text) <= room:
            return text
    return ""


class TabBar(Bar):
    """The panels by name, where there is room for one at a time."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"chosen"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs: tuple[tuple[str, str, int], ...] = ()
        self._chosen = 0

    def set_tabs(self, tabs: tuple[tuple[str, str, int], ...], chosen: int) -> None:
        """These panels can be shown, each with its key, its name and its number; number `chosen` is."""
        self._tabs, self._chosen = tabs, chosen
        self.build()

    def build(self) -> None:
        """One place for each panel, with the digit that chooses it; names are cut where there is little room."""
        whole: dict[str, str] = {}
        for short, most in ((whole, 20), (SHORT, 20), *((SHORTER, most) for most in (20, 6, 5, 4, 3))):
            names = [short.get(name, name) for _, name, _ in self._tabs]
            texts = [f"{key} {name[:most]}" for (key, _, _), name in zip(self._tabs, names, strict=True)]
            if sum(len(text) + 1 for text in texts) <= self.size.width:
                break
        else:  # where not even that fits: the keys, and the chosen one's name
            texts = [f"{key} {name}" if index == self._chosen else key for key, name, index in self._tabs]
        pieces: list[Piece] = []
        self._places = []
        column = 0
        for text, (_, _, index) in zip(texts, self._tabs, strict=True):
            chosen = index == self._chosen
            pieces.append((("▸" if chosen else " ") + text, "chosen" if chosen else "muted"))
            self._places.append((column, column + len(text) + 1, f"panel({index})", ""))
            column += len(text) + 1
        self.set_row(Row(tuple(pieces)))


class MessageBar(Bar):
    """What the session or the app has to say, in as many lines as it takes, and how far long work has come."""

    MOST: ClassVar[int] = 6
    """Lines that a message takes at most."""
    PARTS: ClassVar[frozenset[str]] = frozenset({"bar"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said = ""
        self._bad = False
        self._waiting = ""
        self._error = self._advice = ""

    def advise(self, error: str, advice: str) -> None:
        """With the next scene say what the script raised, and what to do about it; without an error, of what else is
        wrong, only where there is nothing else to say."""
        self._error, self._advice = error, advice

    def show(self, scene: Scene) -> None:
        """What was said of work under way no longer holds when it is done."""
        if self.scene.busy and not scene.busy:
            self._said = ""
        super().show(scene)

    def say(self, text: str, bad: bool = False) -> None:
        """Show a message of the app's own until the next move."""
        self._said, self._bad = text, bad
        self.build()

    def hush(self) -> None:
        """What the app said of an earlier key is over."""
        if self._said:
            self.say("")

    def wait_for(self, keys: list[str], forget: str) -> None:
        """These keys wait for the script to start; `forget` is the one that drops them."""
        waiting = f"then {' '.join(keys)} · {forget} forgets " if keys else ""
        if waiting != self._waiting:
            self._waiting = waiting
            self.build()

    def build(self) -> None:
        """The message, and a bar of iterations done while the script is at work."""
        scene = self.scene
        starting = f"Starting {scene.target} …" if scene.state == "starting" else ""
        text = self._said or self._told() or starting or _still_shown(scene)
        bad = self._bad if self._said else scene.state in ("failed", "lost")
        text, part, width = visible(text).split("\n", 1)[0], "bad" if bad else "note", self.size.width
        lines = [text]
        right: list[Piece] = []
        if scene.state in ("running", "replaying"):
            lines, right = beside(text, progress(*scene.progress, max(10, width // 4)), width)
        elif self._waiting:
            right = [(figures.middle(self._waiting, width // 2), "muted")]
        elif width > 1:
            lines = wrapped(text, width - 1)
            lines = lines if len(lines) <= self.MOST else [*lines[: self.MOST - 1], " ".join(lines[self.MOST - 1 :])]
        ends: list[list[Piece]] = [[] for _ in lines[1:]] + [right]
        rows = zip(lines, ends, strict=True)
        self.set_rows([Row(pad([(f" {line}", part)], end, width)) for line, end in rows])
        self.styles.height = len(lines)

    def _told(self) -> str:
        notice, error = self.scene.notice, self._error
        if self.scene.busy or not error:
            return notice or _sentence(self._advice)
        if error in notice or notice in error:  # how a script ended is told in both
            notice, error = "", max(notice, error, key=len)
        error = figures.middle(error, max(20, 2 * self.size.width - 4))
        return " · ".join(filter(None, (notice, error, self._advice)))

    def row(self, index: int) -> Row:
        """One of its lines."""
        return LinePanel.row(self, index)


def _still_shown(scene: Scene) -> str:
    """Of which iteration the panels are while the status line counts others."""
    under_way = scene.state == "replaying" or (scene.state == "running" and scene.progress[0] != scene.iteration)
    if not under_way or scene.record is None:
        return ""
    where = "the setup" if scene.iteration is None else f"iteration {scene.iteration}"
    return f"The values shown are still those of {where}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def beside(text: str, bar: list[Piece], width: int) -> tuple[list[str], list[Piece]]:
    """The lines of a message, and what is at the end of the last of them: a bar as far as there is room. A message that
    there is no room for beside a bar takes that of the bar, then lines of its own."""

    def fits(line: str) -> bool:
        return cell_len(line) + sum(cell_len(piece) for piece, _ in bar) + 2 <= width

    if fits(text) or not text or width < 2:
        return [text], bar
    bar = bar[-1:]
    lines = [text] if fits(text) else wrapped(text, width - 1)
    return lines if fits(lines[-1]) else [*lines, ""], bar


def progress(done: int, total: int | None, width: int) -> list[Piece]:
    """`━━━━──── 213/500 iterations`; without a known total only the count."""
    if not total:
        return [(f"{done} iterations ", "muted")]
    full = min(width, done * width // total)
    return [("━" * full, "bar"), ("─" * (width - full), "muted"), (f" {done}/{total} iterations ", "muted")]


class KeyBar(Bar):
    """The most useful keys, those of the focused panel first; each can be clicked."""

    PARTS: ClassVar[frozenset[str]] = frozenset({"key"})

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keymap = Keymap()
        self._panel = ""

    def at(self, panel: str) -> None:
        """The person is at this panel: its keys come first."""
        if panel != self._panel:
            self._panel = panel
            self.build()

    def take_keys(self, keymap: Keymap) -> None:
        """Show these keys."""
        self._keymap = keymap
        self.build()

    def build(self) -> None:
        """As many actions of the table as fit, the dispensable ones left out first."""
        own = [action for action in ACTIONS if action.short and action.panel == self._panel and self._panel]
        shown: list[Action] = own + [action for action in ACTIONS if action.short and not action.panel]
        while shown and sum(map(self._room_for, shown)) > self.size.width:
            shown.remove(max(reversed(shown), key=lambda action: action.drop))
        pieces: list[Piece] = []
        self._places = []
        column = 0
        for action in shown:
            pieces += [(f" {self._keymap.shown(action)}", "key"), (f" {action.short} ", "muted")]
            size = self._room_for(action)
            self._places.append((column, column + size, action.call, action.panel))
            column += size
        self.set_row(Row(tuple(pieces)))

    def _room_for(self, action: Action) -> int:
        return len(self._keymap.shown(action)) + len(action.short) + 3
