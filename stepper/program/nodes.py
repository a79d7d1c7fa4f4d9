"""Small pieces of generated syntax. Every generated node stands where the node it stands for stands.

Generated code uses reserved builtins only, so that no name of the script can hide them and no private-name mangling
reaches them.
"""

import ast
import types
from collections.abc import Callable, Iterable
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)

STATEMENT = "__stepper_statement__"
VALUE = "__stepper_value__"
BEFORE = "__stepper_before__"
OWNER = "__stepper_owner__"
KEY = "__stepper_key__"
DONE = "__stepper_done__"
ENTER = "__stepper_enter__"
CAUGHT = "__stepper_caught__"
ITERATION = "__stepper_iteration__"
RECORDING = "__stepper_recording__"
BESIDE = "__stepper_beside__"
ITERABLE = "__stepper_iterable__"
COUNTING = "__stepper_counting__"
SETTING = "__stepper_setting__"
LEAVE = "__stepper_leave__"
PASSED = "__stepper_passed__"
OVER = "__stepper_over__"
LEFT = "__stepper_left__"
AGAIN = "__stepper_again__"
BACKWARD = "__stepper_backward__"
LOSS = "__stepper_loss__"
LOSS_OF = "__stepper_loss_of__"
LOSS_HELD = "__stepper_loss_held__"
LOSS_SPARE = "__stepper_loss_spare__"
ARMED = "__stepper_armed__"
STOP = "__stepper_stop__"

PROBES = (
    STATEMENT,
    VALUE,
    BEFORE,
    OWNER,
    KEY,
    DONE,
    ENTER,
    CAUGHT,
    ITERATION,
    RECORDING,
    BESIDE,
    ITERABLE,
    COUNTING,
    SETTING,
    LEAVE,
    PASSED,
    OVER,
    LEFT,
    AGAIN,
    BACKWARD,
    LOSS,
    LOSS_OF,
    LOSS_HELD,
    LOSS_SPARE,
    ARMED,
    STOP,
)


def is_bare_constant(node: ast.stmt) -> bool:
    """A statement that does nothing: a docstring, an ellipsis."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def stop_flag(key: str) -> str:
    """The builtin that says whether to stop before the statements on a line; `key` names the line, see `Armed`."""
    return f"__stepper_stop_{key}__"


def at(node: N, place: ast.AST) -> N:
    """Give a generated node and all that is new inside it the location of `place`."""
    waiting: list[ast.AST] = [node]
    while waiting:
        child = waiting.pop()
        if "lineno" in child._attributes:
            if hasattr(child, "lineno"):
                continue  # it was placed with all that is inside it
            ast.copy_location(child, place)
        waiting.extend(ast.iter_child_nodes(child))
    return node


def head(place: ast.AST) -> ast.AST:
    """Where a compound statement begins, as a place for generated code that must not claim its body's lines."""
    spot = ast.Pass()
    spot.lineno = spot.end_lineno = place.lineno  # type: ignore[attr-defined]
    spot.col_offset = spot.end_col_offset = place.col_offset  # type: ignore[attr-defined]
    return spot


def name(identifier: str, place: ast.AST) -> ast.Name:
    """A name that is read."""
    return at(ast.Name(identifier, ast.Load()), place)


def call(probe: str, place: ast.AST, *arguments: ast.expr | int | str) -> ast.Call:
    """A call of a probe."""
    values = [ast.Constant(item) if isinstance(item, (int, str)) else item for item in arguments]
    if len(values) > 1 and isinstance(values[0], ast.Constant):
        # CPython 3.11 may run the load of this number and that of a local name behind it as one instruction, and
        # says of an unbound name that it stands where the number does.
        at(values[0], _first(values[1]))
    return at(ast.Call(ast.Name(probe, ast.Load()), values, []), place)


def _first(node: ast.AST) -> ast.AST:
    """The part of an expression that is evaluated first."""
    for field in ("left", "value", "func", "test"):
        part = getattr(node, field, None)
        if isinstance(part, ast.expr) and hasattr(part, "lineno"):
            return _first(part)
    return node


def statement(expression: ast.expr, place: ast.AST) -> ast.Expr:
    """An expression as a statement."""
    return at(ast.Expr(expression), place)


def choice(
    test: ast.expr, recorded: list[ast.stmt], armed: list[ast.stmt], plain: list[ast.stmt], place: ast.AST
) -> ast.If:
    """`recorded` where `test` holds, else where there are breakpoints `armed`, else `plain`: that behind one test only,
    and first, for what is jumped over costs time as well."""
    watched = ast.If(test, recorded, armed)
    off = ast.UnaryOp(ast.Not(), ast.Name(ARMED, ast.Load()))
    return at(ast.If(off, plain or [ast.Pass()], [watched]), place)


def decision(
    test: ast.expr, recorded: list[ast.stmt], armed: list[ast.stmt], plain: list[ast.stmt], place: ast.AST
) -> ast.If:
    """As `choice`, with a test that has to be made each time, and says anew what the flags are."""
    return at(ast.If(test, recorded, [ast.If(ast.Name(ARMED, ast.Load()), armed, plain)]), place)


def changed(node: N, **fields: object) -> N:
    """A copy of a node with some of its fields replaced; the children are shared."""
    new = type(node)(**{field: getattr(node, field) for field in node._fields if hasattr(node, field)})
    for field, value in fields.items():
        setattr(new, field, value)
    return ast.copy_location(new, node)


def rebuilt(node: N, child: Callable[[ast.AST], ast.AST], fields: Iterable[str] | None = None) -> N:
    """A copy of a node with `child` applied to its children; the node itself where nothing changed."""
    new: dict[str, object] = {}
    for field in node._fields if fields is None else fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            result = child(value)
            if result is not value:
                new[field] = result
        elif isinstance(value, list):
            results = [child(item) if isinstance(item, ast.AST) else item for item in value]
            if any(result is not item for result, item in zip(results, value, strict=True)):
                new[field] = results
    return changed(node, **new) if new else node


def is_list(node: ast.expr) -> bool:
    """Whether an expression is plainly a list: adding those makes a list of the same objects."""
    return isinstance(node, (ast.List, ast.ListComp)) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "list"
    )


def is_reference(node: ast.expr) -> bool:
    """Whether an expression hands on an object that exists, as far as its form tells."""
    match node:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return is_reference(body) and is_reference(orelse)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return bool(elements)
        case ast.Dict() | ast.ListComp() | ast.DictComp():
            return True
        case ast.Call():
            # Its roots are set only where the call hands an object on.
            return True
    return False


def is_nothing(operator: ast.operator, other: ast.expr) -> bool:
    """Whether nothing is left of a value by this operation with another: it is multiplied by a literal zero."""
    return isinstance(operator, ast.Mult) and isinstance(other, ast.Constant) and other.value in (0, 0.0)


def is_whole(index: ast.expr) -> bool:
    """Whether an index picks all there is: `[:]`, `[...]`."""
    match index:
        case ast.Slice(lower=None, upper=None, step=None) | ast.Constant(value=types.EllipsisType()):
            return True
    return False
