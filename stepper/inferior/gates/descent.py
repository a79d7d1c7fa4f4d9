"""What the values of a record were made of: the statements, and expressions in them, between one copy and another."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from stepper.inferior.gates.entries import alike
from stepper.inferior.gates.rectifying import Rectifying, Sign
from stepper.inferior.gates.written_out import Whole, WrittenOut
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening, has_lists, is_list

FURTHEST = 1 << 10  # steps; nobody asks for what lies as far back


class Step(NamedTuple):
    """One event that made values of others, as far as it was seen to read. `depth`: in how many others it lies;
    `sign`: it made a list, and its text chooses each number by its own sign, or by that of another."""

    event: Happening
    statement: int
    depth: int
    reads: list[Draft]
    made: list[Draft]
    sign: Sign | None = None


class Descent:
    """The steps of a record, and by copy those that made it, and those that read it."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self.steps: list[Step] = []
        self._makers: dict[Copy, list[Step]] = {}
        self._readers: dict[Copy, list[Step]] = {}
        self._parents = [event.parent for event in happenings]
        lists = has_lists(happenings)
        rectifying = Rectifying(happenings if lists else ())
        written_out = WrittenOut(happenings if lists else ())
        wholes: dict[int, list[Whole]] = {}
        for whole in written_out.wholes:
            wholes.setdefault(whole.stores[-1].id, []).append(whole)
        places: list[tuple[int, int]] = []  # by event: its statement, and its depth
        for event in happenings:
            statement, depth = places[event.parent] if event.parent is not None else (-1, -1)
            if event.kind == "statement":
                statement = event.id
            places.append((statement, depth + 1))
            if event.kind not in ("statement", "expression"):
                continue
            reads, made = _read_and_made(event)
            if made and event.id not in written_out.parts:
                sign = rectifying.of(event) if lists and any(map(is_list, made)) else None
                reads += written_out.reads.get(event.id, ())
                self._add(Step(event, statement, depth + 1, reads, made, sign))
            for whole in wholes.get(event.id, ()):
                self._add(Step(event, statement, depth + 1, whole.reads, [whole.made], rectifying.of_all(whole.stores)))

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        known = {draft.copy: None for draft in step.reads if draft.copy is not None}
        for copy in known:
            self._readers.setdefault(copy, []).append(step)
        for draft in step.made:
            if draft.copy is not None and draft.copy not in known:
                self._makers.setdefault(draft.copy, []).append(step)

    def makers(self, copy: Copy) -> list[Step]:
        """The events that made a copy of others, in the order in which they began."""
        return self._makers.get(copy, [])

    def readers(self, copy: Copy) -> list[Step]:
        """The events that read a copy, in the order in which they began."""
        return self._readers.get(copy, [])

    def back(
        self, start: Iterable[Copy], stops: Container[Copy] = (), *, depth: int = FURTHEST, statement: int | None = None
    ) -> Iterator[Copy]:
        """These copies, and what they were made of, the nearest first; nothing beyond `stops`, nor beyond `depth`
        steps, nor out of one `statement`."""
        waiting = deque((copy, 0) for copy in dict.fromkeys(start))
        met = {copy for copy, _ in waiting}
        while waiting:
            copy, steps = waiting.popleft()
            yield copy
            if copy in stops or steps == depth:
                continue
            for step in self.makers(copy):
                if statement is not None and step.statement != statement:
                    continue
                for draft in step.reads:
                    if draft.copy is not None and draft.copy not in met:
                        met.add(draft.copy)
                        waiting.append((draft.copy, steps + 1))

    def reaches(self, source: Copy, target: Copy) -> bool:
        """Whether one value was made of the other."""
        return any(copy is source for copy in self.back((target,)))

    def copied(self, copy: Copy) -> list[Draft]:
        """What a value is a mere copy of (`a = h.copy()`), what that is one of, and so on."""
        found: list[Draft] = []
        while len(found) < len(self.steps):
            alone = (step.reads[0] for step in self.makers(copy) if len({draft.copy for draft in step.reads}) == 1)
            draft = next((each for each in alone if each.copy is not None and alike(each.copy, copy)), None)
            if draft is None or draft.copy is None:
                return found
            found.append(draft)
            copy = draft.copy
        return found

    def is_function(self, value: Copy, source: Copy) -> bool:
        """Whether a value was made of another alone, and of numbers that are all the same."""
        waiting, met = [value], {value, source}
        while waiting:
            copy = waiting.pop()
            reads = {draft.copy for step in self._innermost(copy) for draft in step.reads if draft.copy is not None}
            if not reads:
                return False
            more = {each for each in reads - met if not is_uniform(each)}
            met |= more
            waiting += more
        return True

    def _innermost(self, copy: Copy) -> list[Step]:
        """The makers of a copy but for those that hand on what is made inside them: a call of a function of the
        script's, `z, a = forward(x, w)`, reads more than a is made of."""
        makers = self.makers(copy)
        around: set[int | None] = set()
        for step in makers if len(makers) > 1 else ():
            parent = self._parents[step.event.id]
            while parent is not None and parent not in around:
                around.add(parent)
                parent = self._parents[parent]
        return [step for step in makers if step.event.id not in around]


def _read_and_made(event: Happening) -> tuple[list[Draft], list[Draft]]:
    """The kept values that an event read, and those that it made."""
    reads: list[Draft] = []
    made: list[Draft] = []
    for draft in event.drafts:
        if draft.copy is not None:
            (reads if draft.when in ("operand", "before") else made).append(draft)
    return reads, made


def is_uniform(copy: Copy) -> bool:
    """Whether all its numbers are the same."""
    outline = copy.outline
    if outline.kind == "scalar":
        return outline.value == outline.value
    return outline.min is not None and outline.min == outline.max and not outline.nan
