"""Gradients that are computed and that no line reads: an update that was forgotten. Pure: reads the text alone."""

from __future__ import annotations

import ast

from stepper.program.vocabulary import names_gradient

BY_NAME = frozenset({"locals", "globals", "vars", "eval", "exec"})
"""What may read a name that is written nowhere."""


def unread(tree: ast.AST) -> frozenset[int]:
    """The statements (ids of nodes) that bind one name, which is a gradient's, to what is read nowhere in the file."""
    read: set[str] = set()
    made: list[tuple[str, ast.Assign]] = []
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load() | ast.Del()) | ast.AugAssign(target=ast.Name(id=name)):
                read.add(name)
            case ast.Constant(value=str(name)):
                read.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                read.update(names)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not isinstance(
                value, (ast.Constant, ast.Name)
            ):
                if names_gradient(name) and len(name) > 1:  # `g` may be anything
                    made.append((name, node))
    return frozenset() if read & BY_NAME else frozenset(id(node) for name, node in made if name not in read)
