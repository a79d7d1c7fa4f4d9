"""Breakpoints with conditions: met forward and backward, alike at full speed and recorded; asked without a trace."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import stepper
from stepper.session import NotAnExpression, Session, State, continuing
from stepper.session.breakpoints import Breakpoints
from tests.session.support import opened, script, text_at

# 200 passes; `half` is called once in each, and its local names are its own
LOOP = """w = 1.0
def half(value, step):
    small = value / 2
    return small
for step in range(200):
    loss = w * w
    w = w - 0.001 * half(w, step)
"""
BODY = 6


@pytest.fixture(params=[0.0, 1e9], ids=["at full speed", "recorded"])
def either(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bool:
    """Both ways in which a stop is found; whether it is at full speed."""
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", request.param)
    return bool(request.param == 0.0)


async def stops(session: Session, back: bool = False) -> list[int | None]:
    """The iterations that a run stops in, one after the other, until it finds none any more."""
    met: list[int | None] = []
    for _ in range(10):
        here = session.cursor
        await (session.reverse() if back else session.run())
        if session.notice.startswith("no breakpoint") or session.cursor == here:
            break
        if session.state is State.ENDED and session.cursor.iteration not in session.stops:
            break
        met.append(session.cursor.iteration)
    return met


async def test_it_stops_only_where_the_condition_holds_both_ways(tmp_path: Path, either: bool) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        session.toggle_breakpoint(BODY, condition="step % 60 == 30")
        assert await stops(session) == [30, 90, 150]
        assert text_at(session) == "loss = w * w" or session.cursor.iteration == 199
        await session.run()
        assert session.state is State.ENDED
        await session.go(199)
        assert await stops(session, back=True) == [150, 90, 30]


async def test_the_names_are_those_of_the_frame_and_what_is_not_bound_is_not_needed(
    tmp_path: Path, either: bool
) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        session.toggle_breakpoint(
            4, condition="step == 120 and small < value and any(small < each for each in [value])"
        )
        session.toggle_breakpoint(BODY, condition="step > 0 and loss < 0.9")  # in pass 0 `loss` is not bound yet
        await session.run()
        first = session.cursor.iteration
        assert first is not None and 0 < first < 120 and (session.losses[first - 1] or 1.0) < 0.9
        session.set_condition(BODY, condition="False")
        await session.run()
        assert (session.cursor.iteration, text_at(session)) == (120, "return small")
        assert session.event is not None and session.event.function == "half"


async def test_what_was_recorded_before_is_asked_again_when_the_condition_changes(tmp_path: Path) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        for number in range(8):
            await session.go(number)
        await session.go(None)
        session.toggle_breakpoint(BODY, condition="step in (3, 6)")
        assert await stops(session) == [3, 6]
        await session.go(7)
        session.set_condition(BODY, condition="step in (2, 5)")
        assert await stops(session, back=True) == [5, 2]
        session.set_condition(BODY, condition="step == 2")
        await session.go(2, 4)
        await session.reverse()
        assert session.cursor.iteration == 2 and session.cursor.event < 4
        session.set_condition(BODY)
        await session.run()
        assert session.cursor.iteration == 3, "without a condition it stops wherever it is reached"


async def test_the_setup_is_asked_too(tmp_path: Path) -> None:
    source = "total = 0\nfor number in range(5):\n    total += number\n" + LOOP
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(3, condition="number == 3")
        await session.reverse()
        assert session.cursor.iteration is None and text_at(session) == "total += number"
        record, event = session.record, session.event
        assert record is not None and event is not None and event.occurrence == 3
        session.switch_breakpoint(session.breakpoints.all[0])
        assert session.breakpoints.stops == ()


async def test_a_line_that_is_reached_several_times_in_one_pass(tmp_path: Path, either: bool) -> None:
    source = LOOP.replace(
        "    loss = w * w", "    for part in range(4):\n        part_loss = part * w\n    loss = w * w"
    )
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(7, condition="step == 50 and part in (1, 3)")
        met = []
        for _ in range(2):
            await session.run()
            assert session.event is not None
            met.append((session.cursor.iteration, session.event.occurrence))
        assert met == [(50, 1), (50, 3)]
        await session.reverse()
        assert session.event is not None and (session.cursor.iteration, session.event.occurrence) == (50, 1)


async def test_conditions_in_another_file(tmp_path: Path, either: bool) -> None:
    helper = script(tmp_path, "SCALE = 2\ndef double(x, t):\n    y = x * SCALE\n    return y\n", "helper.py")
    source = "from helper import double\nw = 1.0\nfor t in range(90):\n    loss = double(w, t)\n    w = w - 0.01 * w\n"
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(4, helper, condition="t == 70 and y > 0 and SCALE == 2")
        session.toggle_breakpoint(2, helper, condition="t == 72")  # where the function is entered
        await session.run()
        assert (session.cursor.iteration, text_at(session)) == (70, "return y")
        await session.run()
        assert session.cursor.iteration == 72 and session.event is not None and session.event.kind == "call"
        await session.reverse()
        assert session.cursor.iteration == 70


async def test_a_condition_that_fails_stops_once_and_says_why(tmp_path: Path, either: bool) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        session.toggle_breakpoint(BODY, condition="step > 40 and lss > 10")
        await session.run()
        assert session.cursor.iteration == 41 and "\n" not in session.notice
        assert session.notice.startswith(
            "line 6: its condition step > 40 and lss > 10 failed with NameError: name 'lss' is not defined "
            "(did you mean loss?); for that it stops no more"
        )
        (each,) = session.breakpoints.all
        assert each.problem == "NameError: name 'lss' is not defined (did you mean loss?)"
        await session.run()
        assert session.state is State.ENDED, "it stops for that no more"
        assert [each.problem for each in Breakpoints(session.breakpoints.all).all] == [""], "but in a new run it may"
        assert session.traceback == "" and session.output() == ""
        session.set_condition(BODY, condition="1 / (step - 20)  and False")
        await session.go(60)
        await session.reverse()
        assert session.cursor.iteration == 20 and "ZeroDivisionError" in session.notice


@pytest.mark.parametrize("condition", ["raise_it()", "exit(3)", "[][1]", "int('x')", "(lambda: 1 / 0)()"])
async def test_nothing_that_a_condition_raises_reaches_the_script(tmp_path: Path, condition: str) -> None:
    source = "import sys\ndef raise_it():\n    raise KeyboardInterrupt\n" + LOOP
    async with opened(script(tmp_path, source)) as session:
        session.toggle_breakpoint(BODY + 3, condition=condition)
        await session.run()
        assert session.cursor.iteration == 0 and " failed with " in session.notice
        await session.run()
        assert session.state is State.ENDED and len(session.losses) == 200


@pytest.mark.parametrize("names", ["sys._getframe().f_locals", "inspect.currentframe().f_locals", "of_caller()"])
async def test_the_names_that_a_function_keeps_of_its_frame_stay_there(
    tmp_path: Path, either: bool, names: str
) -> None:
    text = f"""import inspect, sys; of_caller = lambda: sys._getframe(1).f_locals
def half(value):
    names = {names}
    small = value / 2
    return names["value"] / 2
w = 1.0
for step in range(20):
    loss = w * w
    w = w - 0.001 * half(w)
"""
    async with opened(script(tmp_path, text)) as session:
        session.toggle_breakpoint(4, condition="value > 1e9")
        for _ in range(3):  # where it is not asked, it stops once and says so
            await session.run()
        assert session.state is State.ENDED and not session.traceback


async def test_one_that_is_switched_off_does_not_stop_and_stays(tmp_path: Path) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        session.toggle_breakpoint(BODY, condition="step == 30")
        session.switch_breakpoint(session.breakpoints.all[0])
        await session.run()
        assert session.state is State.ENDED and len(session.breakpoints.all) == 1
        session.switch_breakpoint(session.breakpoints.all[0])
        await session.reverse()
        assert session.cursor.iteration == 30


async def test_a_condition_given_while_the_script_runs_holds_at_once(tmp_path: Path) -> None:
    source = "w = 1.0\nstep = 0\nwhile True:\n    loss = w * w\n    w = w - 0.001 * w\n    step += 1\n"
    async with opened(script(tmp_path, source)) as session:
        run = asyncio.create_task(session.run())
        async with asyncio.timeout(60):
            while len(session.losses) < 20:
                await asyncio.sleep(0.01)
            session.toggle_breakpoint(4, condition="step % 1000 == 7")
            await run
        assert session.cursor.iteration is not None and session.cursor.iteration % 1000 == 7


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("step =", "step = is not a Python expression: "),
        ("step = 3", "it assigns; == compares"),
        ("for", "for is not a Python expression"),
        ("await step", "must not wait"),
        ("a\0b", "is not a Python expression"),
        ("step) or (1", "is not a Python expression"),
    ],
)
async def test_what_is_no_expression_is_refused_at_once(tmp_path: Path, condition: str, said: str) -> None:
    async with opened(script(tmp_path, LOOP)) as session:
        with pytest.raises(NotAnExpression) as raised:
            session.toggle_breakpoint(BODY, condition=condition)
        assert said in str(raised.value) and "\n" not in str(raised.value)
        assert not session.breakpoints.all


def test_in_the_python_face(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, LOOP)) as run:
        assert run.toggle_breakpoint(BODY, condition="step == 150")
        run.run()
        assert run.here[0] == 150
        assert run.toggle_breakpoint(BODY, condition="step == 170"), "another condition: it stays"
        assert [(each.line, each.condition) for each in run.breakpoints] == [(BODY, "step == 170")]
        run.run()
        assert run.here[0] == 170
        with pytest.raises(ValueError, match="not a Python expression"):
            run.toggle_breakpoint(BODY, condition="step ==")
        assert not run.toggle_breakpoint(BODY) and not run.breakpoints
