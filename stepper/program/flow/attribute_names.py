"""Which attributes `getattr(layer, "d" + name)` and `setattr` may mean, read off the text.

A name is worked out of what is written out: a text, a sum of texts, and the loops over them around it. Of a part that
is not known any text will do that makes an attribute of the script's objects; a name of which no part is known may be
any that the script writes out in a list, a tuple or a dict's keys.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import lru_cache

from stepper.program.scopes import Script

MOST = 32  # texts that one expression may stand for; of more, none is known


def attribute_names(script: Script, node: ast.expr, fields: Collection[str]) -> frozenset[str]:
    """Those among the script's attributes that an expression may name; none where nothing tells."""
    found = _texts(script, node)
    if found is not None:
        return found & frozenset(fields)
    parts = [_texts(script, part) for part in _parts(node)]
    if any(parts):
        pattern = "".join(".+" if texts is None else f"({'|'.join(map(re.escape, texts))})" for texts in parts)
        return frozenset(field for field in fields if re.fullmatch(pattern, field))
    return _listed(script) & frozenset(fields)


def _texts(script: Script, node: ast.expr) -> frozenset[str] | None:
    """The texts that an expression may be; None where that is not known."""
    match node:
        case ast.Constant(value=str() as text):
            return frozenset((text,))
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return _texts(script, value)
        case ast.Name(id=name):
            for around in script.ancestors(node):
                match around:
                    case ast.For(target=ast.Name(id=bound), iter=ast.Tuple(elts=elements) | ast.List(elts=elements)):
                        if bound == name:
                            texts = [each.value for each in elements if isinstance(each, ast.Constant)]
                            known = len(texts) == len(elements) and all(isinstance(text, str) for text in texts)
                            return frozenset(map(str, texts)) if known else None
        case ast.BinOp(op=ast.Add()) | ast.JoinedStr():
            return _joined([_texts(script, part) for part in _parts(node)])
    return None


def _parts(node: ast.expr) -> list[ast.expr]:
    """What a text is put together from, in order."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_parts(left), *_parts(right)]
        case ast.JoinedStr(values=values):
            return values
    return [node]


def _joined(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    found = {""}
    for part in parts:
        if part is None:
            return None
        found = {start + end for start in found for end in part}
        if len(found) > MOST:
            return None
    return frozenset(found)


@lru_cache(maxsize=1)
def _listed(script: Script) -> frozenset[str]:
    """The texts that stand in the script's lists, tuples and sets, and as keys of its dicts."""
    found: set[str] = set()
    for node in script.nodes:
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(keys=parts):
                found.update(each.value for each in parts if isinstance(each, ast.Constant) and type(each.value) is str)
    return frozenset(found)
