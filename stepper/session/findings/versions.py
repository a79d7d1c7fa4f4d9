"""What the record has of a parameter's gradient: as the update used it, and as the backward pass left it, before it was
clipped, scaled, decayed, or added to what an earlier iteration had left. Of an update by hand also what its step was
made of, a rate and a gradient, whatever part of that the script computes by itself: `w -= lr * (2 / n) * x.T @ err`.

Pure: reads records only.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stepper.record import Event, Parameter, Record, Value, nodes_of
from stepper.session.findings.as_made import Changed, multiple
from stepper.session.findings.closures import first_call
from stepper.session.findings.finished import Finished
from stepper.session.findings.whose_loss import contributions, losses

NUMBER = re.compile(r" \(\d+\)$")  # behind a name that several bear


@dataclass(frozen=True)
class Version:
    """One of them: the sum of `parts` without `less`, times `scale`. `note` says what it is, where it is not the one
    that the update used; `rounded` is the value that it was rounded as, where that is another. `share`: it is what this
    iteration added to what earlier ones had left. `called`: it is that of these of the iteration's losses (from 0), of
    the first time that a step calls its closure. `made`: a library's backward pass made it, whatever became of it;
    `losses` are the places of those that it is known to be the gradient of, none where that is to be found out.
    `sparse`: only some elements were moved, and of the others it has zeros. `mistake`: what it was multiplied by on the
    way back, where that explains why it differs. `blurred`: it is what was made,
    before statements did more to it than multiply it."""

    parts: tuple[Value, ...]
    note: str = ""
    scale: float = 1.0
    rounded: tuple[Value, ...] = ()
    less: tuple[Value, ...] = ()
    share: bool = False
    called: tuple[int, ...] = ()
    made: bool = False
    losses: tuple[int, ...] = ()
    sparse: bool = False
    mistake: Changed | None = None
    blurred: bool = False

    @property
    def typical(self) -> float:
        """The root mean square of its largest part."""
        return abs(self.scale) * max(map(typical, self.parts))


def typical(value: Value) -> float:
    """The root mean square of a parameter, or a gradient."""
    return (value.summary.norm or 0.0) / math.sqrt(max(1, value.summary.size))


def versions(finished: Finished, parameter: Parameter, carried: bool = False) -> Iterator[Version]:
    """The one that the update used comes first, where there was one; not if it is `carried`, a sum with what earlier
    iterations had left, and it is known what this one added."""
    record, used, held = finished.record, parameter.grad if parameter.used else None, parameter.held
    called = first_call(record, parameter.name)
    if called is not None:
        its = [f"{record.losses[place]:.6g}" for place in called.losses if place < len(record.losses)]
        by = f" (loss {', '.join(its)})" if its else ""
        note = f"of the first time that the step calls its closure{by}; the later ones are at other parameters"
        yield Version(called.shares, note, called=called.losses)
        return
    if used is not None and held is not None:
        scale = multiple(used, held.after)
        if scale is not None:
            yield Version((held.after,), "", scale, (), (held.before,), share=True)
            return
    uses = contributions(record, parameter.name)
    shares, of = [event.values[0] for event in uses], losses(record, uses)
    if shares and carried:
        yield Version(tuple(shares), share=True, made=True, losses=of)
        return
    changed, mistake = ([], None) if used is None or shares else finished.of(parameter, used)
    if used is not None:
        yield Version((used,), losses=of, sparse=parameter.sparse, mistake=mistake)
    if shares and not (used is not None and len(shares) == 1 and shares[0].copy == used.copy):
        note = "as this iteration's backward pass made it; "
        note += "no update used it" if used is None else "the update used it clipped, scaled, or added to another"
        yield Version(tuple(shares), note, made=True, losses=of)
    elif used is None and parameter.grad is not None:
        yield Version((parameter.grad,), "no update used it", losses=of)
    for each in changed if used is None else (each for each in changed if not _is_begun(each.value, used)):
        yield Version((each.value,), each.note, blurred=each.scale is None)
    if used is not None and not shares:
        for text, rate in _rates(record, parameter).items():
            note = f"by the update's step, which {f'is {text} times it' if text else 'has no learning rate'}"
            yield Version((parameter.update,), note, -1 / rate, (parameter.before,), sparse=parameter.sparse)


def _is_begun(value: Value, used: Value) -> bool:
    """Whether a gradient was zeros yet, which something was added to: `g = np.zeros_like(w)`, then `g[s] = …`."""
    return not value.summary.largest and not value.summary.nonfinite and bool(used.summary.largest)


def _rates(record: Record, parameter: Parameter) -> dict[str, float]:
    """What the step of a parameter may have been scaled by: the numbers that its one update reads or spells out, or
    those that change parts under names of their own. Where none of these is below 1, also by nothing (""): no learning
    rate is among them."""
    statements = [event for event in record.events if event.kind == "statement"]
    updates = [event for event in statements if any(map(_is(parameter.after), event.values))]
    if not updates and parameter.after.copy is not None:
        whole = {each.after.copy for each in record.parameters}
        updates = [event for event in statements if any(_is_part(each, whole) for each in event.values)]
    elif len(updates) != 1:
        return {}
    if not updates:
        return {}
    inside = {event.id for event in updates}
    for event in record.events[updates[0].id + 1 :]:
        if event.parent in inside:
            inside.add(event.id)
    numbers = (each for event in record.events if event.id in inside for each in _numbers(event))
    rates = {text: rate for text, rate in numbers if rate and math.isfinite(rate)}
    return {**rates, "": 1.0} if rates and min(map(abs, rates.values())) >= 1 else rates


def _is_part(value: Value, whole: set[int | None]) -> bool:
    """Whether a part of a parameter was changed: `row += …`, behind `row = w[i]`."""
    return value.role == "parameter" and value.when == "after" and value.copy not in whole


def _is(after: Value) -> Callable[[Value], bool]:
    """Whether a value is what a parameter became, in the statement that changed or bound it."""

    def same(value: Value) -> bool:
        if value.when == "operand" or value.when == "before":
            return False
        if after.copy is None:
            return last_part(value.label) == last_part(after.label) and value.summary.value == after.summary.value
        return value.copy == after.copy

    return same


def last_part(label: str) -> str:
    """What an object calls a parameter, whatever the object is called: `w` of `self.w (2)` and `layers[1].w`."""
    return NUMBER.sub("", label).rpartition(".")[2]


def _numbers(event: Event) -> Iterator[tuple[str, float]]:
    for value in event.values:
        number = value.summary.value
        if value.when == "operand" and type(number) in (int, float):
            yield value.label, float(number)  # type: ignore[arg-type]
    for node in nodes_of(event.text):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield ast.unparse(node), float(node.value)  # type: ignore[arg-type]
