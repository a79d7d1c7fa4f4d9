"""The target picker: the built-in variants with their presets, or a script's path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from stepper.variants import VARIANTS


@dataclass(frozen=True)
class Choice:
    """What was chosen: a variant's name or a script's path, and a preset of the variant."""

    target: str
    preset: str | None = None


class TargetScreen(ModalScreen[Choice | None]):
    """Answers a choice, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    TargetScreen {
        align: center middle;
        & Vertical {
            width: 90%; max-width: 110; height: auto; max-height: 90%;
            border: round $primary; background: $surface; padding: 0 1;
        }
        & OptionList { height: auto; max-height: 1fr; border: none; background: $surface; }
        & Label { width: 1fr; color: $text-muted; }
        & #problem { color: $text-error; display: none; }
    }
    """

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current
        self._choices: list[Choice] = []

    def compose(self) -> ComposeResult:
        """The table of variants above, an input for a path below."""
        with Vertical() as box:
            box.border_title = "Choose a target"
            yield OptionList(*self._options())
            yield Input(placeholder="or the path of a Python script")
            yield Label("enter opens · tab to the path · esc closes")
            yield Label("", id="problem")

    def on_mount(self) -> None:
        """Start at the target that is open."""
        options = self.query_one(OptionList)
        options.highlighted = next(
            (index for index, choice in enumerate(self._choices) if choice.target == self._current), 0
        )
        options.focus()

    def _options(self) -> list[Option]:
        options: list[Option] = []
        for variant in VARIANTS.values():
            self._choices.append(Choice(variant.name))
            text = Text.assemble(
                (f"{variant.name:<26}", "bold"), variant.description, no_wrap=True, overflow="ellipsis"
            )
            options.append(Option(text))
            for preset, settings in variant.presets.items():
                self._choices.append(Choice(variant.name, preset))
                values = ", ".join(f"{name} = {value}" for name, value in settings.items())
                line = Text.assemble(f"  {'preset ' + preset:<24}", (values, "dim"), no_wrap=True, overflow="ellipsis")
                options.append(Option(line))
        return options

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Open a variant."""
        self.dismiss(self._choices[event.option_index])

    @on(Input.Submitted)
    def open_path(self, event: Input.Submitted) -> None:
        """Open a script, if there is a file of that name."""
        text = event.value.strip()
        if (
            text
            and not any(choice.target == text for choice in self._choices)
            and not Path(text).expanduser().is_file()
        ):
            problem = self.query_one("#problem", Label)
            problem.update(f"{text}: there is no such file")
            problem.display = True
            return
        self.dismiss(Choice(str(Path(text).expanduser()) if "~" in text else text) if text else None)
