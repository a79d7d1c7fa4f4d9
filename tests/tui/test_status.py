"""The status line: what is debugged and where, in as much room as there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from stepper.session import Options, Session
from stepper.tui import bars, figures
from tests.tui.screen import app_of, ready, screen_text, settled
from tests.tui.standin import Standin

PATH = "/home/somebody/projects/deep/inside/of/a/folder/training_loop.py"


@pytest.mark.parametrize(
    ("width", "begins", "words"),
    [
        (
            200,
            f" {PATH} ",
            ["numpy", "cpu float64", "learning_rate=3e-6", "iteration 0/20", "statement 1/13", "forward", "loss 21128"],
        ),
        (
            120,
            " …/training_loop.py ",
            ["learning_rate=3e-6", "iteration 0/20", "statement 1/13", "forward", "loss 21128"],
        ),
        (80, " …/training_loop.py ", ["iteration 0/20", "loss 21128"]),
        (40, " tr…oop.py ", ["iteration 0/20", "■ stopped"]),
        (28, "iteration 0/20", ["■ stopped"]),
    ],
)
async def test_the_status_keeps_what_tells_most(width: int, begins: str, words: list[str]) -> None:
    session = Standin(target=PATH)
    session.options = Options(seed=0, settings=("learning_rate=3e-6",))
    app = app_of(session)
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


async def test_a_total_that_an_iteration_is_beyond_is_not_shown() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for iteration, said in ((19, "iteration 19/20 "), (20, "iteration 20 ")):
            app.status.show(replace(app.scene, iteration=iteration))
            await settled(pilot)
            assert said in screen_text(app).splitlines()[0]


@pytest.mark.parametrize(
    ("progress", "words"),
    [((3, 8), "to iteration 7  replayed 3/8 "), ((0, 1), "to iteration 0  replayed 0/1 "), ((5, None), "replayed 5 ")],
)
async def test_a_replay_says_where_it_leads_and_how_far_it_is(progress: tuple[int, int | None], words: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.status.show(replace(app.scene, state="replaying", progress=progress))
        await settled(pilot)
        line = screen_text(app).splitlines()[0]
        assert words in line and "↻ replaying" in line and "statement" not in line, line
        app.status.show(replace(app.scene, state="replaying", progress=(0, None)))
        await settled(pilot)
        assert "0" not in screen_text(app).splitlines()[0].replace("float64", ""), "nothing is counted in the setup"


async def test_of_several_losses_the_status_says_which_it_is() -> None:
    session = Session(str(Path(__file__).parents[1] / "scripts" / "closure.py"))
    app = app_of(session)
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        assert session.record is not None
        several = len(session.record.losses)
        assert several > 1 and f" (last of {several}) " in screen_text(app).splitlines()[0]
        await pilot.press("I")
        await settled(pilot)
        assert "last of" not in screen_text(app), "the setup has no loss"


def test_a_large_loss_is_read_as_in_the_panels() -> None:
    told = "".join(text for text, _ in bars._loss(175_600_000_000.25).pieces)
    assert told.split() == ["loss", figures.figure(175_600_000_000.25)]


@pytest.mark.parametrize(
    ("room", "told"),
    [
        (26, "torch autogr… module optim"),
        (30, "torch autograd module optim"),
        (23, "torch auto… modu… optim"),
        (22, "… module optim"),
        (5, ""),
    ],
)
def test_engines_are_abbreviated_before_one_is_left_out(room: int, told: str) -> None:
    assert bars.some_engines(("python", "torch", "autograd", "module", "optim"), room) == told
