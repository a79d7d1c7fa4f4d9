"""Which attributes `getattr(layer, "d" + name)` and `setattr` may mean, read off the text.

A name is worked out of what is written out: a text, a sum of texts, and the loops over them around it. Of a part that
is not known any text will do that makes an attribute of the script's objects; a name of which no part is known may be
any that the script writes out in a list, a tuple or a dict's keys. The second name of each pair is none of the first:
of `for name, gname in layer.params()` too, where the pairs are written out elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import lru_cache

from stepper.program.scopes import Script
from stepper.program.syntax import target_names

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
                if isinstance(around, ast.For) and name in target_names(around.target):
                    return _looped_over(script, around, name)
        case ast.BinOp(op=ast.Add()) | ast.JoinedStr():
            return _joined([_texts(script, part) for part in _parts(node)])
        case ast.Subscript(value=whole, slice=ast.Slice(lower=lower, upper=upper, step=None)):
            ends = [None if end is None else _number(end) for end in (lower, upper)]
            if any(end is not None and number is None for end, number in zip((lower, upper), ends, strict=True)):
                return None
            texts = _texts(script, whole)  # `for key in grads: getattr(self, key[1:])`
            return frozenset(text[slice(*ends)] for text in (_listed(script) if texts is None else texts))
    return None


def _number(node: ast.expr) -> int | None:
    """The whole number that is written out."""
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            return -number
    return None


def _looped_over(script: Script, loop: ast.For, name: str) -> frozenset[str] | None:
    """The texts that a loop's head binds a name to."""
    written = loop.iter.elts if isinstance(loop.iter, ast.Tuple | ast.List) else None
    match loop.target:
        case ast.Name():
            return _all_texts(written) if written is not None else None
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            place = next((i for i, each in enumerate(targets) if isinstance(each, ast.Name) and each.id == name), None)
            if place is None:
                return None
            rows = _rows(script, len(targets)) if written is None else written
            columns = [
                row.elts[place]
                for row in rows
                if isinstance(row, ast.Tuple | ast.List) and len(row.elts) == len(targets)
            ]
            return _all_texts(columns) if columns and len(columns) == len(rows) else None
    return None


def _all_texts(nodes: list[ast.expr]) -> frozenset[str] | None:
    """The texts that are written out there; None where something else is, too."""
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return frozenset(texts) if len(texts) == len(nodes) else None


@lru_cache(maxsize=8)
def _rows(script: Script, length: int) -> list[ast.expr]:
    """The rows of so many texts that stand in the script's lists and tuples."""
    found: list[ast.expr] = []
    for node in script.nodes:
        if isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load):
            rows = [row for row in node.elts if isinstance(row, ast.Tuple | ast.List) and len(row.elts) == length]
            found += [row for row in rows if _all_texts(row.elts) is not None]
    return found


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
