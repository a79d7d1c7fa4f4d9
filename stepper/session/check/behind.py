"""The check of what is moved between the iterations only: its gradient is that of a loss which is computed there.

Pure: reads records and what checks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from stepper.record import Contribution, Parameter, Record
from stepper.session.check.gradient_check import GradientCheck, ParameterCheck, unknown

NO_LOSS = "it is moved between the iterations, where no loss is computed that its gradient could be compared with"


def parted(record: Record, parameters: Sequence[Parameter]) -> tuple[list[Parameter], list[Parameter]]:
    """Those whose gradients the pass made, moved by it or behind it (a step at the end of an epoch), and those whose
    gradients were made behind it."""
    made = {event.detail.parameter: event.phase for event in record.events if isinstance(event.detail, Contribution)}
    there = [each for each in parameters if each.between and made.get(each.name, "between") == "between"]
    return [each for each in parameters if each not in there], there


def of_there(record: Record) -> Record:
    """The record as what comes behind its pass sees it: with the losses that are computed there."""
    return msgspec.structs.replace(record, losses=record.losses_behind, loss=record.losses_behind[-1])


def unchecked(parameters: Sequence[Parameter]) -> tuple[ParameterCheck, ...]:
    """What to say of them where no loss is computed there."""
    return tuple(unknown(each.name, each.shape, NO_LOSS) for each in parameters)


def joined(of_pass: GradientCheck, behind: GradientCheck, losses: int) -> GradientCheck:
    """The check of an iteration, and behind it what is known so far of what comes behind the pass, where so many losses
    are computed."""
    which = f"the loss that is computed between the iterations ({behind.loss:.6g})"
    note = f"by {which}" if losses == 1 else "by a loss that is computed between the iterations"
    there = tuple(
        replace(each, note="; ".join(filter(None, (each.note, note)))) if each.entries or each.note == "" else each
        for each in behind.parameters
    )
    return replace(
        of_pass,
        parameters=(*of_pass.parameters, *there),
        ahead=behind.ahead,
        begun=behind.begun,
        directions=(*of_pass.directions, *behind.directions),
        hint="; ".join(filter(None, (of_pass.hint, behind.hint))),
    )
