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
    if len(number) > len(str(LARGEST_COUNT)) or int(number) > LARGEST_COUNT:
        raise Misuse(f"{target}: --what-if: the iteration is too large: at most 10^18")
    try:
        checked = statement_of(statement)
    except NotAStatement as error:
        raise Misuse(f"{target}: --what-if: {error}") from None
    if not checked:
        raise Misuse(f"{target}: --what-if {number} has no statement, as '{number}: lr = 0.1' has")
    return WhatIf(int(number), checked)


def present(texts: Sequence[str], iteration: int) -> str:
    """What `ITERATION: STATEMENT` texts say of this iteration; empty for nothing."""
    parted = [text.partition(":") for text in texts]
    return "; ".join(statement.strip() for number, _, statement in parted if int(number) == iteration)


def instead(texts: Sequence[str], iteration: int, statement: str) -> tuple[str, ...]:
    """`ITERATION: STATEMENT` texts, with this statement (empty: none) for those that are of this iteration."""
    others = [text for text in texts if int(text.partition(":")[0]) != iteration]
    return (*others, f"{iteration}: {statement}") if statement else tuple(others)


def statement_of(text: str) -> str:
    """A statement as it is kept; empty for none. Raises NotAStatement."""
    text = text.strip()
    try:
        tree = ast.parse(text, "<what if>")
        compile(tree, "<what if>", "exec")  # `return` and `break` are refused by the compiler only
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise NotAStatement(f"{text} is not a Python statement: {reason}") from None
    if any(isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del) for node in ast.walk(tree)):
        raise NotAStatement(f"{text} would delete a name of the script's, which cannot be done from outside: set it")
    return text
