"""Parameters whose gradient no step used, or that got none while others did: which, and why.

Pure: reads records only. The screen, the headless commands and the gradient check say the same.
"""

from __future__ import annotations

from enum import Enum

from stepper.record import SKIPPED, Contribution, Event, OptimizerStep, Parameter, Record, Resting, place
from stepper.session.findings.cleared import cleared_by
from stepper.session.findings.labels import some

FEW = 4  # parameters that are named one by one


class Why(Enum):
    """Why no step used a parameter's gradient. The values are the words for it."""

    UNUSED = "its gradient came, but no optimizer that took a step has it"
    RESTED = "its gradient came, but the optimizer that has it took no step in this iteration"
    WAITING = "its gradient came, but no step was taken in this iteration"
    CLEARED = "its gradient came, but was zeroed before the optimizer took its step"
    LATE = "its gradient came, but only when the optimizer that has it had taken its step"
    SKIPPED = "its gradient came, but the step was left out: the gradients are not all finite"
    BESIDE = "its gradient came, but no update used it"
    OTHERWISE = "its gradient came, but what changed it is not known to use it"
    FROZEN = "its requires_grad is False, so no gradient is asked for"
    DETACHED = "no gradient came: it was used, but the loss was cut off from it (detach, no_grad) or does not need it"
    IDLE = "no gradient came: nothing in this iteration used it"
    NONE = "no gradient came"
    RESTING = "no gradient came: the optimizer that has it took no step in this iteration"
    EVALUATED = "no gradient came, and nothing is updated in this iteration: it only evaluates, or is skipped"

    @property
    def short(self) -> str:
        """The same where there is little room."""
        return SHORT[self]

    @property
    def came(self) -> bool:
        """Whether there is a gradient all the same."""
        return self in CAME


SHORT = {
    Why.UNUSED: "no optimizer has it",
    Why.WAITING: "no step yet",
    Why.SKIPPED: "the step was left out: inf or nan",
    Why.CLEARED: "zeroed before the step",
    Why.LATE: "came behind the step",
    Why.BESIDE: "no update used its gradient",
    Why.OTHERWISE: "changed, not by its gradient",
    Why.FROZEN: "requires_grad is False",
    Why.DETACHED: "no gradient: detached before the loss",
    Why.IDLE: "no gradient: nothing used it",
    Why.NONE: "no gradient came",
    Why.RESTING: "its optimizer took no step",
    Why.RESTED: "its optimizer took no step",
    Why.EVALUATED: "nothing is updated in this iteration",
}
CAME = frozenset((Why.CLEARED, Why.LATE, Why.UNUSED, Why.RESTED, Why.WAITING, Why.SKIPPED, Why.BESIDE, Why.OTHERWISE))
RESTS = frozenset((Why.RESTING, Why.RESTED))


def left_out(record: Record) -> dict[str, Why]:
    """The parameters whose gradient no step used, and those that nothing updated while gradients came to others, or
    optimizers took their steps; or all of them, where nothing is updated at all: why."""
    steps = [event for event in record.events if SKIPPED not in event.note]
    stepped = {event.detail.parameter for event in steps if isinstance(event.detail, OptimizerStep)}
    cleared = {each.name for each in record.parameters if cleared_by(record, each)}
    out = [
        each
        for each in record.parameters
        if each.name in cleared or (each.name not in stepped and (_stays(each) or _is_unused(each)))
    ]
    # a step was taken, and be it of none of them
    took = bool(stepped or cleared) or any(each.passed_over is not None for each in record.parameters)
    if not out or not (took or any(map(_is_unused, out))):
        return dict.fromkeys((each.name for each in out), Why.EVALUATED) if _only_evaluates(record) else {}
    contributions = [event for event in reversed(record.events) if isinstance(event.detail, Contribution)]
    came = {e.detail.parameter: e.id for e in contributions if isinstance(e.detail, Contribution)}  # the first of each
    own = {event.parent for event in record.events if event.kind == "call"}  # modules with a `forward` of the script's
    ahead = [event for event in record.events if event.phase in ("forward", "loss")]
    before = [
        value
        for event in ahead
        for value in event.values
        if not (event.kind == "module" and event.id in own and value.role == "parameter")
    ]
    copies, labels = {value.copy for value in before}, {value.label for value in before}
    skipped = any(SKIPPED in event.note for event in record.events)
    updated = any(each.used for each in record.parameters)

    def why(parameter: Parameter) -> Why:
        if parameter.name in cleared:
            return Why.CLEARED
        if _is_unused(parameter) or parameter.name in came:
            gradient = parameter.grad
            if not _stays(parameter):
                return Why.OTHERWISE
            if skipped and (not updated or (gradient is not None and gradient.summary.nonfinite)):
                return Why.SKIPPED
            if took and parameter.resting is not None:
                return Why.RESTED
            if parameter.passed_over is not None and parameter.name in came:
                return Why.LATE if came[parameter.name] > parameter.passed_over else Why.CLEARED
            return Why.UNUSED if took else Why.BESIDE if updated else Why.WAITING
        if parameter.frozen:
            return Why.FROZEN
        if parameter.resting is not None:
            return Why.RESTING
        if record.truncated or record.pooled or parameter.before.copy is None:
            return Why.NONE  # whether it was used is not known
        used = parameter.before.copy in copies or not labels.isdisjoint((parameter.name, parameter.before.label))
        return Why.DETACHED if used else Why.IDLE

    return {each.name: why(each) for each in out}


def _only_evaluates(record: Record) -> bool:
    """Whether a pass came to its end without a gradient or a step: one of a validation that shares the loop, or one
    that skips its batch."""
    if record.error is not None or record.truncated or record.iteration is None:
        return False
    if any(each.grad is not None or each.between or not _stays(each) for each in record.parameters):
        return False
    return not any(
        value.when in ("before", "after") and value.role == "parameter"
        for event in record.events
        for value in event.values
    )


def _is_unused(parameter: Parameter) -> bool:
    return parameter.grad is not None and not parameter.used


def _stays(parameter: Parameter) -> bool:
    """Whether nothing changed it."""
    same = parameter.before.copy is not None and parameter.before.copy == parameter.after.copy
    update = parameter.update.summary
    return same or (not update.nonfinite and update.largest == 0)


def all_left_out(record: Record) -> list[str]:
    """A line for each reason, with the parameters that it left as they were."""
    of = {each.name: each for each in record.parameters}
    by_reason: dict[tuple[Why, int | Resting | tuple[str, ...] | None], list[str]] = {}
    for name, reason in left_out(record).items():
        by: int | Resting | tuple[str, ...] | None = of[name].resting if reason in RESTS else None
        if reason is Why.DETACHED:
            by = of[name].cut
        elif reason is Why.CLEARED:
            by = _clearing(record, name)
        by_reason.setdefault((reason, by), []).append(name)
    lines = []
    for (reason, _), names in by_reason.items():
        none = "" if reason in RESTS or reason is Why.EVALUATED else "no optimizer updated it; "
        lines.append(f"{_listed(record, names, reason)}: {none}{in_words(record, names[0], reason)}")
    return lines


def all_behind(record: Record) -> list[str]:
    """What was moved behind the pass, for each line of the script that did."""
    by_place: dict[tuple[str, bool], list[str]] = {}
    for each in record.parameters:
        if each.behind is not None:
            by_place.setdefault((record.place(record.events[each.behind]), each.between), []).append(each.name)
    lines = []
    for (where, between), names in by_place.items():
        told = f"moved between the iterations, {where}: what is told of it is what happened there"
        again = f"moved again behind the pass, {where}, which is not part of the update"
        lines.append(f"{some(names, FEW)}: {told if between else again}")
    return lines


def in_words(record: Record, name: str, reason: Why) -> str:
    """Why no step used a parameter's gradient; of one that the loss was cut off from, where, if that is known."""
    resting = _resting(record, name) if reason in RESTS else None
    if resting is not None:
        came = "its gradient came, but" if reason.came else "no gradient came:"
        told = f"{came} {resting.optimizer}, which has it, took no step in this iteration"
        return f"{told}; it takes one between iterations, {place(resting.line, resting.file)}" if resting.line else told
    clearing = _clearing(record, name) if reason is Why.CLEARED else ()
    if clearing:
        return f"{reason.value}, {', or '.join(clearing)}"
    cut = _cut(record, name) if reason is Why.DETACHED else None
    if cut is None:
        return reason.value
    return f"no gradient came: it was used, but the graph of gradients ends on {record.place(cut)}: {_first_line(cut)}"


def in_short(record: Record, name: str, reason: Why) -> str:
    """The same where there is little room."""
    resting = _resting(record, name) if reason in RESTS else None
    if resting is not None:
        return f"{resting.optimizer} took no step"
    cut = _cut(record, name) if reason is Why.DETACHED else None
    return reason.short if cut is None else f"cut off on {record.place(cut)}"


def _resting(record: Record, name: str) -> Resting | None:
    return next((each.resting for each in record.parameters if each.name == name), None)


def _clearing(record: Record, name: str) -> tuple[str, ...]:
    """The lines that may have zeroed a parameter's gradient."""
    parameter = next((each for each in record.parameters if each.name == name), None)
    events = () if parameter is None else cleared_by(record, parameter)
    return tuple(f"{record.place(event)}: {_first_line(event)}" for event in events)


def _cut(record: Record, name: str) -> Event | None:
    event = next((each.cut for each in record.parameters if each.name == name), None)
    return None if event is None else record.events[event]


def _first_line(event: Event) -> str:
    return " ".join(event.text.split("\n", 1)[0].split())


def _listed(record: Record, names: list[str], reason: Why) -> str:
    gradients = {each.name: each.grad for each in record.parameters} if reason.came else {}
    shown = []
    for name in names[:FEW]:
        gradient = gradients.get(name)
        norm = gradient.summary.norm if gradient is not None and not gradient.summary.nonfinite else None
        shown.append(name if norm is None else f"{name} (‖grad‖ {norm:.3g})")
    return some([*shown, *names[FEW:]], FEW)
