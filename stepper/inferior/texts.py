"""The text of one statement, read: what rules about updates and gradients by hand go by."""

from __future__ import annotations

import ast
import textwrap
from functools import lru_cache


@lru_cache(maxsize=4096)
def statement_of(text: str) -> ast.stmt | None:
    """The statement; None for what is not one of Python's, or not only one (the head of a loop)."""
    try:
        (statement,) = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return None
    return statement


def reads(node: ast.expr, text: str) -> bool:
    """Whether an expression is, or has in it, what is written so."""
    return any(isinstance(part, ast.expr) and ast.unparse(part) == text for part in ast.walk(node))
