"""Gradients that add up over iterations: which lines of the script would zero them, and what a step then used.

Pure: reads records and source texts only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache

from stepper.record import Parameter, Record, Spot
from stepper.session.carried import Since

AGAIN = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
"""What stands in one of these may run once more in a later iteration."""


def summed(record: Record, parameter: Parameter, since: Since, sources: Mapping[str, str]) -> str:
    """What to say of a gradient that was added to what earlier iterations had left. `sources` are the texts of the
    script's files, by path; that of the training loop by the empty one."""
    lines = [Spot(file, line).place for file, text in sources.items() for line in zeroing_lines(text)]
    held = f"since {since}"
    if lines:
        some = lines[0] if len(lines) == 1 else f"{lines[0]} and {len(lines) - 1} more"
        how = f"{some} can zero .grad, and did not in between"
    elif since.certain and since.iteration:
        how = "no line of the script is known to zero .grad, and yet it was zeroed before that"
    else:
        held = f"of all backward passes (iterations 0 to {record.iteration})"
        how = "no line zeroes .grad (zero_grad forgotten?)"
    if parameter.grad is None:
        return f"no step used it here: .grad holds the sum {held}; {how}"
    return f"the step used the sum {held}: {how}; this iteration's share was checked"


@lru_cache(maxsize=64)
def zeroing_lines(source: str) -> tuple[int, ...]:
    """The lines that zero gradients: `zero_grad()`, `.grad = None`, `.grad *= 0`, `.grad.detach_().zero_()`, inside
    loops and functions."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    again = (inner for node in ast.walk(tree) if isinstance(node, AGAIN) for inner in ast.walk(node))
    return tuple(sorted({line for node in again for line in _zeroing(node)}))


def _zeroing(node: ast.AST) -> Iterator[int]:
    match node:
        case ast.Call(func=ast.Attribute(attr="zero_grad")):
            yield node.lineno
        case ast.Call(func=ast.Attribute(attr="zero_" | "fill_", value=value)) if _is_gradient(value):
            yield node.lineno
        case ast.Call(func=ast.Attribute(attr="_foreach_zero_")):
            yield node.lineno
        case ast.AugAssign(target=target, op=ast.Mult(), value=ast.Constant(value=0)) if _is_gradient(target):
            yield node.lineno
        case ast.Assign(targets=targets) if any(map(_is_gradient, targets)):
            yield node.lineno
        case ast.Delete(targets=targets) if any(map(_is_gradient, targets)):
            yield node.lineno


def _is_gradient(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="grad"):
            return True
        case ast.Attribute(attr="data", value=value) | ast.Subscript(value=value):
            return _is_gradient(value)
        case ast.Call(func=ast.Attribute(attr="detach" | "detach_", value=value)):
            return _is_gradient(value)
    return False
