"""Settings: the plain top-level assignments of a script that `--set`, `--device` and presets can override."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection

from stepper.program.errors import ProgramError
from stepper.program.source import Source
from stepper.program.vocabulary import words

_TRUE = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def find(source: Source) -> dict[str, str]:
    """Top-level assignments of literals (and of devices and dtypes): name → source text of the value."""
    found: dict[str, str] = {}
    for statement in source.tree.body:
        for name, value in _bindings(statement):
            if name not in found and value is not None and _is_setting(value):
                found[name] = source.of(value)
    return found


def places(source: Source, names: Collection[str]) -> dict[int, list[str]]:
    """After which top-level statement (by id) which names must be set. Raises ProgramError for an unknown name."""
    first: dict[str, ast.stmt] = {}
    for statement in source.tree.body:
        for name, _ in _bindings(statement):
            first.setdefault(name, statement)
    known = find(source)
    found: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        if name not in first:
            raise ProgramError(unknown(name, known))
        found.setdefault(id(first[name]), []).append(name)
    return found


def unknown(name: str, known: Collection[str]) -> str:
    """What to say of a setting that there is none of."""
    if not known:
        return f"unknown setting {name}: the script has no top-level assignments of literals"
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    lower = {entry.lower(): entry for entry in known}
    if not near and name.lower() in lower:
        near = [lower[name.lower()]]
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"unknown setting {name}{hint}; known: {', '.join(known)}"


def check(text: str, literal: str, name: str) -> None:
    """Early: whether `text` can take the place of a default whose source text is `literal`. Raises ProgramError."""
    try:
        like = ast.literal_eval(literal)
    except (ValueError, SyntaxError, TypeError):
        return
    convert(text, like, name)


def convert(text: str, like: object, name: str) -> object:
    """`text` as a value of the type of `like`, the value that the script bound. Raises ProgramError on a wrong type."""
    kind = type(like)
    try:
        if kind is bool:
            return _TRUE[text.strip().lower()]
        if kind is int:
            return _integer(text)
        if kind is float:
            return float(text)
        if kind is complex:
            return complex(text)
        if kind is str:
            return text
        if like is None:
            return _guess(text)
        if kind in (tuple, list, dict, set):
            value = ast.literal_eval(text)
            if kind in (tuple, list) and type(value) in (tuple, list):
                return kind(value)
            if type(value) is kind:
                return value
            raise ValueError(text)
        if kind.__module__ == "torch":
            return _torch_like(text, like)
        if kind.__module__ == "numpy":
            return kind(text)  # type: ignore[call-arg]
        if kind is type and like.__module__ == "numpy":
            return _numpy_type(text, like)
    except (ValueError, KeyError, SyntaxError, TypeError, AttributeError, RuntimeError) as error:
        raise ProgramError(f"setting {name} takes {_expected(like)}, not {text!r}") from error
    raise ProgramError(f"setting {name} is bound to a {kind.__name__} in the script, which cannot be given as a text")


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        value = float(text)  # 1e3 is a whole number too
        if not value.is_integer():
            raise
        return int(value)


def _guess(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _torch_like(text: str, like: object) -> object:
    kind = type(like)
    if kind.__name__ == "device":
        return kind(text)  # type: ignore[call-arg]
    if kind.__name__ == "dtype":
        import sys

        value = getattr(sys.modules["torch"], text.removeprefix("torch."))
        if type(value) is kind:
            return value
    raise ValueError(text)


def _numpy_type(text: str, like: object) -> object:
    import sys

    value = getattr(sys.modules["numpy"], text.removeprefix("numpy.").removeprefix("np."))
    if isinstance(value, type):
        return value
    raise ValueError(text)


def _expected(like: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", complex: "a complex number"}
    return names.get(type(like), f"a {type(like).__name__}")


def _bindings(statement: ast.stmt) -> list[tuple[str, ast.expr | None]]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            return [pair for target in targets for pair in _pairs(target, value)]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return _pairs(target, value)
    return []


def _pairs(target: ast.expr, value: ast.expr | None) -> list[tuple[str, ast.expr | None]]:
    match target:
        case ast.Name(id=name):
            return [(name, value)]
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            values: list[ast.expr | None] = [None] * len(targets)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
                values = list(value.elts)
            return [pair for part, item in zip(targets, values, strict=True) for pair in _pairs(part, item)]
    return []


def _is_setting(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
        return True
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    text = ast.unparse(value)
    return text.startswith("torch.device(") or (
        text.startswith(("torch.", "np.", "numpy.")) and text.split(".")[-1] in _DTYPES
    )


_DTYPES = words(
    """float float16 float32 float64 double half bfloat16 int long int8 int16 int32 int64 complex64 complex128"""
)
