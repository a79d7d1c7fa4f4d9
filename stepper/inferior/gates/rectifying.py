"""Whether a statement's text is that of a ReLU, or of a mask, element by element: `max(0.0, v)`, or
`v if v > 0 else 0.0`, `if z[j] > 0:`, be it in a function of one number that it calls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from stepper.inferior.recording.drafts import Happening
from stepper.inferior.spelling.texts import statement_of

Sign = Literal["relu", "mask"]
ORDERED = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)


class Rectifying:
    """Tells it of the events of a record."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self._happenings = happenings
        self._called: dict[int, set[str]] = {}  # by statement, what is written in the functions that it calls
        for each in happenings:
            call = None if each.parent is None or each.kind != "statement" else happenings[each.parent]
            if call is not None and call.kind == "call" and call.parent is not None:
                self._called.setdefault(call.parent, set()).add(each.text)

    def of_all(self, events: Sequence[Happening]) -> Sign | None:
        """Which of both the stores of a loop are, together."""
        return _either({self.of(event) for event in events})

    def of(self, event: Happening) -> Sign | None:
        """Which of both an event is, a condition that it stands in, or what it calls; None where it is neither."""
        around: Happening | None = event
        while around is not None and around.kind != "call":
            found = sign(around.text, event.text)
            if found is not None:
                return found
            around = None if around.parent is None else self._happenings[around.parent]
        return _either({sign(text, text) for text in self._called.get(event.id, ())})


@lru_cache(maxsize=2048)
def sign(text: str, store: str) -> Sign | None:
    """Whether a statement, or the head of an `if` that `store` stands in, chooses between zero and a number by its sign
    (`relu`), or by that of another (`mask`)."""
    if text.startswith("if "):
        match statement_of(f"{text.removesuffix(':')}: pass"):
            case ast.If(test=test) if (asked := _asked(test)) is not None:
                return (
                    "relu" if any(ast.unparse(node) == asked or _is_zero(node) for node in _stored(store)) else "mask"
                )
        return None
    found = statement_of(text)
    return _either({_sign(node) for node in ast.walk(found)}) if found is not None else None


def _either(signs: set[Sign | None]) -> Sign | None:
    return "relu" if "relu" in signs else "mask" if "mask" in signs else None


def _sign(node: ast.AST) -> Sign | None:
    match node:
        case ast.Call(func=ast.Name(id="max"), args=[first, second], keywords=[]):
            return "relu" if _is_zero(first) or _is_zero(second) else None
        case ast.IfExp(test=test, body=body, orelse=orelse) if (asked := _asked(test)) is not None:
            chosen = next((one for one, other in ((body, orelse), (orelse, body)) if _is_zero(other)), None)
            return None if chosen is None else "relu" if ast.unparse(chosen) == asked else "mask"
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            for one, other in ((left, right), (right, left)):
                if (asked := _asked(one)) is not None:
                    return "relu" if ast.unparse(other) == asked else "mask"
    return None


def _stored(text: str) -> list[ast.expr]:
    """What a statement stores in an element, or appends."""
    match statement_of(text):
        case ast.Assign(value=value):
            return [value]
        case ast.Expr(value=ast.Call(args=args)):
            return args
    return []


def _asked(node: ast.expr) -> str | None:
    """The expression whose sign a comparison asks for."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, ORDERED):
            return ast.unparse(left) if _is_zero(right) else ast.unparse(right) if _is_zero(left) else None
    return None


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 0
