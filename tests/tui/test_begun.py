"""A coroutine that is begun at once: it runs up to its first wait, and gives the same as it would otherwise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from stepper.tui.begun import Begun, beside
from stepper.tui.panels.viewer import ViewerPanel
from tests.tui.screen import app_of, ready, until
from tests.tui.standin import Standin


async def test_it_runs_up_to_its_first_wait_before_anyone_waits_for_it() -> None:
    came: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    log: list[str] = []

    async def work() -> int:
        log.append("begun")
        first = await came
        await asyncio.sleep(0)
        return first + 1

    begun = Begun(work())
    assert log == ["begun"]
    asyncio.get_running_loop().call_soon(came.set_result, 4)
    assert await begun == 5


async def test_what_it_waits_for_may_have_come_before_anyone_waits_for_it() -> None:
    came: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> int:
        return await came

    begun = Begun(work())
    came.set_result(7)
    await asyncio.sleep(0)
    assert await begun == 7


async def test_a_result_and_an_error_without_a_wait_reach_whoever_waits() -> None:
    async def at_once(fail: bool) -> str:
        if fail:
            raise LookupError("not kept")
        return "here"

    assert await Begun(at_once(False)) == "here"
    failed = Begun(at_once(True))
    with pytest.raises(LookupError, match="not kept"):
        await failed


async def test_a_cancellation_reaches_it() -> None:
    log: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            log.append("cleaned up")

    async def waits(begun: Begun[None]) -> None:
        await begun

    task = asyncio.create_task(waits(Begun(for_ever())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cleaned up"]


async def test_of_several_that_have_come_each_is_taken_in_the_same_turn() -> None:
    async def work(came: asyncio.Future[int]) -> int:
        return await came

    answers = [asyncio.get_running_loop().create_future() for _ in range(3)]
    begun = [Begun(work(each)) for each in answers]
    for each in answers:
        each.set_result(7)
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another turn")
    assert [await each for each in begun] == [7, 7, 7] and not turns


async def test_of_what_is_done_beside_the_failure_is_handed_on(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    failures: list[Callable[[], None]] = []

    async def work(error: Exception | None) -> None:
        log.append("done")
        if error is not None:
            raise error

    beside(work(LookupError("nobody asked")), failures.append)
    beside(work(None), failures.append)
    assert not log
    for _ in range(3):
        await asyncio.sleep(0)
    assert log == ["done", "done"]
    (failure,) = failures
    with pytest.raises(LookupError, match="nobody asked"):
        failure()
    gc.collect()
    assert not capsys.readouterr().err


async def test_a_fault_in_showing_a_picture_ends_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    def arrived(_: ViewerPanel) -> None:
        raise ZeroDivisionError("while it was shown")

    monkeypatch.setattr(ViewerPanel, "arrived", arrived)
    app = app_of(Standin())
    with pytest.raises(ZeroDivisionError, match="while it was shown"):
        async with app.run_test(size=(120, 40)) as pilot:
            await ready(pilot)
            await pilot.press("8")
            await until(pilot, lambda: app.return_code == 1)
