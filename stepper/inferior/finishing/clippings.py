"""Gradients that are clipped behind the steps of the optimizers: none of this iteration uses what is left."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stepper.inferior.recording.drafts import Happening
from stepper.record import CLIPPED, OptimizerStep

CLIPS = re.compile(r"\bclip_grad_(norm|value)_?\(")


def remark_clippings(happenings: Sequence[Happening]) -> None:
    """Say it where they are clipped. Not where no step is in the record: gradients may be accumulated."""
    last = next((each.id for each in reversed(happenings) if isinstance(each.detail, OptimizerStep)), None)
    statements = [each for each in happenings[last:] if each.kind == "statement"] if last is not None else []
    for place, statement in enumerate(statements):
        if CLIPS.search(statement.text) and not any(each.phase == "update" for each in statements[place + 1 :]):
            statement.remark(f"{CLIPPED}the steps were taken before, and none of this iteration uses what is left")
