"""Which attributes `getattr(layer, "d" + name)` and `setattr` may mean, read off the text.

A name is worked out of what is written out: a text, a sum of texts, and the loops over them around it.
"""

from __future__ import annotations

import ast

from stepper.program.scopes import Script

MOST = 32  # names that one expression may stand for; of more, none is known


def attribute_names(script: Script, node: ast.expr) -> frozenset[str]:
    """The texts that an expression may be; none where that is not known."""
    match node:
        case ast.Constant(value=str() as text):
            return frozenset((text,))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined(script, [left, right])
        case ast.JoinedStr(values=values):
            return _joined(script, values)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return attribute_names(script, value)
        case ast.Name(id=name):
            for around in script.ancestors(node):
                match around:
                    case ast.For(target=ast.Name(id=bound), iter=ast.Tuple(elts=elements) | ast.List(elts=elements)):
                        if bound == name:
                            texts = [each.value for each in elements if isinstance(each, ast.Constant)]
                            known = len(texts) == len(elements) and all(isinstance(text, str) for text in texts)
                            return frozenset(map(str, texts)) if known else frozenset()
    return frozenset()


def _joined(script: Script, parts: list[ast.expr]) -> frozenset[str]:
    found = {""}
    for part in parts:
        found = {start + end for start in found for end in attribute_names(script, part)}
        if len(found) > MOST:
            return frozenset()
    return frozenset(found)
