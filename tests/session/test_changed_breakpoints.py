"""Breakpoints that are set or cleared while a replay looks for one."""

from pathlib import Path

from stepper.session import Session, State, Step
from tests.session.support import opened, script
from tests.session.test_breakpoints import RARE, at


def clear_while_replaying(session: Session) -> None:
    """As soon as a replay is made, the breakpoints are cleared."""

    def clear() -> None:
        if session.state is State.REPLAYING and session.breakpoints.by_line():
            session.clear_breakpoints()

    session.subscribe(clear)


async def test_a_stop_whose_breakpoint_is_cleared_while_it_is_replayed_is_stood_at(tmp_path: Path, far: None) -> None:
    async with opened(script(tmp_path, RARE)) as session:
        session.toggle_breakpoint(6)
        clear_while_replaying(session)
        await session.run()
        assert not session.breakpoints.by_line() and len(session.losses) == 50
        assert at(session) == (50, "special = step if step < 100 else rare(step)")
        assert session.state is State.STOPPED and session.notice.startswith("the run stands before line 6")
        await session.step(Step.NEXT)
        assert at(session) == (50, "loss = w * w")
        await session.run()
        assert session.state.name == "ENDED" and len(session.losses) == 200 and session.cursor.iteration == 199


async def test_going_back_ends_where_the_breakpoints_are_cleared_meanwhile(tmp_path: Path) -> None:
    source = """
    w = 1.0
    for step in range(3000):
        if step in (100, 500, 1000):
            special = step
        loss = w * w
        w = w - 1e-6 * w
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        session.toggle_breakpoint(5)
        clear_while_replaying(session)
        here = session.cursor
        await session.reverse()
        assert session.cursor == here and session.state is State.ENDED
        assert session.notice == "the breakpoints were cleared, so that nothing was looked for any further"


async def test_going_back_looks_for_those_that_are_set_meanwhile(tmp_path: Path) -> None:
    source = """
    w = 1.0
    for step in range(3000):
        if step == 100:
            special = step
        if step in (500, 1000):
            other = step
        loss = w * w
        w = w - 1e-6 * w
    """
    async with opened(script(tmp_path, source)) as session:
        await session.run()
        session.toggle_breakpoint(7)

        def change() -> None:
            if session.state is State.REPLAYING and 7 in session.breakpoints.by_line():
                session.toggle_breakpoint(7)
                session.toggle_breakpoint(5)

        session.subscribe(change)
        await session.reverse()
        assert at(session) == (100, "special = step")
