"""Where a script cuts the graph of its gradients on purpose, through which finite differences of the loss go.

Pure: reads records only.
"""

from __future__ import annotations

import re

from stepper.record import Backward, Record

_CUT = re.compile(r"\.detach_?\(\)|\bno_grad\(\)|\binference_mode\(")


def cut(record: Record) -> str:
    """The first place before the backward pass where a value is detached on the way to the loss, as a sentence; empty
    where there is none, and where no engine's backward pass was seen: by hand there is no graph to be cut."""
    first = next((event.id for event in record.events if isinstance(event.detail, Backward)), None)
    for event in record.events[:first] if first is not None else ():
        if event.kind == "statement" and event.phase in ("forward", "loss"):
            found = _CUT.search(event.text)
            if found is not None:
                what = found.group().rstrip("(")
                return f"{record.place(event)} cuts the graph ({what}), and a finite difference goes through the cut"
    return ""
