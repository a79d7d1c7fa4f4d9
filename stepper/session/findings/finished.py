"""Which of the changes of a gradient by hand are the update's (a clipping, a decay, a scaling of what was finished),
and which constant is a mistake on the way back: `t = x.T @ d; dw = 2 * t`, with the gradient of a bias made behind it.

Nothing but its place tells a wrong factor from one on purpose. It is the update's where all gradients have the same, or
are made already; or where the step has no other, and it is the learning rate.

Pure: reads records only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stepper.record import Parameter, Record, Value
from stepper.session.findings.as_made import Changed, Origins, zeroed

CHANGES = 3  # of a gradient, that are undone one by one: it is clipped, say, after a penalty was added
SAME = 1e-3  # relative: how near a rate is to 1, or two factors to one another, to be it


@dataclass
class Finished:
    """The gradients of a record as they were before its update's changes."""

    record: Record

    def of(self, parameter: Parameter, used: Value) -> tuple[list[Changed], Changed | None]:
        """What a gradient was before statements changed it: before the last few of them, and before the first, but for
        the zeros that a sum begins with; else the first value of its name in the iteration, where its numbers were
        others. And the change that is a mistake on the way back, beyond which nothing is looked at."""
        found = self._origins.of(parameter, used)
        constants = _constants(parameter, used, found)
        meant = self._by_all(constants, parameter)
        told: list[Changed] = []
        for each in found:
            if each in constants and not meant and self._line(each) in self._on_the_way:
                return _few(told), each
            told.append(replace(each, up_to=each in constants))
        return (_few(told) if found else self._by_name(used)), None

    @cached_property
    def _origins(self) -> Origins:
        return Origins(self.record)

    @cached_property
    def _chains(self) -> dict[str, tuple[Parameter, Value, list[Changed]]]:
        """Of every parameter that has a gradient, what that was made of."""
        known = ((each, each.grad) for each in self.record.parameters)
        return {each.name: (each, grad, self._origins.of(each, grad)) for each, grad in known if grad is not None}

    def _by_all(self, constants: Sequence[Changed], parameter: Parameter) -> bool:
        """Whether the gradients of all parameters are multiplied by the same."""
        factor = _product(constants)
        others = [_product(_constants(*chain)) for name, chain in self._chains.items() if name != parameter.name]
        return all(math.isclose(each, factor, rel_tol=SAME) for each in others)

    @cached_property
    def _on_the_way(self) -> set[tuple[str, int]]:
        """The lines that multiply a gradient by a constant before that of another parameter is made."""
        made = {name: self._made(grad, found) for name, (_, grad, found) in self._chains.items()}
        return {
            self._line(change)
            for name, (_, _, found) in self._chains.items()
            for change in found
            if change.factor is not None
            and any(at > (change.event or 0) for other, at in made.items() if other != name)
        }

    def _line(self, change: Changed) -> tuple[str, int]:
        event = self.record.events[change.event or 0]
        return event.file, event.line

    def _made(self, grad: Value, found: Sequence[Changed]) -> int:
        """The event that made a gradient as its update began to change it."""
        for each in found:
            if not each.alone:
                break
            grad = each.value
        return self._origins.made_at(grad)

    def _by_name(self, used: Value) -> list[Changed]:
        if used.copy is None or not used.label:
            return []
        for event in self.record.events:
            for value in event.values:
                if value.label == used.label and value.when == "result" and value.copy is not None:
                    alike = value.copy != used.copy and value.summary.shape == used.summary.shape
                    line = self._origins.line_of(used)
                    return [Changed(value, line, zeroed=zeroed(used, value))] if alike else []
        return []


def _constants(parameter: Parameter, used: Value, found: Sequence[Changed]) -> list[Changed]:
    """The changes that multiply by a constant, but for the learning rate: the last one, where the step has none."""
    known = [each for each in found if each.factor is not None]
    return known if _has_rate(parameter, used) else known[1:]


def _has_rate(parameter: Parameter, used: Value) -> bool:
    """Whether the step is another multiple of what the update used than 1."""
    step, whole, before = parameter.ratio, used.summary.norm, parameter.before.summary.norm
    return not (step and whole and before and math.isclose(step * before, whole, rel_tol=SAME))


def _product(changes: Sequence[Changed]) -> float:
    return math.prod(each.factor or 1.0 for each in changes)


def _few(found: list[Changed]) -> list[Changed]:
    return [each for each in (*found[:CHANGES], *found[CHANGES:][-1:]) if each.value.summary.norm]
