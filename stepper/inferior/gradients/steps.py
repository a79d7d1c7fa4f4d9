"""Steps by hand, taken apart: what a statement adds to its parameter, which of the values that it read are part of
that, and which statements made those. Which of them is the gradient is not told here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from stepper.inferior.gradients.angle import is_multiple
from stepper.inferior.gradients.fitting import fits, is_itself, shape_of
from stepper.inferior.gradients.known_gradients import KnownGradients
from stepper.inferior.recording.drafts import Draft, Happening, value_of
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import (
    Added,
    added,
    as_step,
    element_of,
    elements_in,
    index_of,
    pair_of,
    plainly,
    steps_in,
    takes_away,
    texts_in,
)
from stepper.inferior.spelling.texts import goes_through, is_literal
from stepper.program.aliases import is_alias
from stepper.program.sites import Operation
from stepper.program.vocabulary import names_rate
from stepper.record import is_path

DIVISIONS = frozenset(["truediv", "divide"])
LINEAR = frozenset(["mul", "imul", "truediv", "neg", "pos", "add", "sub", "multiply", "divide"])
HANDING_ON = frozenset(["detach", "clone", "copy", "requires_grad_", "contiguous", "asarray", "array"])
"""What gives the numbers that it was given."""


class Steps:
    """Reads the statements of one record."""

    def __init__(self, happenings: Sequence[Happening], known: KnownGradients) -> None:
        self._happenings = happenings
        self._known = known
        self._terms: dict[tuple[int, str], tuple[dict[str, Draft], Added | None]] = {}

    def term(self, update: Happening, track: Track) -> tuple[dict[str, Draft], Added | None]:
        """What a statement read and computed, by text, and what it adds to the parameter."""
        found = self._terms.get((update.id, track.name))
        if found is None:
            read = self.read(update)
            text = pair_of(update.text, track.label)
            terms = [self.added(each, read, track) for each in (text, *steps_in(text))]
            found = read, self._by_gradient(terms[1:], read) or terms[0]
            self._terms[update.id, track.name] = found
        return found

    def added(self, text: str, read: Mapping[str, Draft], track: Track) -> Added | None:
        """What a statement of this text adds to the parameter, where it read these."""
        return added(text, lambda name: self.scales(read.get(name), track), self._inputs)

    def _by_gradient(self, terms: list[Added | None], read: Mapping[str, Draft]) -> Added | None:
        """`w[j] = w[j] + lr * g + momentum * v[j]`: of several products, the only one that is made of a gradient."""
        factors = [(term, read.get(plainly(each))) for term in terms if term for each in term.factors]
        found = {term for term, draft in factors if draft is not None and self._known.is_gradient(draft)}
        return found.pop() if len(found) == 1 else None

    def difference(self, update: Happening, track: Track) -> Draft | None:
        """Of `w += lr * (x.T @ h - v.T @ k)` the difference: neither product is the gradient by itself. None where what
        scales one does not scale the other (`lr * x.T @ h + momentum * last`)."""
        read, term = self.term(update, track)
        parts = steps_in(pair_of(update.text, track.label))
        steps = [self.added(each, read, track) for each in parts]
        if term is None or any(each is None or each.rate != 1.0 or each.own != 1.0 for each in steps):
            return None
        return read.get(plainly(term.rest))

    def together(self, gradients: Sequence[Draft], update: Happening, track: Track) -> Draft | None:
        """Of `w += lr * (a - b) + momentum * last` the difference: none of several gradients that go into one product
        is the gradient by itself. What is made of the parameter alone is a decay, and no part of it."""
        copies = {id(draft.copy): draft for draft in gradients if not self.decays(draft, update, track)}
        if len(copies) < 2:
            return None
        names = {plainly(draft.label) for draft in copies.values()}
        text = pair_of(update.text, track.label)
        parts = [each for each in steps_in(text) or (text,) if names & texts_in(each)]
        read = self.read(update)
        terms = [added(each, lambda name: self.scales(read.get(name), track)) for each in parts]
        if len(terms) != 1 or terms[0] is None or len(terms[0].factors) != 1:
            return None
        whole = read.get(plainly(terms[0].rest))
        return whole if whole is not None and shape_of(whole) == shape_of(track.before) else None

    def decays(self, draft: Draft, update: Happening, track: Track) -> bool:
        """Whether a statement before the update made this of the parameter and numbers: `reg = 0.01 * w`."""
        made = self.maker(draft, update)
        read = [] if made is None else [each for each in made.drafts if each.when == "operand"]
        read = [each for each in read if shape_of(each) is not None]
        return made is not None and bool(read) and all(self.is_of_itself(each, made, track) for each in read)

    def unscaled(self, step: Draft, update: Happening, track: Track) -> Draft | None:
        """`delta = -lr * dw`, then `w += delta`: the gradient of which a step is a multiple that is called one, too."""
        _, term = self.term(update, track)
        if term is None or term.quotient or term.own != 1.0 or abs(term.rate or 0.0) != 1.0:
            return None
        made = self.maker(step, update) if [plainly(each) for each in term.factors] == [step.label] else None
        text = "" if made is None else as_step(made.text, update.text)
        if made is None or not text:
            return None
        read = self.read(made)
        scaled = self.added(text, read, track)
        if scaled is None or scaled.quotient or len(scaled.factors) != 1:
            return None
        found = read.get(plainly(scaled.rest))
        fitting = found is not None and is_path(found.label) and shape_of(found) == shape_of(step)
        return found if found is not None and fitting and self._known.is_gradient(found) else None

    def read(self, update: Happening) -> dict[str, Draft]:
        """What a statement and the expressions in it read and computed, by text."""
        found: dict[str, Draft] = {}
        for event in (update, *self.expressions(update)):
            for draft in event.drafts:
                if draft.when in ("operand", "result") and (event is not update or draft.when == "operand"):
                    found.setdefault(plainly(draft.label), draft)
        return found

    def scales(self, draft: Draft | None, track: Track) -> float | None:
        """The number of a value that only scales an update: a setting, or one that follows a schedule."""
        if draft is None or shape_of(draft) is not None or draft.role not in ("data", "setting", "other"):
            return None
        if draft.label == track.name or (draft.role != "other" and draft.label in self._bound):
            return None
        return number_in(draft)

    def expressions(self, statement: Happening) -> list[Happening]:
        """The expressions directly inside a statement."""
        return self._expressions.get(statement.id, [])

    @cached_property
    def _expressions(self) -> dict[int, list[Happening]]:
        """The same of each statement."""
        found: dict[int, list[Happening]] = {}
        for each in self._happenings:
            if each.kind == "expression" and each.parent is not None:
                found.setdefault(each.parent, []).append(each)
        return found

    @cached_property
    def _bound(self) -> set[str]:
        """The names that statements of this pass bound to what they made: what is data among them is the pass's own."""
        made = (each for each in self._happenings if each.kind == "statement" and not is_literal(each.text))
        return {label for each in made for label in each.site.bound}

    @cached_property
    def _inputs(self) -> frozenset[str]:
        """The names of numbers of which the forward pass made an activation or a loss: `a` of `o = a * w + b`. What is
        called a learning rate is one all the same."""
        found: set[str] = set()
        for each in self._happenings:
            made = each.phase in ("forward", "loss") and any(draft.when == "result" for draft in each.drafts)
            if made and {draft.role for draft in each.drafts if draft.when == "result"} & {"activation", "loss"}:
                read = (draft for draft in each.drafts if draft.when == "operand" and draft.role in ("data", "setting"))
                found |= {draft.label for draft in read if shape_of(draft) is None and is_path(draft.label)}
        return frozenset(name for name in found if not names_rate(name.rpartition(".")[2]))

    def is_of_itself(self, draft: Draft, update: Happening, track: Track) -> bool:
        """Whether an expression is made of the parameter and numbers only: `np.sign(w)`, `torch.randn_like(w)`."""
        if draft.role == "parameter" or is_itself(draft, track):
            return True
        inner = self.expressions(update)
        made = next((each for each in inner if each.site.label == draft.label), None)
        read = [] if made is None else [each for each in made.drafts[:-1] if shape_of(each) is not None]
        return bool(read) and all(self.is_of_itself(each, update, track) for each in read)

    def goes_on(self, update: Happening, track: Track) -> bool:
        """Whether an update read what the parameter was: `C = z.T @ X / n`, of a closed form, is no step from there."""
        read = (draft for event in (update, *self.expressions(update)) for draft in event.drafts)
        return any(draft.when in ("operand", "before") and is_itself(draft, track) for draft in read)

    def addends(self, update: Happening, track: Track, label: str = "") -> list[Draft]:
        """What a statement read for one of its targets (the parameter, or what has this label), its sums and products
        taken apart: the values of the parameter's shape."""
        inner = self.expressions(update)
        waiting = [draft for draft in update.drafts if draft.when == "operand"]
        pair = pair_of(update.text, label or track.label)
        if pair != update.text:  # what is read for the other targets is none of its own
            own = texts_in(pair)
            waiting = [draft for draft in waiting if plainly(draft.label) in own]
        found: list[Draft] = []
        while waiting:
            draft = waiting.pop(0)
            makers = (each for each in inner if each.drafts and each.drafts[-1].same_value(draft))
            made = next((each for each in makers if each.site.label == draft.label), None)
            operation = None if made is None else made.site.operation
            scaled = self._scaled(made, draft) if made is not None and operation is not None else None
            if scaled is not None:
                waiting.append(scaled)
            elif (
                made is not None
                and operation is not None
                and operation.name in LINEAR | HANDING_ON
                and not _signs(made, inner, update)
            ):
                waiting += _dividend(made, operation) if operation.name in DIVISIONS else made.drafts[:-1]
            elif made is not None and operation is None and _became(draft, track) and goes_through(draft.label):
                waiting += made.drafts[:-1]  # inside which nothing is seen
            elif fits(draft, track) and not is_itself(draft, track) and not self._is_a_factor(draft, update, track):
                found.append(draft)
        return found

    def _scaled(self, made: Happening, result: Draft) -> Draft | None:
        """`w = sub(w, scale(dw, lr))`, by functions of the script: the gradient that a call gives a multiple of."""
        if made.site.operation is None or made.site.operation.name in LINEAR or result.copy is None:
            return None
        read = (draft for draft in made.drafts[:-1] if draft.copy is not None and self._known.is_gradient(draft))
        return next((draft for draft in read if draft.copy and is_multiple(result.copy, draft.copy)), None)

    def _is_a_factor(self, draft: Draft, update: Happening, track: Track) -> bool:
        """Whether an update of one element read an element of this list, but for `w[j] -= lr * g[j]`: as one factor of
        several (`lr * delta[j] * x[j]`), or at another place. It has the parameter's shape by chance then."""
        _, term = self.term(update, track)
        index, label = index_of(update.text), plainly(draft.label)
        if term is None or index is None or not any(holder == label for holder, _ in elements_in(update.text)):
            return False
        return [element_of(each) for each in term.factors] != [(label, ast.unparse(index))]

    def maker(self, draft: Draft, before: Happening) -> Happening | None:
        """The statement that made a value in this pass, or gave it its name."""
        return next(self.makers(draft, before), None)

    def makers(self, draft: Draft, before: Happening) -> Iterator[Happening]:
        """The same, and behind it the statement that called the function in which it was made, if any."""
        named: Happening | None = None
        for happening in reversed(self._happenings[: before.id]):
            if happening.kind != "statement" or happening.phase not in ("update", "backward", "between"):
                continue
            if draft.copy is not None:
                same = [one.when for one in happening.drafts if one.copy is draft.copy]
            else:
                same = [one.when for one in happening.drafts if one.same_value(draft)]
            if "before" in same:
                continue  # it was there already: `new.reverse()`
            if "operand" in same and happening.text.startswith("return "):
                continue  # it only hands it on
            if "result" in same and is_alias(happening.site):
                named = named or happening  # that was made before
            elif "result" in same or "after" in same:
                named = None
                yield happening
                if not happening.text.startswith("return "):
                    return
            elif "operand" in same and self._computes(happening, draft):
                yield happening
                return
        if named is not None:
            yield named

    def _computes(self, happening: Happening, draft: Draft) -> bool:
        """`new.append(w - lr * g)`: whether a statement computes a value that it only hands on."""
        return any(each.drafts and each.drafts[-1].same_value(draft) for each in self.expressions(happening))


def _signs(made: Happening, inner: list[Happening], update: Happening) -> bool:
    """`w -= lr * -(y - p).dot(x)`: whether an expression gives a gradient its sign, which is computed there and has no
    name without it. Of `w -= -lr * g` it is the rate's, and `g` is what the script calls its gradient."""
    if made.site.operation is None or made.site.operation.name != "neg" or not takes_away(update.text):
        return False
    makers = (each for each in inner if each.drafts and each.drafts[-1].same_value(made.drafts[0]))
    return any(each.site.operation is not None and each.site.operation.name not in LINEAR for each in makers)


def _became(draft: Draft, track: Track) -> bool:
    """Whether an array or list is what the parameter was after the pass."""
    return draft.copy is not None and track.after is not None and draft.copy is track.after.copy


def label_in(made: Happening, draft: Draft) -> str:
    """What a statement calls a value that it made."""
    return next((one.label for one in made.drafts if one.when != "operand" and one.same_value(draft)), draft.label)


def _dividend(made: Happening, operation: Operation) -> list[Draft]:
    """What is divided, of a quotient's operands: what it is divided by is no gradient."""
    text = operation.operands[0].text if operation.operands else ""
    return [draft for draft in made.drafts[:-1] if draft.label == text]


def number_in(draft: Draft | None) -> float | None:
    """A single number that a probe saw; None for anything else."""
    value = value_of(draft) if draft is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
