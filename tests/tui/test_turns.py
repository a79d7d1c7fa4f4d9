"""What the key of each action waits for."""

import pytest

from stepper.tui.actions import ACTIONS
from stepper.tui.turns import Turn, asks, turn_of

TURNS = {
    "run.pause": Turn.AT_ONCE, "quit": Turn.AT_ONCE, "help_quit": Turn.AT_ONCE, "panel.restore": Turn.AT_ONCE,
    "screen.copy_text": Turn.AT_ONCE,
    "panel.8": Turn.ALIKE, "panel.traceback": Turn.SHOWN, "step.next": Turn.QUEUED, "run.continue": Turn.QUEUED,
    "run.play": Turn.ALIKE, "source.down": Turn.LINE, "source.file": Turn.SHOWN, "breakpoint.toggle": Turn.LINE,
    "viewer.largest": Turn.SHOWN, "export": Turn.SHOWN, "scroll_down": Turn.SHOWN,
}  # fmt: skip


@pytest.mark.parametrize(("action", "turn"), TURNS.items())
def test_a_key_waits_for_what_its_action_depends_on(action: str, turn: Turn) -> None:
    assert turn_of(action) is turn


def test_what_overtakes_others_is_there_and_asks_nothing_that_is_typed_ahead() -> None:
    at_once = {action.name for action in ACTIONS if turn_of(action.name) is Turn.AT_ONCE}
    assert at_once == {"run.pause", "panel.restore", "restart", "target", "help", "suspend", "quit"}
    assert not any(map(asks, at_once))
    assert {action.name for action in ACTIONS if asks(action.name)} == {
        "go", "search", "breakpoint.condition", "breakpoint.list", "source.file", "export",
        "gate.pick", "gate.jump", "viewer.jump", "watch", "what_if",
    }  # fmt: skip
