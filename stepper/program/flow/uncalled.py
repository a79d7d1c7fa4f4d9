"""Which attributes hold nothing that can be called: numbers, texts, truths and collections.

`args.cuda = not args.no_cuda and torch.cuda.is_available()` has nothing to do with `data.cuda()`, which is a tensor's.
"""

from __future__ import annotations

import ast
from collections import Counter

from stepper.program.scopes import Script

_WRITTEN = (
    ast.Compare | ast.UnaryOp | ast.BinOp | ast.JoinedStr | ast.List | ast.Tuple | ast.Set | ast.Dict | ast.ListComp
)
_CASTS = frozenset(("bool", "float", "int", "len", "str"))


def uncalled(script: Script) -> frozenset[str]:
    """The names under which the script's objects never keep anything else, by all that is stored under them."""
    stored: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for node in script.nodes:
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                stored[name] += 1
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if _is_plain(value):
                plain[name] += 1
    return frozenset(name for name, times in plain.items() if times == stored[name])


def _is_plain(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=known):
            return known is not None  # a place for what comes later
        case ast.BoolOp(values=parts):
            return all(map(_is_plain, parts))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _CASTS or name.startswith(("is_", "has_"))
    return isinstance(value, _WRITTEN)
