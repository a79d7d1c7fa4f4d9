"""What stepper's check says of gradients of which it is known whether they are right."""

from __future__ import annotations

from collections.abc import Iterator

from stepper.session.check.gradient_check import EntryCheck, GradientCheck, ParameterCheck, Verdict
from stepper.session.errors import Misuse
from stepper.session.notebook import Run
from tests.fuzz.comparison import parameters_of
from tests.fuzz.plain import Numbers, Truth

WRONG, RIGHT = 0.02, 1e-9
"""How far a gradient is off, relative to the right one, that must be found; and one that must not be."""


def checked(run: Run, iteration: int) -> Iterator[str]:
    """Where the check of an iteration is refused, calls a right gradient wrong, or can tell nothing."""
    try:
        check = run.check(iteration)
    except Misuse as error:
        yield f"check of iteration {iteration}: {error}"
        return
    yield from accused(check, iteration)


def accused(check: GradientCheck, iteration: int) -> Iterator[str]:
    """Where it calls a gradient wrong, or can tell nothing."""
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


def misjudged(run: Run, check: GradientCheck, right: Truth, wrong: Truth) -> Iterator[str]:
    """Where the check of iteration 0 judges an entry falsely. `right` is what its gradients should be, `wrong` what
    they are; both have the same parameters."""
    told = {each.name: each for each in check.parameters}
    for name, recorded in parameters_of(run.iteration(0), wrong).items():
        yield from _entries(told[recorded], right.gradients[name][0])


def _entries(told: ParameterCheck, due: Numbers) -> Iterator[str]:
    larger = float(abs(due).max())
    off = [abs(entry.recorded - float(due[entry.index])) / (larger or 1.0) for entry in told.entries]
    for entry, far in zip(told.entries, off, strict=True):
        if far > WRONG and entry.verdict is Verdict.AGREES:
            yield f"check: {_said(told, entry, due)} is called right"
        if far < RIGHT and entry.verdict is Verdict.DIFFERS:
            yield f"check: {_said(told, entry, due)} is called wrong"
    if off and max(off) < RIGHT and told.verdict is Verdict.DIFFERS:
        yield f"check: {told.name} is called wrong, and is right"


def _said(told: ParameterCheck, entry: EntryCheck, due: Numbers) -> str:
    return f"{told.name}{list(entry.index)} = {entry.recorded}, which should be {float(due[entry.index])},"
