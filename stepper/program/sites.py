"""Sites: the places of a script that carry a probe, numbered, with all that can be known of them before it runs."""

from typing import Literal

import msgspec

from stepper.record.events import Phase, Role

SiteKind = Literal["statement", "expression", "operand", "result", "mutated", "function", "loop"]


class Operand(msgspec.Struct, frozen=True):
    """An argument of an operation: the site that saw its value, or a literal constant, or (both None) neither."""

    site: int | None = None
    constant: bool | int | float | str | None = None
    text: str = ""


class Operation(msgspec.Struct, frozen=True):
    """What an expression computes, as far as its spelling says: `name` of the callee's last part, or of the operator.

    Operators are named as in the `operator` module (`add`, `sub`, `mul`, `matmul`, `lt`, `le`, `gt`, `ge`, `eq`,
    `neg`, `pow`, `truediv`, `getitem` …); a call by its last name (`maximum`, `clamp`, `relu`, `where`, `apply`), the
    receiver of a method being the first operand and `path` the whole callee (`np.maximum`, `x.mm(w1).clamp`). A store
    to a subscript is `setitem` (operands: base, index, value) and `x *= y` is `imul`.
    """

    name: str
    path: str
    operands: tuple[Operand, ...]
    keywords: tuple[tuple[str, Operand], ...] = ()
    method: bool = False


class Site(msgspec.Struct, frozen=True):
    """One place. `parent` is the site of the event it belongs to: a nested statement's compound statement, an
    expression's or operand's enclosing expression or statement; None for a statement that stands directly in the
    loop's body, a function's or the module's.

    `label` is the name or attribute path, or the source text. `bound` labels the names handed to `done` or `enter`,
    and `bound_roles` gives their roles. `phase` None: that of the caller. `spine` is True outside the training loop's
    body (and outside functions that are called from it): setup before it, `between` after a pass. `loss` marks what
    the contract takes for a loss where nothing calls `.backward()` (for bound names: `bound_losses`). `attribute` is
    what an owner probe should look at; `method` the method about to be called on a mutated receiver. `keyed`: the key
    that something is stored under is handed over next. `file` is the path of the file it stands in; empty for the one
    that has the training loop. `unread`: the gradient that it binds is read by no line. `unseen`: it may change values
    in a comprehension or a lambda, where no probe is.
    """

    id: int
    kind: SiteKind
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    label: str
    parent: int | None = None
    function: str = ""
    phase: Phase | None = None
    role: Role | None = None
    spine: bool = False
    loss: bool = False
    bound: tuple[str, ...] = ()
    bound_roles: tuple[Role | None, ...] = ()
    bound_losses: tuple[bool, ...] = ()
    attribute: str | None = None
    method: str | None = None
    keyed: bool = False
    operation: Operation | None = None
    file: str = ""
    unread: bool = False
    unseen: bool = False
