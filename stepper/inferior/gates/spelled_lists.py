"""ReLUs over lists whose numbers alone do not tell them, since all of h has one sign: their text does."""

from __future__ import annotations

from collections.abc import Container, Iterator

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent, Step, is_uniform
from stepper.inferior.gates.entries import is_real, numbers
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import is_list


def spelled_lists(descent: Descent, known: Container[Copy]) -> Iterator[GateSeen]:
    """The gates but those whose output is `known`."""
    for step in descent.steps:
        for made in step.made if step.sign == "relu" else ():
            if made.copy is not None and made.copy not in known:
                yield from _gate(step, made.copy)


def _gate(step: Step, out: Copy) -> Iterator[GateSeen]:
    came = numbers(out)
    for draft in step.reads if is_real(came) else ():
        h = draft.copy
        if h is None or h is out or not is_list(draft) or draft.shape != came.shape or is_uniform(h):
            continue
        values = numbers(h)
        if is_real(values) and masks.is_relu(values, came):
            gate = GateSeen(draft.label, "relu", step.event.id, h, "h < 0")
            gate.out = out
            yield gate
            return
