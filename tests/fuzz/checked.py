"""What stepper's check says of gradients of which it is known whether they are right."""

from __future__ import annotations

from collections.abc import Iterator

from stepper.session.errors import Misuse
from stepper.session.gradient_check import GradientCheck, Verdict
from stepper.session.notebook import Run


def accused(run: Run, iteration: int) -> Iterator[str]:
    """Where the check calls a right gradient wrong, or can tell nothing."""
    try:
        check = run.check(iteration)
    except Misuse as error:
        yield f"check of iteration {iteration}: {error}"
        return
    for each in check.parameters:
        if each.verdict is Verdict.DIFFERS:
            pairs = [(entry.recorded, entry.difference) for entry in each.entries if entry.verdict is Verdict.DIFFERS]
            yield f"check of iteration {iteration}: {each.name} differs: {each.note} {pairs[:2]}"
    if all(each.verdict is Verdict.UNKNOWN for each in check.parameters):
        yield f"check of iteration {iteration}: nothing is told: {_reason(check)}"


def _reason(check: GradientCheck) -> str:
    if not check.parameters:
        return "there are no parameters"
    return next((each.reason for each in check.parameters[0].entries if each.reason), check.parameters[0].note)
