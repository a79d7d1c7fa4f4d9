"""Parameters that no optimizer updated, in an iteration in which optimizers took their steps: which, and why.

Pure: reads records only. The screen, the headless commands and the gradient check say the same.
"""

from __future__ import annotations

from enum import Enum

from stepper.record import Contribution, OptimizerStep, Parameter, Record

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


def left_out(record: Record) -> list[str]:
    """The parameters that nothing updated, in an iteration in which optimizers took their steps without them."""
    stepped = {event.detail.parameter for event in record.events if isinstance(event.detail, OptimizerStep)}
    return [each.name for each in record.parameters if each.ratio == 0 and each.name not in stepped] if stepped else []


def why(record: Record, parameter: Parameter) -> Why:
    """Why a parameter stayed as it was."""
    if any(isinstance(each.detail, Contribution) and each.detail.parameter == parameter.name for each in record.events):
        return Why.UNUSED
    if parameter.frozen:
        return Why.FROZEN
    if record.truncated or record.pooled or parameter.before.copy is None:
        return Why.NONE  # whether it was used is not known
    used = (event for event in record.events if event.phase in ("forward", "loss"))
    names = (parameter.name, parameter.before.label)
    if any(value.copy == parameter.before.copy or value.label in names for event in used for value in event.values):
        return Why.DETACHED
    return Why.IDLE


def all_left_out(record: Record) -> list[str]:
    """A line for each reason, with the parameters that it left as they were."""
    parameters = {each.name: each for each in record.parameters}
    by_reason: dict[Why, list[str]] = {}
    for name in left_out(record):
        by_reason.setdefault(why(record, parameters[name]), []).append(name)
    return [
        f"{_listed(record, names, reason)}: no optimizer updated it; {reason.value}"
        for reason, names in by_reason.items()
    ]


def gradient_norm(record: Record, parameter: str) -> float | None:
    """‖∂L/∂parameter‖ of what came and was not used: as the last backward pass left it. None where it is not known."""
    label = f"{parameter}.grad"
    for event in reversed(record.events):
        for value in event.values:
            if value.label == label and value.when == "after" and event.kind == "backward":
                return value.summary.norm
    return None


def _listed(record: Record, names: list[str], reason: Why) -> str:
    shown = []
    for name in names[:FEW]:
        norm = gradient_norm(record, name) if reason is Why.UNUSED else None
        shown.append(name if norm is None else f"{name} (‖grad‖ {norm:.3g})")
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(shown) + more
