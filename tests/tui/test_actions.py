"""Walks the table of actions itself: each key of each action, pressed in its panel, has an effect that can be seen.

What exactly an action does is tested beside its panel; here none can be forgotten.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from stepper.record import Gate, Record, Value
from stepper.tui.action import Action
from stepper.tui.actions import ACTIONS, FOOTER
from stepper.tui.app import StepperApp
from tests.tui.recorded import summary
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_failure

BACK, FORTH = ("ctrl+home",), ("ctrl+end",)
FIRST, LAST = ("home",), ("end",)

# What is pressed before, so that there is something for the action to do; by its name, or by what follows the panel's
BEFORE: dict[str, tuple[str, ...]] = {
    "place.back": ("g", "5", "enter"),
    "place.forth": ("g", "5", "enter", "left_square_bracket"),
    "run.pause": ("a",),
    "breakpoint.clear": ("b",),
    "breakpoint.list": ("b",),
    "panel.reset": ("M",),
    "panel.restore": ("m",),
    "panel.1": ("2",),
    "source.go": ("home", *["down"] * 11),
    "gate.previous": ("full_stop",),
    "gate.follow": ("enter", "home", "enter"),
    "record.fold": ("up",),
    "record.toggle": ("up",),
    "record.unfold": ("up", "left"),
    "tensors.up": ("down", "down"),
    "tensors.reverse": ("o",),
    "tensors.remove": ("w", "t", "enter"),
    "viewer.what": ("f",),
    **{f"{panel}.up": LAST for panel in ("source", "record")},
    **{f"{panel}.down": FIRST for panel in ("source", "record")},
    **{f"{panel}.{step}_slice": ("z",) for panel in ("gate", "viewer") for step in ("previous", "next")},
    "gate.previous_slice": ("greater_than_sign",),
    "viewer.previous_slice": ("full_stop",),
    **{f"{panel}.left": LAST for panel in ("loss", "timeline")},
    **{f"{panel}.right": FIRST for panel in ("loss", "timeline")},
    "timeline.previous_mark": LAST,
    "timeline.next_mark": FIRST,
}
USUAL: dict[str, tuple[str, ...]] = {
    "up": ("plus", "plus", *FORTH), "left": ("plus", "plus", *FORTH), "page_up": LAST, "page_left": FORTH,
    "down": ("plus", "plus", *BACK), "right": ("plus", "plus", *BACK), "page_down": FIRST, "page_right": BACK,
    "row_start": FORTH, "row_end": BACK, "first": (*FORTH, *LAST), "last": (*BACK, *FIRST), "go": FIRST,
    "nearer": ("minus", "minus"), "farther": ("plus", "plus"),
}  # fmt: skip
PLACES = {"viewer.what": 9}
"""The event at which the cursor stands, where it is not 2."""
ALONE = ("quit", "panel.traceback", "restart", "suspend")
"""Those that need an app of their own; `test_restart` and, in a real terminal, `test_end_to_end` have the last two."""
REFUSALS = (
    "There is no", "Nothing ", "This is the last", "Panels are shown one", "No statement", "No breakpoint", "It has no",
    "Each cell is", "The whole of it", "What the statement made is", "The gate of the statement is",
    "The viewer shows no",
)  # fmt: skip


def before(action: Action) -> tuple[str, ...]:
    """The keys that prepare an action."""
    suffix = action.name.rpartition(".")[2]
    usual = USUAL.get(suffix, ()) if action.panel else ()
    if action.panel in ("gate", "viewer") and suffix.startswith("page_"):
        usual = ("plus", "plus", "plus", *(FORTH if suffix in ("page_up", "page_left") else BACK))
    return BEFORE.get(action.name, usual)


def world(**planted: Any) -> Standin:
    """A session with all that actions work on: events in events, gates and values of four axes, what is not finite."""
    numbers = np.random.default_rng(3).integers(-9, 9, (3, 3, 70, 90)).astype(float)
    numbers[:, 1] = -1.0
    numbers[2, 2, 60, 80], numbers[1, 2, 50, 70], numbers[0, 2, 40, 60] = 99.0, -99.0, np.nan

    def deepen(record: Record) -> None:
        def value(label: str, array: Any) -> Value:
            session._recorder.copies.append(array)
            return Value(label, "activation", "result", summary(array), len(session._recorder.copies) - 1)

        mask = numbers < 0
        if record.iteration is not None and not record.error:
            for event in record.events[2:5]:
                event.parent = 1
            record.events[0].values.append(value("deep", numbers))
            record.gates = [
                Gate(
                    name, "relu", 1, 13, 1, value("c", numbers), value("b", numbers), value("a", numbers * ~mask),
                    int((~mask).sum()), int(mask.sum()), [1], 3, value("m", mask),
                )
                for name in ("one", "other")
            ]  # fmt: skip

    session = Standin(after=deepen, **planted)
    session.modules = {"other.py": "made = 1\n"}
    session.files = (session.home, *session.modules)
    return session


def seen(app: StepperApp) -> Any:
    """All that can be observed of the app."""
    styled = [[(piece.text, str(piece.style)) for piece in strip] for strip in app.screen._compositor.render_strips()]
    focus = app.focused.id if app.focused is not None else None
    standing: Any = app.session
    return styled, focus, type(app.screen), app.clipboard, app.return_code, tuple(standing.calls)


async def prepare(pilot: Pilot[int], app: StepperApp, action: Action) -> None:
    """The same state before every action."""
    while app.screen.is_modal:
        await pilot.press("escape")
    app.desk.maximise(False)
    app.desk.reset()
    app.session.clear_breakpoints()
    await app.session.go(2, PLACES.get(action.name, 2))
    app.desk.viewer.open("deep", app.scene.generation)
    names = [panel.id for panel in app.desk.panels]
    app.desk.choose(names.index(action.panel) if action.panel else 0)
    await settled(pilot)
    for key in before(action):
        await pilot.press(key)
        await settled(pilot)
    app.message.say("")
    await settled(pilot)


@pytest.mark.parametrize("panel", sorted({action.panel for action in ACTIONS}), ids=lambda panel: panel or "app")
async def test_each_key_of_each_action_does_something(panel: str) -> None:
    app = app_of(world())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for action in ACTIONS:
            if action.panel != panel or action.name in ALONE:
                continue
            for key in action.keys:
                await prepare(pilot, app, action)
                was = seen(app)
                await pilot.press(key)
                await until(pilot, lambda was=was: seen(app) != was, f"{action.name}: an effect of {key}")  # type: ignore[misc]
                await settled(pilot)
                said = text_of(app.message).strip()
                assert not said.startswith(REFUSALS), f"{action.name}, {key}: {said}"


ALWAYS = ("gate.pick", "gradients.check")
"""Those that do something where there is nothing to look at, too."""


async def test_a_key_that_has_nothing_to_look_at_or_to_fold_says_why() -> None:
    def empty(record: Record) -> None:
        record.gates, record.parameters = [], []
        for event in record.events:
            event.values = []

    app = app_of(Standin(after=empty))
    looking = ("tensors", "gate", "gradients", "viewer")
    folds = ("record.fold", "record.unfold", "record.toggle")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for action in ACTIONS:
            if (action.panel in looking and action.name not in ALWAYS) or action.name in folds:
                app.desk.choose([panel.id for panel in app.desk.panels].index(action.panel))
                app.message.say("")
                await pilot.press(action.keys[0])
                await settled(pilot)
                said = text_of(app.message).strip()
                assert said.startswith(REFUSALS), f"{action.name}: {said or 'nothing'}"


@pytest.mark.parametrize("panel", ["3", "8"])
async def test_what_is_in_view_whole_is_not_zoomed_without_a_word(panel: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for key, told in (
            ("plus", "Each cell is one element"),
            ("minus", "The whole of it"),
            ("z", "Each cell is one"),
        ):
            app.message.say("")
            await pilot.press(panel, key)
            await settled(pilot)
            assert text_of(app.message).strip().startswith(told), key


async def test_the_traceback_is_gone_to_where_there_is_one() -> None:
    app = app_of(world(plant=plant_failure))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("0")
        await until(pilot, lambda: "There is no traceback" in screen_text(app))
        await pilot.press("c")
        await settled(pilot)
        await pilot.press("0")
        await until(pilot, lambda: app.focused is app.desk.trouble)


async def test_quit_closes_the_app() -> None:
    session = world()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert session.calls[-1] == "close" and app.return_code == 0


def test_no_key_has_two_meanings_and_every_action_has_words() -> None:
    for panel in {action.panel for action in ACTIONS}:
        keys = [key for action in ACTIONS if action.panel in ("", panel) for key in action.keys]
        assert len(keys) == len(set(keys)), f"no key has two meanings {panel}"
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
    assert FOOTER.keys() <= {action.name for action in ACTIONS}
    for action in ACTIONS:
        assert action.title and action.help.endswith(".") and action.group
