"""Gradients that add up over iterations: which lines of the script would zero them, and what a step then used.

Pure: reads records and source texts only.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache

from stepper.record import Parameter, Record, Spot
from stepper.session.findings.carried import Since
from stepper.session.findings.zeroing_lines import zeroing_lines


def summed(record: Record, parameter: Parameter, since: Since, sources: Mapping[str, str]) -> str:
    """What to say of a gradient that was added to what earlier iterations had left. `sources` are the texts of the
    script's files, by path; that of the training loop by the empty one."""
    held = parameter.held
    name = ".grad" if held is None else held.after.label
    what = "" if held is None else f"{name}, "
    ran = {event.line for event in record.events if event.file not in sources}  # in the file of the training loop
    lines = [
        Spot(file, line).place
        for file, text in sources.items()
        for line in zeroing_lines(text, name)
        if file or not any(line in loop and ran.isdisjoint(loop) for loop in loops_apart(text))
    ]
    of = f"since {since}"
    if lines:
        some = lines[0] if len(lines) == 1 else f"{lines[0]} and {len(lines) - 1} more"
        # whose gradients `zero_grad` zeroes is not known: it may be another optimizer's
        how = (
            f"{some} can zero {name}, but has not since"
            if held
            else f"{some} zeroes gradients, but has not zeroed this one since"
        )
    elif since.certain and since.iteration:
        how = f"no line of the script is known to zero {name}, and yet it was zeroed before that"
    else:
        count = "all" if held is None or since.passes is None or not since.certain else str(since.passes)
        of = f"of {count} backward passes (iterations 0 to {record.iteration})"
        how = "no line zeroes .grad (zero_grad forgotten?)"
        if held is not None:
            place = record.place(record.events[held.event])
            how = f"no line zeroes {name}, to which {place} adds (forgotten?)"
    if not parameter.used:
        return f"no step used it here: .grad holds the sum {of}; {how}"
    return f"the step used {what}the sum {of}: {how}; this iteration's share was checked"


@lru_cache(maxsize=64)
def loops_apart(source: str) -> tuple[range, ...]:
    """The lines of each loop that stands by itself in a script: none of them runs in the iterations of another."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return ()
    loops = [node for node in body if isinstance(node, ast.For | ast.AsyncFor | ast.While)]
    return tuple(range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in loops)
