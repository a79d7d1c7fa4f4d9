"""The text of an event, or of a part of one, as Python reads it. Pure."""

import ast
import textwrap
from functools import lru_cache


@lru_cache(maxsize=1024)
def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """All nodes; none of what is no whole statement (the head of a block)."""
    try:
        return tuple(ast.walk(ast.parse(textwrap.dedent(text).strip())))
    except (SyntaxError, ValueError):
        return ()


@lru_cache(maxsize=4096)
def statement_in(text: str) -> ast.stmt | None:
    """The one statement; None of what is none, or more than one."""
    try:
        (statement,) = ast.parse(textwrap.dedent(text).strip()).body
    except (SyntaxError, ValueError):
        return None
    return statement
