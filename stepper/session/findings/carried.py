"""Gradients that were added to what earlier iterations had left in `.grad`, or where a script adds them up itself: a
forgotten zeroing, or accumulation on purpose. And updates that go uphill. Only the fact is told.

Pure: reads records only. The screen and the headless commands say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stepper.record import UNREAD, Backward, OptimizerStep, Parameter, Record
from stepper.session.findings.closures import moves_in_between
from stepper.session.findings.held_sums import HeldSums
from stepper.session.findings.labels import some
from stepper.session.findings.left_out import all_behind, all_left_out
from stepper.session.findings.opposites import is_called_so, is_opposite
from stepper.session.findings.set_gradients import set_here
from stepper.session.findings.sums import LEAF, held_before

FEW = 4  # parameters that are named one by one
UPHILL = 0.01
"""The cosine between update and gradient from which on an update goes along its gradient, and not across it."""
COASTING = 0.1
"""And the one from which on it is worth saying of one that momentum carries there."""

SIZES = frozenset(
    (
        "step",
        "exp_avg_sq",
        "max_exp_avg_sq",
        "exp_inf",
        "square_avg",
        "sum",
        "acc_delta",
        "row_var",
        "col_var",
        "variance",
    )
)
"""State of torch's optimizers that scales a step, and never turns it round."""


@dataclass(frozen=True)
class Since:
    """The first iteration (None: the setup) whose gradient is still in a sum; where not `certain`, the first that may
    be: the records end there. `passes`: how many iterations it is the sum of, where that is counted."""

    iteration: int | None
    certain: bool = True
    passes: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if self.iteration is None:
            return "the setup"
        return f"iteration {self.iteration}{'' if self.certain else ' or before'}"


def added(record: Record, *, behind: bool = False) -> dict[str, bool]:
    """For each parameter that got a gradient: whether the first one was added to something that was not zero, and so on
    until its step, so that what was there is part of what that used; with `behind`, until the end, so that it is part
    of what is left. Of those by hand only such are told."""
    found = {parameter.name: True for parameter in record.parameters if parameter.held is not None}
    steps = {e.detail.parameter: e.id for e in record.events if isinstance(e.detail, OptimizerStep)}
    here = set_here(record)
    for event in record.events:
        if not isinstance(event.detail, Backward) or event.detail.node != LEAF:
            continue
        for flow in event.detail.grad_in:
            if not behind and event.id > steps.get(flow.target, event.id):
                continue
            label = f"{flow.target}.grad"
            before = next((value for value in event.values if (value.label, value.when) == (label, "before")), None)
            after = next((value for value in event.values if (value.label, value.when) == (label, "after")), None)
            changed = before is None or after is None or before.copy != after.copy
            if changed:  # else the pass added nothing here: the gradient was asked for as a value
                held = held_before(event, flow.target) and (event.id, flow.target) not in here
                found[flow.target] = found.get(flow.target, True) and held
    return found


def _set_here(record: Record) -> list[str]:
    """A line for each statement of this iteration that set gradients to which a backward pass then added."""
    names: dict[str, list[str]] = {}  # by the place of the statement
    for (_, name), setter in set_here(record).items():
        names.setdefault(record.place(setter), []).append(f"{name}.grad")
    return [f"{some(each, FEW)}: added to what {place} had set in this iteration" for place, each in names.items()]


class Carried:
    """Looks into records, and into each only once."""

    def __init__(self) -> None:
        self._known: dict[int | None, tuple[Record, dict[str, bool], dict[str, bool]]] = {}
        self._by_hand = HeldSums()

    def _added(self, record: Record, *, behind: bool = False) -> dict[str, bool]:
        known = self._known.get(record.iteration)
        if known is None or known[0] is not record:
            known = self._known[record.iteration] = (record, added(record), added(record, behind=True))
        return known[2] if behind else known[1]

    def since(self, records: Mapping[int | None, Record], record: Record, parameter: str) -> Since | None:
        """From which iteration on a parameter's gradients were added up to what `record` has; None where that
        iteration began with none, or with zeros."""
        if len(self._known) > len(records) + 1:  # what the session has given up is not held here
            self._known = {at: known for at, known in self._known.items() if records.get(at) is known[0]}
        if record.iteration is None or not self._added(record).get(parameter):
            return None
        held = next((each.held for each in record.parameters if each.name == parameter), None)
        if held is not None:
            return Since(*self._by_hand.begun(records, record, held))
        for iteration in range(record.iteration - 1, -1, -1):
            earlier = records.get(iteration)
            if earlier is None:
                return Since(iteration, certain=False)
            if self._added(earlier, behind=True).get(parameter) is False:
                return Since(iteration)
        return Since(None)


def _added_up(record: Record) -> list[str]:
    """The gradients that were added to what was there: `w.grad`, `self.dw of layers[0].w`."""
    by_hand = {each.name: each.held.after.label for each in record.parameters if each.held is not None}
    known = {each.name for each in record.parameters}  # not of data that a script takes gradients of
    carried = (name for name, held in added(record).items() if held and name in known)
    return [f"{by_hand[name]} of {name}" if name in by_hand else f"{name}.grad" for name in carried]


MAXIMIZED = "g = −grad"
"""How the rule of a step begins that goes along the gradient."""


def uphill(parameter: Parameter) -> bool:
    """Whether the update went along the gradient: a wrong sign, or momentum past a minimum."""
    return parameter.cosine is not None and parameter.cosine > UPHILL


def coasting(record: Record, parameter: Parameter) -> str:
    """What of earlier gradients carries the update clearly along this gradient, uphill; empty where nothing does. It is
    usual past a minimum, and where gradients are noisy."""
    if parameter.cosine is None or parameter.cosine <= COASTING or moves_in_between(record, parameter.name):
        return ""
    return momentum(record, parameter)


def climbs(record: Record, parameter: Parameter) -> bool:
    """Whether the update goes along its gradient, and no momentum is why, nor that the script makes the opposite of a
    gradient, and adds it, or what it calls none, nor that the gradient is only where the last of several steps began: a
    sign may be wrong."""
    if not uphill(parameter) or momentum(record, parameter) or moves_in_between(record, parameter.name):
        return False
    return not is_opposite(record, parameter) and is_called_so(record, parameter)


def maximizes(record: Record, parameter: Parameter) -> bool:
    """Whether the optimizer is to go uphill (`maximize=True`), as far as its rule is known."""
    rules = (
        event.detail.rule
        for event in reversed(record.events)
        if isinstance(event.detail, OptimizerStep) and event.detail.parameter == parameter.name
    )
    return next(rules, "").startswith(MAXIMIZED)


def maximized(record: Record, names: Sequence[str]) -> str:
    """A line on the parameters of these names whose optimizer does; empty where there is none."""
    names = [each.name for each in record.parameters if each.name in names and maximizes(record, each)]
    return f"{some(names, FEW)}: the optimizer is to make the loss larger (maximize=True)" if names else ""


def momentum(record: Record, parameter: Parameter) -> str:
    """What of earlier gradients the last step went by, and can go uphill by: `Adam's exp_avg`, or a sum that the script
    keeps by hand; empty where there is nothing."""
    if parameter.carried or parameter.turned:
        return parameter.carried
    if maximizes(record, parameter):
        return ""  # by that it goes uphill, whatever it keeps
    for event in reversed(record.events):
        detail = event.detail
        if isinstance(detail, OptimizerStep) and detail.parameter == parameter.name:
            held = [name for name, around in detail.state.items() if name not in SIZES and around.before is not None]
            return f"{event.function}'s {', '.join(held)}" if held else ""
    return ""


def all_carried(record: Record) -> list[str]:
    """A line on gradients that were added to earlier ones, one on each update that goes uphill, one on those that
    momentum carries there, one on each gradient that is computed in vain, one on what no step used, and one on what
    was moved between the iterations."""
    names = _added_up(record) if record.iteration is not None else []
    lines = []
    if names:
        listed = some(names, FEW)
        lines.append(f"{listed}: added to what an earlier iteration had left there")
    lines += _set_here(record)
    carried: dict[str, list[str]] = {}
    for parameter in record.parameters:
        if climbs(record, parameter):
            told = f"the update goes along its gradient, uphill (cosine {parameter.cosine:.2g})"
            by = ", as maximize=True asks" if maximizes(record, parameter) else ""
            lines.append(f"{parameter.name}: {told}{by}")
        elif by := coasting(record, parameter):
            carried.setdefault(by, []).append(parameter.name)
    for by, names in carried.items():
        lines.append(f"{some(names, FEW)}: carried along the gradient by {by}, of earlier gradients")
    for event in record.events:
        if UNREAD in event.note:
            made = next((value.label for value in event.values if value.when == "result"), event.text)
            lines.append(f"{made}, line {event.line}: a gradient that no line reads")
    return lines + all_left_out(record) + all_behind(record)
