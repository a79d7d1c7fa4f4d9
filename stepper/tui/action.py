"""One action: its keys, what it calls, and the words for it."""

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
    "less_than_sign": "<",
    "exclamation_mark": "!",
}


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
    def shown_key(self) -> str:
        """The key as it is written on the screen."""
        return key_name(self.keys[0])

    @property
    def binding(self) -> Binding:
        """Textual's binding for it."""
        return Binding(
            ",".join(self.keys), self.call, self.title, id=self.name, tooltip=self.help, show=bool(self.short)
        )


def key_name(key: str) -> str:
    """A key as people write it: `?`, `esc`, `F10`."""
    return SPECIAL.get(key, key.upper() if key[0] == "f" and key[1:].isdigit() else key)
