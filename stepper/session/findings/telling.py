"""What happened inside an opaque call, in words: the chain rule at a node, the rule of a step, and how often a
parameter was used and updated.

Pure: reads records only. The screen and the headless commands say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepper.record import Backward, Contribution, Event, ModuleCall, OptimizerStep, Record
from stepper.session.findings.evaluated import in_evaluation
from stepper.session.findings.sums import LEAF, Arrival, Used, arrivals, is_top, used

FEW = 4  # parameters that are named one by one


def title(event: Event, record: Record) -> str:
    """What an event inside an opaque call is, in a few words; its text for any other."""
    detail = event.detail
    if isinstance(detail, Backward):
        return detail.node
    if isinstance(detail, OptimizerStep):
        return f"{event.function} on {detail.parameter}"
    if isinstance(detail, Contribution):
        count = sum(other.parameter == detail.parameter for other in _beside(event, record))
        return f"use {detail.use} of {count} of {detail.parameter}" if count > 1 else event.text
    return event.text


def told(event: Event, record: Record) -> list[str]:
    """All that there is to say of an event, line by line; nothing of a plain statement."""
    return [*_own(event, record), *([event.note] if event.note else []), *_shared_in(event, record)]


def _own(event: Event, record: Record) -> list[str]:
    """What only events of this kind have."""
    detail = event.detail
    if isinstance(detail, Backward):
        lines = detail.formula.split("\n") if detail.formula else []
        if detail.creator is not None:
            maker = record.events[detail.creator]
            lines.insert(0, f"made by {_line(maker, record)}")
        elif detail.earlier:
            lines.insert(0, "made by an earlier iteration")
        return lines
    if isinstance(detail, Contribution):
        if not is_top(event, record):
            return [f"{detail.parameter} stands between a parameter and its uses: what came to it is summed first"]
        node = record.events[event.parent].detail if event.parent is not None else None
        made_by = node.creator if isinstance(node, Backward) else None
        lines = [f"by {_line(record.events[made_by], record)}"] if made_by is not None else []
        if len({other.backward for other in _all(record, detail.parameter)}) > 1:
            lines.append(f"in backward pass {detail.backward} of this iteration")
        return lines
    if isinstance(detail, OptimizerStep):
        lines = detail.rule.split("; ") if detail.rule else ["torch's rule for this optimizer is not spelt out here"]
        if len({other.group for other in _steps(event, record)}) > 1:
            lines.insert(0, f"parameter group {detail.group}")
        if detail.deviation_ulp is not None:
            same = "the same to the bit" if detail.deviation_ulp == 0 else f"{detail.deviation_ulp} ulp apart"
            lines.append(f"recomputed by this rule: {same}")
        return lines
    if isinstance(detail, ModuleCall):
        calls = sum(
            isinstance(other.detail, ModuleCall) and other.detail.path == detail.path for other in record.events
        )
        again = "run again inside the backward pass, by a checkpoint; " if _inside_a_node(event, record) else ""
        times = f"call {detail.call} of {calls} in this iteration, " if calls > 1 else ""
        lines = [f"{event.function}: {again}{times}{'training' if detail.training else 'evaluating'}"]
        if detail.unlike_training and event in in_evaluation(record):
            lines.append(
                "the loss is trained through it; in training it computes something else: model.train() ends that"
            )
        return lines
    return []


def which_loss(record: Record) -> str:
    """`last of 4` where several backward passes were run, each with a loss of its own (the closure of LBFGS, two
    networks): the iteration's loss is that of the last. Empty where there is one."""
    passes = {event.detail.backward for event in record.events if isinstance(event.detail, Contribution)}
    return f"last of {len(record.losses)}" if len(passes) > 1 and len(record.losses) > 1 else ""


# ------------------------------------------------------------------------------------------- uses and updates


def uses(record: Record) -> dict[str, int]:
    """How many contributions each parameter's gradient got in this iteration, where there was any."""
    return {name: sum(each.contributions for each in come) for name, come in arrivals(record).items()}


def updates(record: Record, parameter: str) -> list[Event]:
    """The events that updated a parameter: an optimizer's steps, else the script's own statements."""
    return _updates(record, parameter, _steps_by_parameter(record))


def _steps_by_parameter(record: Record) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in record.events:
        if isinstance(event.detail, OptimizerStep):
            found.setdefault(event.detail.parameter, []).append(event)
    return found


def _updates(record: Record, parameter: str, steps: Mapping[str, list[Event]]) -> list[Event]:
    if parameter in steps:
        return steps[parameter]
    found = next((each for each in record.parameters if each.name == parameter), None)
    copy = found.after.copy if found is not None and found.after.copy != found.before.copy else None
    return [
        event
        for event in record.events
        if event.kind == "statement"
        and any(
            value.when == "after" and (value.label == parameter or (copy is not None and value.copy == copy))
            for value in event.values
        )
    ]


def shared(record: Record, parameter: str) -> str:
    """The answer to "updated once or twice?" for a parameter whose gradient has several contributions."""
    come = arrivals(record).get(parameter, [])
    return f"{parameter}: {_shared(record, come, updates(record, parameter))}"


def _shared(record: Record, come: list[Arrival], moved: list[Event]) -> str:
    """What is said of a parameter, behind its name: `come` is what came to its gradient, `moved` its updates."""
    count = sum(each.contributions for each in come)
    over = f" by {len(come)} backward passes" if len(come) > 1 else ""
    made = f"used {count} times{over}"
    if record.truncated:
        return f"{made} in what is kept of this iteration, and updated behind it or not"
    found = used(come, moved)
    if all(held == count for held in (*found.at, found.last)):
        made += f", so its gradient is {_sum(count)}"
        return f"{made}; it is {_updated(moved, record)}" if moved else f"{made}; it is not updated in this iteration"
    if found.unused and len(moved) == 1 and all(_is_within(each.event, moved[0].parent, record) for each in come):
        return f"{made}, in the closure of one step ({record.place(moved[0])}), which may move it after each"
    lines = [f"{made}; it is {_updated(moved, record)}, {_with(found)}" if moved else f"{made}; it is not updated"]
    if not moved:
        lines.append(f"its gradient is {_sum(found.last)} at the end")
    if found.late:
        lines.append(f"{found.late} came after")
    if found.unused:
        lines.append(f"{found.unused} {'was' if found.unused == 1 else 'were'} cleared before any update")
    return "; ".join(lines)


def _is_within(event: int, ancestor: int | None, record: Record) -> bool:
    above: int | None = event
    while above is not None and above != ancestor:
        above = record.events[above].parent
    return above is not None


def _updated(moved: list[Event], record: Record) -> str:
    lines = sorted({event.line for event in moved if event.file == record.home})
    where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines))}"
    if elsewhere := sorted({record.place(event) for event in moved if event.file != record.home}):
        where = ", ".join([*([where] if lines else []), *elsewhere])
    times = {1: "once", 2: "twice"}.get(len(moved), f"{len(moved)} times")
    return f"updated {times} ({where})"


def _with(found: Used) -> str:
    """What was in a gradient when its parameter was updated."""
    least, most = min(found.at), max(found.at)
    if len(found.at) == 1:
        return f"with {_sum(least)} that had arrived" if least else "before any contribution had arrived"
    if least == most:
        return f"each time with {_sum(least)}"
    if len(found.at) > FEW:
        return f"with {least} to {most} contributions in its gradient"
    return "with " + ", then ".join(map(_sum, found.at))


def _sum(count: int) -> str:
    return {0: "no contribution", 1: "1 contribution"}.get(count, f"the sum of {count} contributions")


def all_shared(record: Record) -> list[str]:
    """Lines on the parameters that were used more than once."""
    return _shared_of(arrivals(record), record)


def _shared_of(names: Iterable[str], record: Record) -> list[str]:
    """Lines on those of some parameters that were used more than once; one for all of which the same is said."""
    come, steps = arrivals(record), _steps_by_parameter(record)
    alike: dict[str, list[str]] = {}
    for name in _in_order(record, names):
        if sum(each.contributions for each in come.get(name, ())) > 1:
            words = _shared(record, come[name], _updates(record, name, steps))
            alike.setdefault(words, []).append(name)
    return [f"{_listed(found)}: {'each ' if len(found) > 1 else ''}{words}" for words, found in alike.items()]


def _listed(names: list[str]) -> str:
    """`a, b and c`; of very many the first, and how many more there are."""
    *first, last = names if len(names) <= FEW else [*names[: FEW - 1], f"{len(names) - FEW + 1} more"]
    return f"{', '.join(first)} and {last}" if first else last


def _in_order(record: Record, names: Iterable[str]) -> list[str]:
    """The names of parameters as the record lists them; a backward pass comes to them the other way round."""
    places = {parameter.name: place for place, parameter in enumerate(record.parameters)}
    return sorted(dict.fromkeys(names), key=lambda name: places.get(name, len(places)))


def _shared_in(event: Event, record: Record) -> list[str]:
    """The lines on the parameters that an event adds to or updates, where they were used more than once."""
    detail = event.detail
    if isinstance(detail, OptimizerStep):
        names = [detail.parameter]
    elif isinstance(detail, Backward) and detail.node == LEAF:
        names = [flow.target for flow in detail.grad_in]
    elif event.kind == "statement":
        inside = [other.detail for other in record.events[event.id + 1 :] if other.parent == event.id]
        names = [each.parameter for each in inside if isinstance(each, OptimizerStep)]
        names += [
            flow.target for each in inside if isinstance(each, Backward) and each.node == LEAF for flow in each.grad_in
        ]
    else:
        return []
    return _shared_of(names, record) if names else []


def _steps(event: Event, record: Record) -> list[OptimizerStep]:
    """What an optimizer's step did to all its parameters."""
    beside = (other.detail for other in record.events if other.parent == event.parent)
    return [each for each in beside if isinstance(each, OptimizerStep)]


def _all(record: Record, parameter: str) -> list[Contribution]:
    return [
        event.detail
        for event in record.events
        if isinstance(event.detail, Contribution) and event.detail.parameter == parameter
    ]


def _beside(event: Event, record: Record) -> list[Contribution]:
    """The contributions to the same parameter in the same backward pass, this one included."""
    detail = event.detail
    if not isinstance(detail, Contribution):
        return []
    if not is_top(event, record):
        siblings = [other.detail for other in record.events if other.parent == event.parent]
        return [each for each in siblings if isinstance(each, Contribution)]
    return [each for each in _all(record, detail.parameter) if each.backward == detail.backward]


def _inside_a_node(event: Event, record: Record) -> bool:
    """Whether an event happened while a node of a graph ran."""
    parent = event.parent
    while parent is not None:
        if isinstance(record.events[parent].detail, Backward):
            return True
        parent = record.events[parent].parent
    return False


def _line(event: Event, record: Record) -> str:
    return f"{' '.join(event.text.split())}, {record.place(event)}"
