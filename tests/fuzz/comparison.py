"""What stepper records of a script, against plain Python: prints, losses, parameters, gradients, updates, gates, phases
and roles. Every difference is said in a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from stepper.record import OptimizerStep
from stepper.session.notebook import Iteration, RecordedGate, RecordedParameter, Run
from tests.fuzz.plain import Numbers, Plain, Truth
from tests.fuzz.script import Script

MOST = 1000
"""Iterations that are walked through: no script has so many."""
BLOCKING = ("relu", "ReLU", "relu_")
"""The gates whose rule is known here, to the bit: what is 0 or less passes nothing."""


def compared(run: Run, script: Script, plain: Plain) -> list[str]:
    """All differences of a run from the plain one, each once; all its iterations are recorded."""
    iterations = list(_iterations(run))
    found: list[str] = []
    if len(iterations) != len(plain.truths):
        found.append(f"{len(iterations)} iterations, and {len(plain.truths)} of plain Python")
    printed = run.session.output()
    if printed != plain.printed:
        found.append(f"it prints {len(printed)} characters that are not the {len(plain.printed)} of plain Python")
    pairs = list(zip(iterations, plain.truths, strict=False))
    for it, truth in pairs:
        at = f"iteration {it.iteration}"
        for said in (
            _whole(it),
            _losses(it, truth),
            _steps(it),
            _gates(it),
            _gated(it, script),
            _phases(it, script),
            _roles(it, script),
        ):
            found += [f"{at}: {each}" for each in said]
    found += _parameters(pairs)
    return list(dict.fromkeys(found))


def _iterations(run: Run) -> Iterator[Iteration]:
    for number in range(MOST):
        try:
            yield run.iteration(number)
        except IndexError:
            return


def _whole(it: Iteration) -> Iterator[str]:
    """Whether all was recorded, and nothing failed."""
    if it.record.faults or it.record.truncated or it.error:
        yield f"not all is recorded: {it.record.faults}, {it.error}"
    yield from (f"line {event.line} fails: {event.error}" for event in it.events if event.error)


def _losses(it: Iteration, truth: Truth) -> Iterator[str]:
    if truth.loss is not ... and repr(it.loss) != repr(truth.loss):  # nan is as good as another
        yield f"its loss is {it.loss}, and {truth.loss} in plain Python"


def _steps(it: Iteration) -> Iterator[str]:
    """What optimizers and updates did, against their own rules."""
    for event in it.events:
        if isinstance(event.detail, OptimizerStep) and event.detail.deviation_ulp:
            yield f"{event.detail.parameter} deviates from {event.detail.rule} by {event.detail.deviation_ulp} ulp"
    for each in it.parameters:
        before, after = (numpy.asarray(value.array, numpy.float64) for value in (each.before, each.after))
        if not numpy.array_equal(after - before, each.update.array, equal_nan=True):
            yield f"the update of {each.name} is not the difference of after and before"


def _gates(it: Iteration) -> Iterator[str]:
    for gate in it.gates:
        h = gate.h.array
        if gate.active + gate.blocked != h.size:
            yield f"gate {gate.label}: {gate.active} active and {gate.blocked} blocked of {h.size}"
        if gate.op in BLOCKING and not gate.gate.soft:
            yield from _relu(gate, h)
        if gate.gate.note:
            yield f"gate {gate.label}: {gate.gate.note}"
        if gate.gate.share is None and gate.grad_before is not None and gate.grad_after is not None:
            before, after = gate.grad_before.array, gate.grad_after.array
            if not numpy.array_equal(numpy.where(h < 0, 0, before)[h != 0], after[h != 0], equal_nan=True):
                yield f"gate {gate.label}: its gradients do not follow from its input"


def _gated(it: Iteration, script: Script) -> Iterator[str]:
    """Gates that must be there."""
    for label in script.gated:
        h = it[label].array
        found = [gate for gate in it.gates if same(gate.h.array, h)]
        both = bool((h > 0).any() and (h < 0).any())
        if both and not (len(found) == 1 and found[0].grad_before is not None and found[0].grad_after is not None):
            yield f"{len(found)} gates of {label}, where one with both gradients is due"


def _relu(gate: RecordedGate, h: Numbers) -> Iterator[str]:
    if gate.blocked != (blocked := int((h <= 0).sum())):
        yield f"gate {gate.label}: {gate.blocked} blocked, and {blocked} are 0 or less"
    if gate.grad_before is None or gate.grad_after is None:
        return
    if not numpy.array_equal(numpy.where(h <= 0, 0, gate.grad_before.array), gate.grad_after.array, equal_nan=True):
        yield f"gate {gate.label}: its gradients do not follow from its input"


def _phases(it: Iteration, script: Script) -> Iterator[str]:
    due = script.phases
    for event in it.events:
        if (
            event.kind == "statement"
            and event.file.endswith(script.name)
            and event.phase != due.get(event.line, event.phase)
        ):
            yield f"line {event.line} is {event.phase}, not {due[event.line]}: {event.text}"


def _roles(it: Iteration, script: Script) -> Iterator[str]:
    due = script.roles
    for event in it.events:
        for value in event.values:
            if value.role != due.get(value.label, value.role):
                yield f"line {event.line}: {value.label} is {value.role}, not {due[value.label]}"


def _parameters(pairs: list[tuple[Iteration, Truth]]) -> Iterator[str]:
    """Parameters are found by what they held in every iteration: names are stepper's own."""
    told = [(it, truth) for it, truth in pairs if truth.parameters]
    for name in told[0][1].parameters if told else ():
        candidates = [
            [each.name for each in it.parameters if same(each.before.array, truth.parameters[name])]
            for it, truth in told
        ]
        names = set(candidates[0]).intersection(*candidates)
        if not names:
            yield f"no parameter holds what {name} does in every iteration"
            continue
        wrong = {each: list(_gradients(told, name, each)) for each in names}
        yield from min(wrong.values(), key=len)


def parameters_of(it: Iteration, truth: Truth) -> dict[str, str]:
    """What stepper calls the parameters, by their names in the truth: those that hold, and used, the same."""
    return {
        name: each.name
        for name, held in truth.parameters.items()
        for each in it.parameters
        if same(each.before.array, held) and not any(_gradient(each, truth.gradients[name]))
    }


def _gradients(told: list[tuple[Iteration, Truth]], name: str, recorded: str) -> Iterator[str]:
    for it, truth in told:
        (parameter,) = (each for each in it.parameters if each.name == recorded)
        yield from (f"iteration {it.iteration}: {each}" for each in _gradient(parameter, truth.gradients[name]))


def _gradient(parameter: RecordedParameter, due: tuple[Numbers, ...]) -> Iterator[str]:
    if parameter.grad is None:
        yield f"{parameter.name} has no gradient"
    elif not any(same(parameter.grad.array, each) for each in due):
        yield f"the gradient of {parameter.name} ({parameter.grad.label}) is another in plain Python"


def same(one: Numbers, other: Numbers) -> bool:
    """Whether two arrays are equal, to the bit; one NaN is as good as another."""
    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    bits = [numpy.where(numpy.isnan(each), numpy.nan, each).astype(other.dtype).tobytes() for each in (one, other)]
    return bits[0] == bits[1]
