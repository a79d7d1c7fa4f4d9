"""Steps that are no multiples of the gradient that they are made of: Newton's, whose equations are solved for it, or
one whose directions a matrix that the script keeps (an approximate inverse of the Hessian), or a function of its own,
has changed. Such are no factors of the chain rule: the gradient is what they were given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stepper.inferior.gradients.angle import is_multiple
from stepper.inferior.gradients.fitting import fits, shape_of
from stepper.inferior.gradients.known_gradients import KnownGradients, is_called_gradient
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.inferior.recording.tracks import Track
from stepper.inferior.spelling.texts import is_call
from stepper.record import is_path

SOLVED = frozenset(["solve", "lstsq", "cho_solve", "cholesky_solve", "solve_triangular", "lu_solve", "spsolve"])
INVERTED = frozenset(["inv", "pinv", "inverse", "pinverse", "cholesky_inverse"])
PRODUCTS = frozenset(["matmul", "dot", "mv", "mm"])
SCALED = frozenset(["mul", "imul", "truediv", "neg", "pos", "multiply", "divide"])
DEEP = 4  # statements and expressions that a step is followed through

Expressions = Callable[[Happening], Sequence[Happening]]
Makers = Callable[[Draft, Happening], Iterable[Happening]]


class Preconditioned:
    """`expressions` gives those directly inside a statement, `makers` the statements before another that made a value,
    inside a function and where it was called."""

    def __init__(self, known: KnownGradients, expressions: Expressions, makers: Makers) -> None:
        self._known = known
        self._expressions = expressions
        self._makers = makers

    def gradient_of(self, step: Draft, update: Happening, track: Track) -> Draft | None:
        """The gradient that a step of this update was made of; None where the step is a gradient itself."""
        found: Draft | None = None
        draft, at = step, update
        for _ in range(DEEP):
            goes_on: Draft | None = None
            for made in self._made(at, draft):
                within = made if made.kind == "statement" else at
                source = self._turned(made, draft, within, track)
                goes_on = source or _scaled(made, track)
                if goes_on is not None:
                    found, at = source or found, within
                    break
            if goes_on is None:
                break
            draft = goes_on
        return None if found is None else self._named(found, at, track)

    def _turned(self, made: Happening, step: Draft, at: Happening, track: Track) -> Draft | None:
        """What was given to an operation that gives it other directions."""
        operation = made.site.operation
        if operation is None:
            return None
        read = [draft for draft in made.drafts if draft.when == "operand"]
        given = [draft for draft in read if fits(draft, track) and draft.role != "parameter"]
        others = [draft for draft in read if draft not in given and shape_of(draft) is not None]
        if operation.name in SOLVED:
            return given[-1] if given else None
        if operation.name in PRODUCTS:
            operations = [each.site.operation for draft in read for each in self._made(at, draft)]
            names = {each.name for each in operations if each is not None}
            kept = bool(others) and all(draft.role == "other" for draft in others)
            turned = names & INVERTED or (kept and fits(step, track) and self._comes_of_gradients(given, at))
            return given[-1] if given and turned else None
        if operation.name in SCALED or len(given) != 1 or others or not fits(step, track):
            return None
        (only,) = given
        changed = step.copy is not None and only.copy is not None and not is_multiple(step.copy, only.copy)
        turned = changed and is_call(made.text) and shape_of(only) is not None
        turned = turned and not _is_called_its_gradient(step, track)
        return only if turned and self._comes_of_gradients(given, at) else None

    def _comes_of_gradients(self, given: Sequence[Draft], at: Happening) -> bool:
        """Whether gradients are among these, or running sums of them, or sums of such that have no name."""
        made = [self._made_in(at, draft) for draft in given]
        every = [*given, *(draft for each in made if each is not None for draft in each.drafts)]
        return any(self._known.is_gradient(draft) or draft.copy in self._known.velocities for draft in every)

    def _named(self, found: Draft, at: Happening, track: Track) -> Draft:
        """Of a sum that has no name (`g + 0.9 * m`) the gradient in it."""
        made = None if is_path(found.label) else self._made_in(at, found)
        read = [] if made is None else [draft for draft in made.drafts[:-1] if fits(draft, track)]
        return next((draft for draft in read if is_path(draft.label) and self._known.is_gradient(draft)), found)

    def _made(self, at: Happening, draft: Draft) -> Iterable[Happening]:
        """What made a value: an expression in this statement, or statements before it."""
        inner = self._made_in(at, draft)
        return self._makers(draft, at) if inner is None else [inner]

    def _made_in(self, statement: Happening, draft: Draft) -> Happening | None:
        inner = self._expressions(statement)
        return next((each for each in inner if each.site.label == draft.label and each.drafts), None)


def _is_called_its_gradient(step: Draft, track: Track) -> bool:
    """Whether the script says that it is the gradient of this parameter, and no step: `db1 = np.sign(dz)`."""
    return is_called_gradient(step) and step.label.endswith(track.label.rpartition(".")[2])


def _scaled(made: Happening, track: Track) -> Draft | None:
    """What an operation only multiplies by numbers."""
    if made.site.operation is None or made.site.operation.name not in SCALED:
        return None
    read = [draft for draft in made.drafts if draft.when == "operand" and shape_of(draft) is not None]
    return read[0] if len(read) == 1 and fits(read[0], track) else None
