"""Checking gradients without a screen: one blocking call for the command, over the session of the app."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stepper.session.advice import not_reached
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.check.record_check import Tell
from stepper.session.errors import Misuse, ScriptFailed
from stepper.session.lanes import State
from stepper.session.options import Options
from stepper.session.session import Session


def check(
    target: str, options: Options, iteration: int, entries: int | None, tell: Tell, names: Sequence[str] = ()
) -> GradientCheck:
    """Record an iteration and compare its gradients, or those of the parameters that `names` name, with finite
    differences of its loss; `tell` hears how far it is.

    Raises Misuse (an iteration past the end, or without a loss, too), or ScriptFailed where the script fails.
    """
    return asyncio.run(_check(target, options, iteration, entries, tell, names))


async def _check(
    target: str, options: Options, iteration: int, entries: int | None, tell: Tell, names: Sequence[str]
) -> GradientCheck:
    session = Session(target, options)
    session.launch()
    try:
        await session.open()
        if iteration:
            await session.go(iteration)
        record, refused = session.records.get(iteration), session.notice
        if record is None and session.count and session.state is State.STOPPED:
            await session.go(session.count - 1)  # the script may fail before it comes so far
        if session.traceback and (record is None or record.error is not None):
            unreached = not_reached(iteration, session.failed_in()) if record is None else ""
            raise ScriptFailed("the script failed", session.traceback, unreached)
        if record is None:
            raise Misuse(f"{target}: iteration {iteration} cannot be checked: {refused or 'it is past the end'}")
        return await session.check(iteration, entries, tell, names)
    finally:
        await session.close()
