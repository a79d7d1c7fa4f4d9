"""When a key has its turn: what is typed is done in the order in which it is typed, each key on what those before it
have led to, except for keys that never wait. Decides by an action's name alone; does nothing itself."""

from __future__ import annotations

from enum import Enum, auto


class Turn(Enum):
    """What a key waits for."""

    AT_ONCE = auto()
    """For nothing: it stops, ends or forgets what is under way, or it tells what there is to do."""
    ALIKE = auto()
    """Only for keys typed before it: it does the same wherever a move leads."""
    QUEUED = auto()
    """For those too; the move that it asks for has its turn among the moves."""
    LINE = auto()
    """For the moves that wait; it acts on a line of the source, which is shown while the script is still starting."""
    SHOWN = auto()
    """For all moves: it acts on what they lead to."""


_WAITS = {
    Turn.AT_ONCE: ("run.pause", "panel.restore", "restart", "target", "help", "suspend", "quit",
                   "screen.copy_text", "help_quit", "command_palette"),
    Turn.ALIKE: ("panel.", "loss.scale", "app.focus_next", "app.focus_previous", "run.play"),
    Turn.QUEUED: ("step.", "go", "wrong", "place.", "run.", "search", "watch"),
    Turn.LINE: ("source.", "breakpoint."),
    Turn.SHOWN: ("panel.traceback", "source.file"),
}  # fmt: skip
"""By the name of an action, or the beginning of several names, up to their dot; Textual's own actions are called as it
calls them: `screen.copy_text` is ctrl+c, which pauses where no text is selected."""
_TURNS = {name: turn for turn, names in _WAITS.items() for name in names}


def turn_of(action: str) -> Turn:
    """What the key of an action waits for; of an action that is not named here, for all."""
    family = action.partition(".")[0] + "."
    return _TURNS.get(action) or _TURNS.get(family) or Turn.SHOWN


def together(keys: list[str]) -> list[str]:
    """Keys as they were typed, those that follow each other and are the same together: `n ×3`."""
    found: list[tuple[str, int]] = []
    for each in keys:
        if found and found[-1][0] == each:
            found[-1] = (each, found[-1][1] + 1)
        elif each:
            found.append((each, 1))
    return [f"{key} ×{count}" if count > 1 else key for key, count in found]


_ASK = ("go", "search", "breakpoint.condition", "breakpoint.list", "source.file", "export", "gate.pick",
        "gate.jump", "viewer.jump", "watch", "what_if")  # fmt: skip


def asks(action: str) -> bool:
    """Whether it opens a dialog, to which what is typed behind it is an answer."""
    return action in _ASK
