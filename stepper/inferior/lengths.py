"""How many passes a loop is going to make, as far as that can be told without running or consuming anything, and
without anybody noticing."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache
from operator import length_hint
from types import FunctionType, MappingProxyType
from typing import Any

from stepper.inferior.ours import is_installed

Texts = Mapping[str, str]
NO_TEXTS: Texts = MappingProxyType({})

SIZED = (range, list, tuple, dict, str, bytes, set, frozenset)
ITERATORS = frozenset(
    f"{kind}iterator"
    for kind in (
        *("list_", "tuple_", "range_", "longrange_", "list_reverse", "set_", "bytes_", "str_", "str_ascii_"),
        *("dict_key", "dict_value", "dict_item"),
    )
)
LOADED = ("_index_sampler", "batch_sampler", "sampler", "data_source", "_dataset", "dataset")
"""The attributes of a loader of batches, and of its parts, that say how many there are."""
MAPPED = 0  # the kind of data set that has a length; torch warns of one whose length was asked for, and is too small
COUNTING = frozenset(("len", "min", "max", "int", "sum", "abs", "round"))
SIZES = frozenset(("size", "numel"))  # methods of a tensor
PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop)


def passes_over(iterable: Any, texts: Texts = NO_TEXTS) -> int | None:
    """The length of what a `for` loop is about to walk; None where only walking it would tell.

    Looks into exact built-in types only (a generator or a user's class is left alone); `enumerate`, `zip` and
    `reversed` are seen through by their own `__reduce__`, which does not advance them. `texts` are those of the
    script's own files, by path.
    """
    kind = type(iterable)
    try:
        if kind in SIZED:
            return len(iterable)
        if kind.__name__ in ITERATORS and kind.__module__ == "builtins":
            return length_hint(iterable)
    except OverflowError:
        return None  # `range(10**30)`: nobody will see the end
    if kind is enumerate:
        return passes_over(iterable.__reduce__()[1][0], texts)
    if kind is zip:
        lengths = [passes_over(part, texts) for part in iterable.__reduce__()[1]]
        known = [length for length in lengths if length is not None]
        return min(known) if known and len(known) == len(lengths) else None
    if kind.__module__ == "torch.utils.data.dataloader":
        return _of_loader(iterable, texts)
    if kind.__module__ in ("numpy", "torch") and kind.__name__ in ("ndarray", "Tensor"):
        shape = tuple(iterable.shape)
        return int(shape[0]) if shape else None
    return None


def _of_loader(loader: Any, texts: Texts) -> int | None:
    """A loader asks its data set, which may be the script's own: only where that does nothing but tell a number."""
    if vars(loader).get("_dataset_kind") != MAPPED:
        return None
    waiting = [loader]
    for part in waiting:
        if not _only_tells(part, texts):
            return None
        if type(part).__module__.startswith("torch."):
            held = vars(part)
            waiting += [held[name] for name in LOADED if held.get(name) is not None]
    try:
        return len(loader)
    except Exception:  # an expression of the script's, which plain Python would not have worked out: no length, then
        return None


def _only_tells(value: Any, texts: Texts) -> bool:
    """Whether to ask for a value's length does nothing: it is written in C, a library's, or no more than an expression
    of attributes."""
    asked = next((vars(each)["__len__"] for each in type(value).__mro__ if "__len__" in vars(each)), None)
    if not isinstance(asked, FunctionType) or is_installed(asked.__code__.co_filename):
        return True
    code = asked.__code__
    return code.co_firstlineno in _plain_lengths(texts.get(code.co_filename, ""))


@lru_cache(maxsize=64)
def _plain_lengths(text: str) -> frozenset[int]:
    """The lines of those methods `__len__` in a text that only work out an expression."""
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return frozenset(node.lineno for node in found if node.name == "__len__" and _is_plain(node))


def _is_plain(function: ast.FunctionDef) -> bool:
    match function.body:
        case [*docstring, ast.Return(value=ast.expr() as told)] if len(docstring) == bool(ast.get_docstring(function)):
            parts = [node for node in ast.walk(told) if not isinstance(node, (*PLAIN, ast.expr_context))]
            return all(isinstance(node, ast.Call) and _counts(node.func) for node in parts)
    return False


def _counts(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in SIZES
    return isinstance(function, ast.Name) and function.id in COUNTING
