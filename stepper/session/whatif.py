"""What if: statements that a person adds to a run, each from one iteration on, as `100: lr = 0.1`. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from stepper.inferior.protocol import WhatIf
from stepper.session.errors import Misuse
from stepper.session.options import LARGEST_COUNT


class NotAStatement(ValueError):
    """What was typed cannot be carried out by itself; the message says so in one line."""


def what_if(target: str, text: str) -> WhatIf:
    """An `ITERATION: STATEMENT` text. Raises Misuse where it is none."""
    number, colon, statement = text.partition(":")
    number = number.strip()
    if not colon or not (number.isdecimal() and number.isascii()):
        raise Misuse(f"{target}: --what-if needs ITERATION: STATEMENT, as '100: lr = 0.1', not '{text}'")
    return at(target, int(number) if len(number) <= len(str(LARGEST_COUNT)) else LARGEST_COUNT + 1, statement)


def at(target: str, iteration: int, statement: str) -> WhatIf:
    """This statement before that iteration. Raises Misuse where there can be no such one."""
    if not 0 <= iteration <= LARGEST_COUNT:
        told = "negative" if iteration < 0 else "too large: at most 10^18"
        raise Misuse(f"{target}: --what-if: the iteration is {told}")
    try:
        checked = statement_of(statement)
    except NotAStatement as error:
        raise Misuse(f"{target}: --what-if: {error}") from None
    if not checked:
        raise Misuse(f"{target}: --what-if {iteration} has no statement, as '{iteration}: lr = 0.1' has")
    return WhatIf(iteration, checked)


def present(all_of_them: Sequence[WhatIf], iteration: int) -> str:
    """The statement before this iteration; empty for none."""
    return "; ".join(each.statement for each in all_of_them if each.iteration == iteration)


def instead(all_of_them: Sequence[WhatIf], iteration: int, statement: str) -> tuple[WhatIf, ...]:
    """The same with this statement (empty: none) before that iteration."""
    others = [each for each in all_of_them if each.iteration != iteration]
    return (*others, WhatIf(iteration, statement)) if statement else tuple(others)


def statement_of(text: str) -> str:
    """A statement as it is kept; empty for none. Raises NotAStatement."""
    text = text.strip()
    wrong = "is not a Python statement"
    try:
        tree = ast.parse(text, "<what if>")
        wrong = "cannot be carried out by itself"  # `return` and `break` are refused by the compiler only
        compile(tree, "<what if>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise NotAStatement(f"{text} {wrong}: {reason}") from None
    if any(isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del) for node in ast.walk(tree)):
        raise NotAStatement(f"{text} would delete a name of the script's, which cannot be done from outside: set it")
    return text
