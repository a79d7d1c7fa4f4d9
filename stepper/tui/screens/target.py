"""The target picker: variants with their presets, recent scripts, a script's path; and how it is to run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList, Select
from textual.widgets.option_list import Option

from stepper.session import Misuse, Options
from stepper.session.findings.loops import wanted
from stepper.session.options import LARGEST_SEED
from stepper.session.target import launch_of, module_of
from stepper.terminal_text import visible
from stepper.tui import figures
from stepper.tui.recent import plain, there
from stepper.tui.screens.options import OptionsList
from stepper.tui.screens.question import Question
from stepper.variants import VARIANTS

if TYPE_CHECKING:
    from stepper.session import Session

BROWSE = "…"
AS_WRITTEN = "as written"
NAMES = 17
LONGEST = 34
"""Columns for names at least, and at most: a longer one takes several lines, and leaves room for its folder."""
FIELDS = ("settings", "arguments", "named-loop", "named-loss")
"""What belongs to one target: it is filled in when that is highlighted, unless something else was typed."""
DEVICES = (AS_WRITTEN, "cpu", "cuda")


@dataclass(frozen=True)
class Choice:
    """What was chosen: a variant's name, a script's path or `-m` and a module, and how it is to run."""

    target: str
    options: Options


@dataclass(frozen=True)
class Row:
    """A line of the list: a target, and a preset of it; `BROWSE` asks for a file. `entry`: what is remembered of it."""

    target: str
    preset: str | None = None
    entry: str = field(default="", compare=False)


class TargetScreen(Question[Choice | None]):
    """Answers a choice, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+o", "browse", "Find a file"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-wide")]  # noqa: RUF012
    DEFAULT_CSS = """
    TargetScreen {
        & > Vertical { width: 90%; max-width: 110; height: 90%; max-height: 44; }
        & OptionList, & OptionList:focus { height: 1fr; }
        & Horizontal { height: 1; }
        & .name { width: 10; }
        & #seed { width: 14; }
        & #device { width: 16; }
        & #device > SelectOverlay, & #device > SelectOverlay:focus { height: 3; }
        & .apart { margin-left: 4; width: 8; }
        & Input { width: 1fr; }
        & #named-loop { width: 14; }
        & SelectCurrent .arrow { color: $text-muted; }
        & .below { margin-left: 10; color: $foreground 60%; display: none; }
        &.-narrow > Vertical { width: 100%; height: 100%; }
        &.-narrow .name { width: 10; }
        &.-narrow #seed, &.-narrow #named-loop { width: 6; }
        &.-narrow #device { width: 1fr; }
        &.-narrow .apart { margin-left: 1; width: 7; }
    }
    """

    def __init__(
        self, session: Session, recent: Iterable[str], arguments: Mapping[str, str], refused: Choice | None = None
    ) -> None:
        """`session` is what is open now; `recent` are scripts that were, as `Recent.entry` has them; `arguments` what
        they were given. `refused` was chosen before and could not be opened: it is there to be mended."""
        super().__init__()
        self._session = session
        self._refused = refused
        self._recent = [each for each in map(there, recent) if each is not None]
        self._rows: list[Row | None] = []
        self._arguments = arguments
        self._typed: set[str] = set()
        self._known = ""
        self._offered: tuple[str, object] = ("", "")
        """Seed and device that were filled in at first."""

    def compose(self) -> ComposeResult:
        """The list above; below, a path and how the script is to run."""
        options = (self._refused or self._session).options
        with Vertical() as box:
            box.border_title = "Choose a target"
            lines = list(self._list())
            yield OptionsList(*lines, names=[_named(row) for row in self._rows])
            with Horizontal():
                yield Label("Script", classes="name")
                yield Input(
                    placeholder="a Python script's path, or -m and a module",
                    compact=True,
                    id="path",
                )
            with Horizontal():
                yield Label("Seed", classes="name")
                seed = "" if options.seed is None else str(options.seed)
                yield Input(seed, placeholder="none", compact=True, id="seed", max_length=10)
                yield Label("Device", classes="apart")
                choices = [(device, device) for device in DEVICES]
                device = options.device if options.device in DEVICES else AS_WRITTEN
                yield Select(choices, value=device, allow_blank=False, compact=True, id="device")
            with Horizontal():
                yield Label("Settings", classes="name")
                yield Input(compact=True, id="settings")
            yield Label("", id="known", classes="below")
            with Horizontal():
                yield Label("Arguments", classes="name")
                yield Input(placeholder="the script's own, as in a shell", compact=True, id="arguments")
            with Horizontal():
                yield Label("Loop", classes="name")
                yield Input(placeholder="a line", compact=True, id="named-loop")
                yield Label("Loss", classes="apart")
                yield Input(placeholder="an expression", compact=True, id="named-loss")
            yield Label("", id="loops", classes="below")
            yield Label("enter opens · tab: the fields · ctrl+o finds a file · esc closes")
            if self._session.state.name in ("RUNNING", "REPLAYING"):
                yield Label("The script is at work: opening a target ends that.")
            yield Label("", id="problem")

    def on_mount(self) -> None:
        """Start at the target that is open."""
        options = self.query_one(OptionList)
        given = self._refused or self._session
        own = plain(self._session.script if self._refused is None else given.target)
        own = own if module_of(given.target) is None else given.target
        here = (Row(given.target, given.options.preset), Row(own))
        found = [index for index, row in enumerate(self._rows) if row in here]
        options.highlighted = found[0] if found else 0
        if self._refused is not None:
            self._typed |= set(FIELDS)
            self.query_one("#path", Input).value = "" if found else given.target
            for name, text in _told(given.options).items():
                self.query_one(f"#{name}", Input).value = text
        self._offered = self._run_by()
        options.focus()

    def _list(self) -> Iterable[Option | None]:
        for each in self._recent:
            self._rows.append(Row(each.target, entry=each.entry))
            name = each.target if module_of(each.target) is not None else Path(each.path).name
            yield Option(_line(Text(visible(name), "bold"), Text(visible(str(Path(each.path).parent)), "dim")))
        if self._recent:
            yield None  # a rule parts the person's own scripts from the variants
        for variant in VARIANTS.values():
            self._rows.append(Row(variant.name))
            yield Option(_line(Text(variant.name, "bold"), Text(variant.description)))
            for preset, settings in variant.presets.items():
                self._rows.append(Row(variant.name, preset))
                values = " ".join(f"{name}={value}" for name, value in settings.items())
                yield Option(_line(Text(f"  preset {preset}"), Text(values, "dim")))
        self._rows.append(Row(BROWSE))
        yield Option(_line(Text(BROWSE, "bold"), Text("a script of your own: find its file")))

    # ----------------------------------------------------------------------------------------------- the fields

    @on(OptionList.OptionHighlighted)
    def describe(self, event: OptionList.OptionHighlighted) -> None:
        """Say what the settings of the highlighted target are; those of the open one are filled in."""
        row = self._rows[event.option_index]
        same = row is not None and self._is_open(row.target)
        variant = VARIANTS.get(row.target) if row is not None else None
        defaults = variant.settings if variant is not None else self._session.defaults if same else {}
        self._known = " ".join(f"{name}={value}" for name, value in defaults.items())
        self._tell_known()
        entry = row.entry if row is not None else ""
        told = _told(self._session.options if same else Options())
        if not same:
            told["arguments"] = self._arguments.get(entry, "")
        with self.prevent(Input.Changed):
            for name, text in told.items():
                if name not in self._typed:
                    self.query_one(f"#{name}", Input).value = text

    @on(events.Resize)
    def fit_known(self) -> None:
        """The field has another width, once that is laid out."""
        self.call_after_refresh(self._tell_known)

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    @on(Input.Changed, "#settings")
    def _tell_known(self) -> None:
        """Say in the field which settings there are and what they are; while it is typed in, below it, where
        they cannot be read in it."""
        field, below = self.query_one("#settings", Input), self.query_one("#known", Label)
        room = field.content_size.width
        cut = bool(room) and cell_len(self._known) > room
        told = figures.fit(self._known, room).rstrip() if cut else self._known
        field.placeholder = told or "NAME=VALUE, several with blanks between"
        below.update(Content(visible(self._known)))
        below.display = bool(field.has_focus and self._known and (cut or field.value))

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _tell_loops(self) -> None:
        """While a loop is named, say which loops of the open script train."""
        session, below = self._session, self.query_one("#loops", Label)
        heads = [
            f"{wanted(each, session.script, session.relative)}  {each.text}"
            for each in session.loops
            if not each.within
        ]
        below.update(Content(visible("\n".join(["the loops that train, of the target that is open:", *heads]))))
        below.display = bool(heads) and self.query_one("#named-loop", Input).has_focus

    @on(Input.Changed, "#settings, #arguments, #named-loop, #named-loss")
    def keep_typed(self, event: Input.Changed) -> None:
        """What was typed stays, whatever is highlighted."""
        self._typed.add(event.input.id or "")

    @on(Input.Changed)
    def forget_problem(self) -> None:
        """It may be over."""
        self.query_one("#problem", Label).display = False

    # ----------------------------------------------------------------------------------------------- answers

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Open what is highlighted."""
        self._open(self._rows[event.option_index])

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """From a field: the path, where there is one, else what is highlighted; from an empty path that, too, where how
        it is to run was changed, which would else be lost without a word."""
        path = self.query_one("#path", Input).value.strip()
        highlighted = self.query_one(OptionList).highlighted
        if path:
            self._open(Row(path))
        elif highlighted is None or (event.input.id == "path" and not self._changed):
            self.dismiss(None)
        else:
            self._open(self._rows[highlighted])

    @property
    def _changed(self) -> bool:
        """Whether how a target is to run was changed."""
        return bool(self._typed) or self._run_by() != self._offered

    def _run_by(self) -> tuple[str, object]:
        """Seed and device, as they are shown."""
        return self.query_one("#seed", Input).value.strip(), self.query_one("#device", Select).value

    def action_browse(self) -> None:
        """Find a file."""
        from stepper.tui.screens.files import FilesScreen

        def found(path: Path | None) -> None:
            if path is not None:
                field = self.query_one("#path", Input)
                field.value = str(path)
                field.focus()

        start = Path(self._session.script).parent if self._session.target not in VARIANTS else Path.cwd()
        self.app.push_screen(FilesScreen(start), found)

    def _open(self, row: Row | None) -> None:
        """Answer, or say what is wrong with it."""
        if row is None or row.target == BROWSE:
            self.action_browse()
            return
        target = row.target if row.target in VARIANTS else os.path.expanduser(row.target)
        if target not in VARIANTS and module_of(target) is None and os.path.isfile(target):
            target = plain(target)
        try:
            choice = Choice(target, self._options(target, row.preset))
            launch_of(target, choice.options)
        except Misuse as wrong:
            problem = self.query_one("#problem", Label)
            problem.update(Content(visible(str(wrong))))
            problem.display = True
        else:
            self.dismiss(choice)

    def _options(self, target: str, preset: str | None) -> Options:
        seed = self.query_one("#seed", Input).value.strip()
        if seed and not (seed.isdecimal() and int(seed) <= LARGEST_SEED):
            raise Misuse(f"the seed must be a whole number from 0 to {LARGEST_SEED}, not {seed}")
        device = self.query_one("#device", Select).value
        same = self._is_open(target)
        open_now = self._session.options
        return replace(
            open_now if same else Options(threads=open_now.threads, memory=open_now.memory),
            seed=int(seed) if seed else None,
            device=None if device == AS_WRITTEN else str(device),
            preset=preset,
            settings=self._words("settings"),
            arguments=self._words("arguments"),
            loop=self.query_one("#named-loop", Input).value.strip() or None,
            loss=self.query_one("#named-loss", Input).value.strip() or None,
        )

    def _is_open(self, target: str) -> bool:
        """Whether a target is the one that is open now."""
        session = self._session
        if target == session.target or module_of(session.target) is not None:
            return target == session.target
        return target == plain(session.script)

    def _words(self, name: str) -> tuple[str, ...]:
        """What is typed in a field, taken apart as a shell does."""
        try:
            return tuple(shlex.split(self.query_one(f"#{name}", Input).value))
        except ValueError as error:
            raise Misuse(f"the {name} cannot be read: {error}") from error


def _named(row: Row | None) -> str:
    """What a line is found by; a preset by its variant's only."""
    if row is None or row.preset is not None:
        return ""
    return module_of(row.target) or os.path.basename(row.target)


def _told(options: Options) -> dict[str, str]:
    """What the fields of one target say where it is run so."""
    words = (shlex.join(options.settings), shlex.join(options.arguments), options.loop or "", options.loss or "")
    return dict(zip(FIELDS, words, strict=True))


def _line(name: Text, what: Text) -> Table:
    """A name, and beside it what it is, on as many lines as that takes."""
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(min_width=NAMES, max_width=LONGEST, overflow="fold")
    line.add_column(ratio=1, overflow="fold")
    line.add_row(name, what)
    return line
