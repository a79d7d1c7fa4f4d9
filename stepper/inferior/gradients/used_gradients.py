"""The gradient that the update of a parameter used, where no engine tells: found in what the update read."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import lru_cache

from stepper.engines.base import Engine
from stepper.inferior.gradients.accumulated import is_added_to
from stepper.inferior.gradients.angle import ALONG, cosine
from stepper.inferior.gradients.beside import MOMENTS, GradientsBeside
from stepper.inferior.gradients.elements import Parts, in_parts, of_resting_row, of_rows, picks
from stepper.inferior.gradients.fitting import is_inside, shape_of
from stepper.inferior.gradients.gone_over import gone_over
from stepper.inferior.gradients.gone_through import gone_through
from stepper.inferior.gradients.known_gradients import KnownGradients, is_called_gradient
from stepper.inferior.gradients.plain_numbers import number_of, of_returned
from stepper.inferior.gradients.preconditioned import Preconditioned
from stepper.inferior.gradients.several_terms import sum_of_terms
from stepper.inferior.gradients.steps import Steps, label_in, number_in
from stepper.inferior.gradients.views import of_views
from stepper.inferior.gradients.worked_out import number_worked_out
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.recorder import Recorder
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.added import (
    paths_in_comprehension,
    plainly,
    target_of,
    texts_in,
)
from stepper.inferior.spelling.texts import statement_of
from stepper.program.aliases import is_alias
from stepper.record import is_path

ONE_NUMBER = frozenset({None, (1,)})  # the shapes of one number, in an array or not


class UsedGradients:
    """Reads the events that a recorder wrote down for one record."""

    def __init__(self, recorder: Recorder, known: KnownGradients) -> None:
        self._recorder = recorder
        self._known = known
        self._steps = Steps(recorder.happenings, known)
        self._beside = GradientsBeside(recorder.happenings, known)
        self._preconditioned = Preconditioned(known, self._steps.expressions, self._steps.makers)
        self._rows: dict[str, list[Draft | None]] = {}

    def of(self, track: Track) -> Draft | None:
        """The gradient that the last update of a parameter read: of its shape, and reached by scaling and adding only.

        `w -= lr * grad_w` used `grad_w`; `w += x.T.dot(delta)` used the product itself, whatever its factors' shapes.
        Where it read an optimizer's state (`w -= lr * v`), the gradient is what that was made of in this pass.
        """
        if self.is_autograds(track):
            # What is no gradient by itself is none here: it may be an average of the weights (`ema.lerp_(w, 0.01)`).
            read = (self._gradient_read(update, track, MOMENTS) for update in reversed(track.updates))
            return next((draft for draft in read if draft is not None and self._known.is_gradient(draft)), None)
        for update in reversed(track.updates):
            found = (
                self._product(update, track)
                or self._gradient_named(update, track, MOMENTS)
                or self._gradient_read(update, track, MOMENTS)
                or self._beside.of(track, update)
                or self._beside.zipped(track, update, track.label)
                or self._single(update, track)
                or self._beneath(update, track)
                or self._stored(update, track)
                or self._beside.of_made(update, track)
                or self._along(update, track)
            )
            if found is not None:
                found = self._unsquared(self._steps.unscaled(found, update, track) or found)
                return self._preconditioned.gradient_of(found, update, track) or found
        return self._of_velocity(track)

    def _unsquared(self, found: Draft) -> Draft:
        """Of a gradient's square the gradient: where one list holds both moments (`m = v = [zeros]`), what the step was
        made of last is `b2 * v[i] + (1 - b2) * g ** 2`."""
        base = squared_in(found.label)
        read = (draft for each in self._recorder.happenings if base for draft in each.drafts if draft.label == base)
        alike = (draft for draft in read if shape_of(draft) == shape_of(found) and self._known.is_gradient(draft))
        return next((draft for draft in alike if draft.when == "operand"), found)

    def _of_velocity(self, track: Track) -> Draft | None:
        """The gradient in the running sum that a parameter was moved along, where no step is seen:
        `Layer(*(p - lr * m[k] for k, p in layer._asdict().items()))`. None where it may be one of several, and of a
        single number, which is a multiple of any other."""
        before, after = track.before.copy, None if track.after is None else track.after.copy
        if before is None or after is None or before.gone or after.gone or math.prod(shape_of(track.before) or ()) < 2:
            return None
        along = {
            each.after
            for each in self._known.running_sums
            if not (each.after.gone or each.after is after)
            and each.after.engine.extents(each.after.kept) == shape_of(track.before)
            and abs(cosine(before, after, each.after) or 0.0) > ALONG
        }
        if len(along) != 1:
            return None
        for happening in reversed(self._recorder.happenings):
            new = (draft.copy for draft in happening.drafts if draft.when in ("result", "after"))
            if happening.kind == "statement" and not along.isdisjoint(new) and not is_alias(happening.site):
                known = self._known
                found = [draft for draft in self._steps.addends(happening, track) if draft.copy not in known.velocities]
                found = [draft for draft in found if draft.copy is not None and id(draft.copy) not in known.parameters]
                return found[0] if len(found) == 1 else None
        return None

    def _along(self, update: Happening, track: Track) -> Draft | None:
        """Of an update in a comprehension or a lambda, where nothing is seen: the only gradient of its shape that the
        parameter went exactly along."""
        before, after = track.before.copy, None if track.after is None else track.after.copy
        hidden = update.site.unseen or bool(paths_in_comprehension(update.text))
        if not hidden or before is None or after is None or before.gone or after.gone:
            return None
        drafts = [draft for each in self._recorder.happenings[: update.id] for draft in each.drafts]
        found: dict[Copy, Draft] = {}
        for draft in drafts:
            if draft.copy is not None and not draft.copy.gone and shape_of(draft) == shape_of(track.before):
                known = found.get(draft.copy)
                if self._known.is_gradient(draft) and (known is None or not is_path(known.label)):
                    found[draft.copy] = draft
        along = [draft for copy, draft in found.items() if abs(cosine(before, after, copy) or 0.0) > ALONG]
        named = [draft for draft in along if is_path(draft.label)]
        if not named and math.prod(shape_of(track.before) or ()) > 1:
            named = along  # one that a tuple holds has no name: `grads.insert(0, (a.T @ delta, delta.sum(0)))`
        return named[0] if len(named) == 1 else None

    def sum_of(self, track: Track, arrays: Engine) -> Draft | None:
        """Of a parameter that is stepped by several gradients (`W2 is W1`, stepped under both names; `w -= lr * dw1 +
        lr * dw2`), their sum: where each was made before the first step, and all steps have one rate. Else None."""
        if self.is_autograds(track):
            return None
        if len(track.updates) == 1:
            return sum_of_terms(track, track.updates[0], self._steps, self._known.is_gradient, arrays)
        if not track.updates:
            return None
        begun, rates = track.updates[0].id, set[float | None]()
        found: dict[int, Draft] = {}
        times: dict[int, float] = {}  # how many times each was taken: `w += lr * g * reward`
        for update in track.updates:
            draft = self._gradient_named(update, track, 0) or self._gradient_read(update, track, 0)
            if draft is None or draft.copy is None or draft.copy.gone or draft.copy.elsewhere:
                continue
            read, term = self._steps.term(update, track)
            rates.add(None if term is None else term.rate)
            found[id(draft.copy)] = draft
            factors = [plainly(factor) for factor in (term.factors if term is not None else ())]
            others = [_number(each, read) for each in factors if read.get(each) is not draft]
            own = 1.0 if term is None or term.own is None else term.own
            times[id(draft.copy)] = own * math.prod(each for each in others if each is not None)
        if len(found) < 2 or len(rates) > 1 or None in rates:
            return None
        copies = [draft.copy for draft in found.values() if draft.copy is not None]
        made = {id(each.copy) for happening in self._recorder.happenings[:begun] for each in happening.drafts}
        if not made.issuperset(found) or not all(copy.engine is copies[0].engine for copy in copies):
            return None
        alike = len(set(times.values())) == 1  # that scales all, as a rate does
        numbers = [copy.engine.ndarray(copy.kept) * (1 if alike else times[id(copy)]) for copy in copies]
        label = " + ".join(dict.fromkeys(draft.label for draft in found.values()))
        return Draft(label, "gradient", "operand", Copy(arrays, sum(numbers[1:], numbers[0])))

    def is_autograds(self, track: Track) -> bool:
        """Whether autograd would have told the gradient of a parameter, had there been one."""
        copy = track.before.copy
        return self._recorder.program.uses_backward and copy is not None and copy.engine.name == "torch"

    def in_parts(self, track: Track, arrays: Engine) -> Parts | None:
        """What was added to the parts of a parameter, one by one."""
        return in_parts(track, arrays, self._steps.term, self._recorder.happenings)

    def through_views(self, track: Track, arrays: Engine) -> Parts | None:
        """What was added to parts of a parameter under names of their own: `row = w[i]`, then `row -= lr * g`."""

        def gradient(part: Track) -> Draft | None:
            whole = self.of(part) if len(part.updates) == 1 else None  # of several no one is the gradient
            return whole or _whole(self.in_parts(part, arrays))

        return of_views(track, arrays, gradient)

    def picked(self, track: Track, arrays: Engine) -> Parts | None:
        """The same where an array picks the parts: `table[ids] -= lr * d`. What has the table's shape, too, has it by
        chance."""
        return self.in_parts(track, arrays) if picks(track, self._steps.term) else None

    def gone_through(self, track: Track) -> Draft | None:
        """`for j, g in enumerate(dw): w[j] -= lr * g`: the list of the numbers that were added as they are; or what a
        comprehension added to each."""
        whole = gone_over(track, self._recorder.happenings, self._known.velocities)
        if whole is not None:
            return whole
        terms = (self._steps.term(update, track)[1] for update in track.updates)
        if any(term is not None and len(term.factors) > 1 for term in terms):
            return None
        return gone_through(track, self._recorder.happenings)

    def of_rows(self, track: Track, arrays: Engine) -> Parts | None:
        """`w[i][j] -= lr * dw[i][j]` of nested lists: the gradients of the rows, in one. Rows that nothing moved have
        zeros in it."""
        whole = of_rows(track, self.by_rows(track, arrays))
        if whole is None or whole.copy is None:
            return None
        read = (draft for each in reversed(self._recorder.happenings) for draft in each.drafts)
        itself = (draft for draft in read if draft.label == whole.label and draft.copy and draft.when != "before")
        gradient = next((draft for draft in itself if _is_same(draft.copy, whole.copy)), whole)
        return Parts(gradient, not all(row is not None and row.updates for row in track.rows))

    def by_rows(self, track: Track, arrays: Engine) -> list[Draft | None]:
        """The gradient of each row of a nested list."""
        if track.name not in self._rows:
            self._rows[track.name] = [self._of_row(track, number, arrays) for number in range(len(track.rows))]
        return self._rows[track.name]

    def _of_row(self, track: Track, number: int, arrays: Engine) -> Draft | None:
        row = track.rows[number]
        if row is not None and row.updates:
            return self.of(row) or _whole(self.in_parts(row, arrays))
        return of_resting_row(track, number) if any(each and each.updates for each in track.rows) else None

    def remark(self, track: Track) -> None:
        """Say at a parameter's last update that it has no gradient to show, where something was added to it."""
        for update in track.updates[-1:]:
            _, term = self._steps.term(update, track)
            if term is not None and term.factors:
                update.remark(f"no value of the script is by itself the gradient of {track.name}")

    def _single(self, update: Happening, track: Track) -> Draft | None:
        """`b -= lr * err` used `err`, `b += eta * errors.mean()` the mean; one number may be that of all of b."""
        read, term = self._steps.term(update, track)
        if term is None or term.quotient or len(term.factors) != 1:
            return None
        draft = read.get(plainly(term.rest))
        rated = term.rate is not None and abs(term.rate) != 1
        if draft is None or draft.role in ("parameter", "setting") or (draft.role == "data" and not rated):
            return None  # of data it is the perceptron's: `b += lr * y`
        alike = {shape_of(draft), shape_of(track.before)}
        if len(alike) > 1 and not alike <= ONE_NUMBER:
            return (
                draft
                if _moves_all(update, track) and shape_of(draft) in (None, (1,)) and self._known.is_gradient(draft)
                else None
            )
        return None if draft.role == "other" and is_path(draft.label) else draft

    def _product(self, update: Happening, track: Track) -> Draft | None:
        """`w -= lr * err * x` used `err * x`, which the script itself does not compute, and `lr / m * np.dot(x, err)`
        the m-th part of what it does: it is what was added, without the learning rate."""
        read, term = self._steps.term(update, track)
        if term is None or term.quotient:
            return None
        shape = shape_of(track.before)
        factors = [read.get(plainly(factor)) for factor in term.factors]
        if not factors or (len(factors) == 1 and is_path(term.factors[0])):
            return None
        seen = None not in factors or shape is not None  # what has no event of its own is worked out: `lr * (t - y)`
        if len(factors) == 1 and term.own == 1.0 and seen and track.label not in texts_in(term.rest):
            return None  # what `x - mean` is, in `mean += rate * (x - mean)`, is the gradient as it stands
        alike = [
            each for each in factors if each is not None and shape_of(each) == shape and self._known.is_gradient(each)
        ]
        if alike and (shape is not None or len(factors) == 1):
            return None  # numbers are multiplied by the chain rule: `lr * (grad * x)`
        part, whole = read.get(plainly(term.gradient)), read.get(plainly(term.whole))
        if part is not None and shape_of(part) == shape:
            return part
        if shape is None:
            return number_of(term, read)
        if whole is None or whole.copy is None or whole.copy.gone or shape_of(whole) != shape:
            return None
        if term.rate is None or abs(term.rate) in (0.0, 1.0) or not math.isfinite(term.rate):
            return whole
        quotient = self._recorder.differences.quotient(whole.copy, abs(term.rate))
        return Draft(term.gradient, "gradient", "operand", quotient)

    def _gradient_named(self, update: Happening, track: Track, deep: int, label: str = "") -> Draft | None:
        """What an update read, or what that was made of, that a statement of this pass made under a gradient's name:
        `g` of `for p, g in zip(params, grads)`, where it is the very array that was stored as `self.dW`."""
        found = self._steps.addends(update, track, label)
        stored = [draft for draft in found if draft.copy is not None and draft.copy in self._known.named]
        others = [draft for draft in found if draft not in stored and draft.role != "parameter"]
        others = [draft for draft in others if draft.copy not in self._known.velocities]
        if any(is_called_gradient(draft) for draft in others):
            return None  # that has the name itself, and says more
        if stored:
            return self._steps.together(stored, update, track) or stored[0]
        for draft in found if deep else ():
            made = self._steps.maker(draft, update)
            if made is None or (self._known.is_gradient(draft) and is_added_to(made, draft)):
                continue  # what a sum of gradients was made of last is a part of it: `db += dz`
            gradient = self._gradient_named(made, track, deep - 1, label_in(made, draft))
            if gradient is not None:
                return gradient
        return None

    def _gradient_read(self, update: Happening, track: Track, deep: int, label: str = "") -> Draft | None:
        shape = shape_of(track.before)
        found = self._steps.addends(update, track, label)
        new = track.after
        handed = [draft for draft in found if new is not None and draft.same_value(new)]
        found = handed or [draft for draft in found if draft.role != "parameter"]  # another of its shape tells nothing
        # A value that the parameter became, made on the way back (`new.insert(0, [w - lr * d …])`), is none of it.
        gradients = [draft for draft in found if draft not in handed and self._known.is_gradient(draft)]
        if gradients:
            whole = self._steps.together(gradients, update, track)
            return whole or next((draft for draft in gradients if is_path(draft.label)), gradients[0])
        for draft in found if deep else ():
            for made in self._steps.makers(draft, update) if draft.role in ("other", "parameter") else ():
                gradient = self._gradient_read(made, track, deep - 1, label_in(made, draft))
                gradient = gradient or self._single(made, track)
                if gradient is not None:
                    return gradient
        if shape is None or deep < MOMENTS or not self._steps.goes_on(update, track):
            return None
        others = [d for d in found if not is_path(d.label) and d.role != "parameter" and d not in handed]
        others = [d for d in others if not self._steps.is_of_itself(d, update, track)]
        whole = self._steps.difference(update, track) if len(others) > 1 and others == found else None
        return whole if whole is not None and shape_of(whole) == shape else next(iter(others), None)

    def _beneath(self, update: Happening, track: Track) -> Draft | None:
        """`w, b = step(w, b)`: what the statement inside the function read that made the new value."""
        new = next((draft for draft in update.drafts if draft.label == track.label and draft.when == "result"), None)
        if new is None:
            return None
        happenings = self._recorder.happenings
        returned = of_returned(update, track, happenings, self._steps)
        if shape_of(new) is None and returned is not None:
            return returned
        for happening in reversed(happenings[update.id + 1 :]):
            if happening.kind != "statement" or happening.phase not in ("update", "backward", "between"):
                continue
            same = [one for one in happening.drafts if one.same_value(new)]  # what reads it only hands it on
            if (
                same
                and all(one.when == "result" for one in same)
                and is_inside(happening, update, self._recorder.happenings)
            ):
                found = self._gradient_read(happening, track, MOMENTS) or self._single(happening, track)
                if found is not None:
                    return found
        return None

    def _stored(self, update: Happening, track: Track) -> Draft | None:
        """`params[k] = new`, or `params = made`: what the statement read that made the new value."""
        shape = shape_of(track.before)
        stored = [draft for draft in update.drafts if draft.when == "after" and shape_of(draft) == shape]
        bound = [draft for draft in update.drafts if draft.label == track.label and is_alias(update.site)]
        new = next(iter(stored or bound), None)
        if new is None or any(draft.when == "operand" and shape_of(draft) == shape for draft in update.drafts):
            return None
        made = self._steps.maker(new, update)
        return None if made is None else self._gradient_read(made, track, MOMENTS) or self._single(made, track)


def _number(text: str, read: Mapping[str, Draft]) -> float | None:
    """The number that a factor is, be it a library's; or that it comes to: `r - baseline`."""
    number = number_in(read.get(text))
    return number_worked_out(text, read) if number is None else number


def _moves_all(update: Happening, track: Track) -> bool:
    """Whether an update changes all of a parameter, and no element: `w -= …`, or `params[k] -= …`."""
    target = target_of(update.text)
    if not target.endswith("]") or target in (track.label, track.name):
        return True
    changed = (each for each in update.drafts if each.when == "after" and shape_of(each) == shape_of(track.before))
    return any(_subscripts(each.label) == _subscripts(target) for each in changed)


def _subscripts(text: str) -> int:
    """How many stand at the end of a name: two of `params["w"][0]`."""
    statement, count = statement_of(text), 0
    node = statement.value if isinstance(statement, ast.Expr) else None
    while isinstance(node, ast.Subscript):
        node, count = node.value, count + 1
    return count


@lru_cache(maxsize=1024)
def squared_in(text: str) -> str:
    """What a text squares: `g` of `g ** 2`, `g * g` and `np.square(g)`; empty where it does not."""
    statement = statement_of(text)
    match statement.value if isinstance(statement, ast.Expr) else None:
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)):
            return ast.unparse(base)
        case ast.BinOp(left=base, op=ast.Mult(), right=other) if ast.unparse(base) == ast.unparse(other):
            return ast.unparse(base)
        case ast.Call(func=ast.Attribute(attr="square"), args=[base]):
            return ast.unparse(base)
    return ""


def _is_same(one: Copy | None, other: Copy | None) -> bool:
    """Whether two lists hold the same numbers."""
    if one is None or other is None or one.gone or other.gone or one.engine is not other.engine:
        return False
    return bool(one.kept == other.kept)


def _whole(parts: Parts | None) -> Draft | None:
    return None if parts is None else parts.gradient
