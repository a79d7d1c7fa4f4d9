"""Parameters that no optimizer updated, in an iteration in which optimizers took their steps: which, and why.

Pure: reads records only. The screen, the headless commands and the gradient check say the same.
"""

from __future__ import annotations

from enum import Enum

from stepper.record import Contribution, OptimizerStep, Parameter, Record, Value
from stepper.session.labels import some

FEW = 4  # parameters that are named one by one


class Why(Enum):
    """Why a parameter stayed as it was. The values are the words for it."""

    UNUSED = "its gradient came, but no optimizer that took a step has it"
    FROZEN = "its requires_grad is False, so no gradient is asked for"
    DETACHED = "no gradient came: it was used, but the loss was cut off from it (detach, no_grad) or does not need it"
    IDLE = "no gradient came: nothing in this iteration used it"
    NONE = "no gradient came"

    @property
    def short(self) -> str:
        """The same where there is little room."""
        return SHORT[self]


SHORT = {
    Why.UNUSED: "no optimizer has it",
    Why.FROZEN: "requires_grad is False",
    Why.DETACHED: "no gradient: detached before the loss",
    Why.IDLE: "no gradient: nothing used it",
    Why.NONE: "no gradient came",
}


def left_out(record: Record) -> dict[str, Why]:
    """The parameters that nothing updated, in an iteration in which optimizers took their steps without them: why."""
    stepped = {event.detail.parameter for event in record.events if isinstance(event.detail, OptimizerStep)}
    out = [each for each in record.parameters if each.ratio == 0 and each.name not in stepped] if stepped else []
    if not out:
        return {}
    came = {event.detail.parameter for event in record.events if isinstance(event.detail, Contribution)}
    before = [value for event in record.events if event.phase in ("forward", "loss") for value in event.values]
    copies, labels = {value.copy for value in before}, {value.label for value in before}

    def why(parameter: Parameter) -> Why:
        if parameter.name in came:
            return Why.UNUSED
        if parameter.frozen:
            return Why.FROZEN
        if record.truncated or record.pooled or parameter.before.copy is None:
            return Why.NONE  # whether it was used is not known
        used = parameter.before.copy in copies or not labels.isdisjoint((parameter.name, parameter.before.label))
        return Why.DETACHED if used else Why.IDLE

    return {each.name: why(each) for each in out}


def all_left_out(record: Record) -> list[str]:
    """A line for each reason, with the parameters that it left as they were."""
    by_reason: dict[Why, list[str]] = {}
    for name, reason in left_out(record).items():
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{_listed(record, names, reason)}: no optimizer updated it; {reason.value}"
        for reason, names in by_reason.items()
    ]


def unused_gradient(record: Record, parameter: str) -> Value | None:
    """∂L/∂parameter that came and was not used: as the last backward pass left it. None where it is not known."""
    label = f"{parameter}.grad"
    for event in reversed(record.events):
        for value in event.values:
            if value.label == label and value.when == "after" and event.kind == "backward":
                return value
    return None


def _listed(record: Record, names: list[str], reason: Why) -> str:
    shown = []
    for name in names[:FEW]:
        gradient = unused_gradient(record, name) if reason is Why.UNUSED else None
        norm = gradient.summary.norm if gradient is not None else None
        shown.append(name if norm is None else f"{name} (‖grad‖ {norm:.3g})")
    return some([*shown, *names[FEW:]], FEW)
