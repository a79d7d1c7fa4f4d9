"""What the tests of the app share: waiting for a condition with a deadline, and reading what is on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.pilot import Pilot

from stepper.tui.app import StepperApp
from stepper.tui.panels.lines import LinePanel
from tests.tui.standin import Standin

if TYPE_CHECKING:
    from stepper.session import Session

DEADLINE = 30.0
"""Seconds; importing torch on a busy machine takes long."""

Place = tuple[int | None, int]


def place(app: StepperApp) -> Place:
    """Where the cursor stands: the iteration, and the event in it."""
    assert app.scene.event is not None
    return (app.scene.iteration, app.scene.event.id)


def app_of(session: Standin | Session) -> StepperApp:
    """The app on a session, real or not."""
    stand: Any = session
    return StepperApp(stand)


async def until(pilot: Pilot[int], condition: Callable[[], object], what: str = "") -> None:
    """Wait until `condition` holds; fail with the screen's text when the deadline has passed."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not: {what or condition}\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


async def ready(pilot: Pilot[int]) -> StepperApp:
    """Wait until the cursor stands somewhere, and the pictures are there."""
    app = pilot.app
    assert isinstance(app, StepperApp)
    await until(pilot, lambda: app.scene.event is not None and not app.scene.busy, "a cursor")
    await settled(pilot)
    return app


async def settled(pilot: Pilot[int]) -> None:
    """Wait until no move and no picture is outstanding, and the screen shows the session as it is."""
    app = pilot.app
    assert isinstance(app, StepperApp)
    await until(pilot, lambda: app.idle, "an idle app")
    await pilot.pause()


def text_of(panel: LinePanel) -> str:
    """All lines of a panel."""
    return "\n".join("".join(text for text, _ in panel.row(index).pieces) for index in range(panel.virtual_size.height))


def screen_text(app: Any) -> str:
    """What is on the screen, without its colours."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()[:height]
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in lines)
