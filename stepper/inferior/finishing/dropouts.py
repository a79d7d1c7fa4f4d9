"""Dropouts that drop where gradients are off and nothing that is learnt comes of it: as where a model is evaluated.

What a target of the loss is made of (a teacher in training mode) is none of these. That a prediction is drawn several
times on purpose is not told apart: told is what is the case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from stepper.inferior.gradients.stretched import statement_of
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import READ, Draft, Happening
from stepper.record import DROPPED, ModuleCall

OFF, IN_GRAPH = -1, 1
FUNCTIONS = frozenset(("dropout", "dropout1d", "dropout2d", "dropout3d"))


def remark_dropouts(happenings: Sequence[Happening]) -> None:
    """Say it where a model is called that drops, and where a function drops, each time that it does."""
    told: set[int] = set()
    for happening, name in _dropping(happenings):
        model = _outermost(happening, happenings)
        by_layer = happening.kind == "module"
        line = statement_of(model if by_layer else happening, happenings)
        if line.site.id not in told and _is_learnt_from(model, happenings):
            continue
        told.add(line.site.id)
        ended = "model.eval()" if by_layer else "training=self.training"
        line.remark(f"{DROPPED}{name} drops while gradients are off, as in an evaluation: {ended} ends that")


def _dropping(happenings: Sequence[Happening]) -> Iterator[tuple[Happening, str]]:
    """The dropouts that dropped something while gradients were off, with their names."""
    for happening in happenings:
        operation, call = happening.site.operation, happening.detail
        if isinstance(call, ModuleCall) and call.unlike_evaluation:
            masks = (draft.copy for draft in happening.drafts if draft.label == f"mask of {call.path}")
            if any(mask is not None and mask.outline.min == 0 for mask in masks):
                yield happening, call.path
        elif operation is not None and operation.name in FUNCTIONS and happening.kind in ("statement", "expression"):
            read = next((draft for draft in happening.drafts if draft.when in READ), None)
            made = next((draft for draft in happening.drafts if draft.when == "result" and draft.graph == OFF), None)
            if read is not None and made is not None and _zeros(made) > _zeros(read):
                yield happening, operation.path


def _zeros(draft: Draft) -> int:
    return 0 if draft.copy is None else draft.copy.summary.zero or 0


def _outermost(happening: Happening, happenings: Sequence[Happening]) -> Happening:
    """The call of a model that an event happened in, the outermost where there are several; else itself."""
    found, parent = happening, happening.parent
    while parent is not None:
        if happenings[parent].kind == "module":
            found = happenings[parent]
        parent = happenings[parent].parent
    return found


def _is_learnt_from(call: Happening, happenings: Sequence[Happening]) -> bool:
    """Whether something that hangs in a graph of gradients was made of what a call made."""
    reached: set[Copy] = {draft.copy for draft in call.drafts if draft.when not in READ and draft.copy is not None}
    for event in sorted(happenings, key=attrgetter("ended")):  # what is inside a statement comes before it
        if any(draft.copy in reached for draft in event.drafts if draft.when in READ):
            made = [draft for draft in event.drafts if draft.when not in READ]
            if any(draft.graph == IN_GRAPH for draft in made):
                return True
            reached.update(draft.copy for draft in made if draft.copy is not None)
    return False
