"""Whether the count of a loop's iterations, as its first entry tells it, is all there will be. Pure, from the source.

The count is of the passes the loop is about to make, times those of the loops around it. There are more where the loop
is entered anew by other ways, or with other lengths.
"""

from __future__ import annotations

import ast

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
LOOPS = (ast.For, ast.AsyncFor, ast.While)


def only(count: int) -> str:
    """How many iterations there are, and no more, in words."""
    return "there is only 1 iteration, 0" if count == 1 else f"there are only {count} iterations, 0 to {count - 1}"


def cannot_grow(source: str, line: int) -> bool:
    """Whether the loop at `line` runs once for each pass of the loops around it, with the same length each time.

    A loop in a function does where the function is called in one place, outside of any loop.
    """
    tree = ast.parse(source)
    around = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    node: ast.AST = next(
        (each for each in ast.walk(tree) if isinstance(each, ast.For | ast.AsyncFor) and each.lineno == line), tree
    )
    if not isinstance(node, ast.For | ast.AsyncFor):
        return False
    read = _names(node.iter, ast.Load)
    called = False
    while node in around:
        node = around[node]
        if isinstance(node, LOOPS) and (called or isinstance(node, ast.While) or read & _names(node, ast.Store)):
            return False
        if isinstance(node, Scope):
            use = _only_use(tree, node)
            if use is None:
                return False
            node, called = use, True
    return True


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, context)}


def _only_use(tree: ast.AST, function: Scope) -> ast.AST | None:
    """The one place that names a function and calls it; None where there are others, or it cannot be told."""
    if isinstance(function, ast.Lambda) or function.decorator_list:
        return None
    named = [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == function.name)
        or (isinstance(node, ast.Attribute) and node.attr == function.name)
    ]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func in named]
    inside = set(ast.walk(function))
    return calls[0] if len(named) == 1 and calls and calls[0] not in inside else None
