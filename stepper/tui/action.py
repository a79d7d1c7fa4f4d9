"""One action: its keys, what it calls, and the words for it."""

import unicodedata
from dataclasses import dataclass

from textual.binding import Binding

SPECIAL = {
    "question_mark": "?",
    "space": "space",
    "backspace": "backspace",
    "escape": "esc",
    "full_stop": ".",
    "comma": ",",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "vertical_line": "|",
    "less_than_sign": "<",
    "exclamation_mark": "!",
}

WORDS = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "enter", "tab",
     *(f"f{number}" for number in range(1, 25)), *SPECIAL}
)  # fmt: skip
"""Keys that have a name of their own, as Textual calls them."""


@dataclass(frozen=True)
class Action:
    """`keys` as Textual names them, the first of them shown; `short` is the footer's word (empty: not in the footer).

    In a footer with too little room, entries with the highest `drop` go first. `panel` names the panel whose key it
    is; such an action is the panel's own and acts while the panel has the focus.
    """

    name: str
    keys: tuple[str, ...]
    call: str
    title: str
    help: str
    group: str
    short: str = ""
    drop: int = 0
    panel: str = ""

    @property
    def binding(self) -> Binding:
        """Textual's binding for it."""
        return Binding(
            ",".join(self.keys), self.call, self.title, id=self.name, tooltip=self.help, show=bool(self.short)
        )


def key_name(key: str) -> str:
    """A key as people write it: `?`, `esc`, `F10`."""
    *modifiers, base = key.split("+")
    if base in SPECIAL:
        shown = SPECIAL[base]
    elif base[0] == "f" and base[1:].isdigit():
        shown = base.upper()
    else:
        try:
            shown = base if base in WORDS else unicodedata.lookup(base.replace("_", " "))
        except KeyError:
            shown = base
    return "+".join([*modifiers, shown])
