"""What there is to say where an iteration, or every one, has no loss, or its record no update: why, and what to do.

Pure: reads the losses of a run, and records. The screen and the commands say the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepper.record import Record
from stepper.session.findings.likely_loss import likely_loss

NEITHER = "neither a .backward() nor a number called loss, cost or error"


TOO_MANY = "there were more events than are kept; a smaller batch, or shorter sequences, make fewer"


def not_in_the_record(record: Record) -> str:
    """Of an iteration whose record ends before any update: that it does, and what to do; empty of a whole record."""
    return f"is recorded in part, up to before its updates: {TOO_MANY}" if record.truncated else ""


def looked_for(named: str | None, over: bool = True, record: Record | None = None) -> str:
    """What was looked for in vain, and what to do; `named` is the expression that `--loss` gave. Not `over`: of a run
    that goes on, whose first passes may only collect what later ones train on. `record`: of one of its iterations."""
    likely = _may_be(record) if named is None and record is not None else ""
    if likely:
        return f"{NEITHER}; {likely}"
    if named is None and not over:
        return f"{NEITHER}. A later one may have; else name it by --loss EXPR"
    if named is None:
        return f"{NEITHER}: name one by --loss EXPR"
    return f"{named} is no single number where it ends: name another by --loss EXPR"


def nearest_loss(record: Record, losses: Sequence[float | None]) -> int | None:
    """The iteration nearest to this one that has a loss, as far as they have been run."""
    iteration = record.iteration or 0
    there = (number for number, loss in enumerate(losses) if loss is not None)
    return min(there, key=lambda number: abs(number - iteration), default=None)


def without_loss(record: Record, losses: Sequence[float | None], named: str | None) -> str:
    """Of an iteration without a loss: which one has a loss, as far as they have been run; else what to do."""
    there = nearest_loss(record, losses)
    if there is not None:
        return f"iteration {there} has one"
    if named is not None:
        return f"{named} is no single number where it ends; another iteration, or another --loss EXPR, may have one"
    likely = _may_be(record)
    return f"{NEITHER}; {likely or 'if a later iteration has one, name that, else the loss by --loss EXPR'}"


def _may_be(record: Record) -> str:
    """What may be the loss of an iteration that has none, and how to say so; empty where nothing is known to."""
    found = likely_loss(record)
    return "" if found is None else f"{found[0]} on line {found[1]} may be it: --loss {found[0]}"
