"""The target picker: the built-in variants with their presets, or a script's path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
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
            width: 90%; max-width: 110; height: 90%; max-height: 44;
            border: round $primary; background: $surface; padding: 0 1;
        }
        & OptionList {
            height: 1fr; border: none; background: $surface; text-wrap: nowrap; text-overflow: ellipsis;
        }
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
            options.append(Option(Content.assemble((f"{variant.name:<26}", "bold"), variant.description)))
            for preset, settings in variant.presets.items():
                self._choices.append(Choice(variant.name, preset))
                values = ", ".join(f"{name} = {value}" for name, value in settings.items())
                options.append(Option(Content.assemble(f"  {'preset ' + preset:<24}", (values, "$text-muted"))))
        return options

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Open a variant."""
        self.dismiss(self._choices[event.option_index])

    @on(Input.Submitted)
    def open_path(self, event: Input.Submitted) -> None:
        """Open a script, if there is a file of that name; a variant's name does too."""
        text = event.value.strip()
        path = Path(text).expanduser()
        if not text:
            self.dismiss(None)
        elif any(choice.target == text for choice in self._choices):
            self.dismiss(Choice(text))
        elif path.is_file():
            self.dismiss(Choice(str(path)))
        else:
            problem = self.query_one("#problem", Label)
            problem.update(f"{text}: there is no such file")
            problem.display = True
