"""The status line: what is debugged and where, in as much room as there is."""

from __future__ import annotations

import msgspec
import pytest

from tests.tui.screen import app_of, ready, screen_text, settled
from tests.tui.standin import Standin

PATH = "/home/somebody/projects/deep/inside/of/a/folder/training_loop.py"


@pytest.mark.parametrize(
    ("width", "begins", "words"),
    [
        (200, f" {PATH} ", ["numpy", "cpu float64", "iteration 0/20", "statement 1/13", "forward", "loss 21128"]),
        (120, " …/training_loop.py ", ["cpu float64", "iteration 0/20", "statement 1/13", "forward", "loss 21128"]),
        (80, " …/training_loop.py ", ["iteration 0/20", "loss 21128"]),
        (40, " tr…oop.py ", ["iteration 0/20", "■ stopped"]),
        (28, "iteration 0/20", ["■ stopped"]),
    ],
)
async def test_the_status_keeps_what_tells_most(width: int, begins: str, words: list[str]) -> None:
    app = app_of(Standin(target=PATH))
    async with app.run_test(size=(width, 30)) as pilot:
        await ready(pilot)
        line = screen_text(app).splitlines()[0]
        assert line.startswith(begins), line
        assert all(word in line for word in words), line


async def test_what_could_not_be_recorded_is_said_while_its_iteration_is_shown() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "not all" not in screen_text(app)
        faulty = msgspec.structs.replace(session.records[0], faults=["not all could be recorded: x"])
        session.records = {**session.records, 0: faulty}
        app.look()
        await settled(pilot)
        assert "Not all could be recorded: x" in screen_text(app)
        await pilot.press("i")
        await settled(pilot)
        assert "ot all could" not in screen_text(app)
