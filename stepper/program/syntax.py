"""What single nodes of a syntax tree say: the names that they bind, and what is at their root."""

from __future__ import annotations

import ast

Function = ast.FunctionDef | ast.AsyncFunctionDef

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BLOCKS = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
_SUSPENDING = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)


def is_property(function: Function) -> bool:
    """Whether a method is read like an attribute: it is called by that, and what it returns is not."""
    names = {ast.unparse(each).rpartition(".")[2] for each in function.decorator_list}
    return bool(names & {"property", "cached_property"})


def suspends(node: ast.AST) -> bool:
    """Whether what runs a statement may be left in its midst, and come back to: at a `yield` or an `await`."""
    if isinstance(node, _SUSPENDING) or (isinstance(node, ast.comprehension) and node.is_async):
        return True
    return not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)) and any(
        suspends(child) for child in ast.iter_child_nodes(node)
    )


def parameters(function: Function | ast.Lambda) -> list[str]:
    """The names of a function's parameters in the order of its signature."""
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if arguments.vararg:
        names.append(arguments.vararg.arg)
    names += [argument.arg for argument in arguments.kwonlyargs]
    if arguments.kwarg:
        names.append(arguments.kwarg.arg)
    return names


def target_names(target: ast.AST | None) -> list[str]:
    """The plain names that an assignment's target (or a pattern) binds, in source order."""
    match target:
        case ast.Name(id=name):
            return [name]
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [name for element in elements for name in target_names(element)]
        case ast.Starred(value=value):
            return target_names(value)
        case (
            ast.MatchAs()
            | ast.MatchStar()
            | ast.MatchMapping()
            | ast.MatchClass()
            | ast.MatchSequence()
            | ast.MatchOr()
        ):
            names: list[str] = []
            for child in ast.iter_child_nodes(target):
                names += target_names(child)
            rest = getattr(target, "rest", None) or getattr(target, "name", None)
            if isinstance(rest, str):
                names.append(rest)
            return list(dict.fromkeys(names))
    return []


# Methods of models, layers and the like that give the very object back.
GIVING_SELF = frozenset(
    [
        *("to", "cuda", "cpu", "double", "float", "half", "bfloat16", "type"),
        *("eval", "train", "fit", "compile", "share_memory", "requires_grad_", "apply"),
    ]
)


def assigned(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """What an assignment to one target binds to what, taken apart: `net, criterion = Net(), MSELoss()`."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def constructor(call: ast.Call) -> ast.Call:
    """The first call of a chain that hands one object on: `Net(3)` of `Net(3).to(device).double()`.

    What other methods give (`StandardScaler().fit_transform(x)`) is something else.
    """
    while (
        isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call) and call.func.attr in GIVING_SELF
    ):
        call = call.func.value
    return call


def path_root(node: ast.AST) -> ast.Name | None:
    """The name at the root of a pure attribute path (`self` of `self.layer.w`), None for anything else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def unwrapped(iterable: ast.expr) -> ast.expr:
    """The collection itself, of one that is gone through in another order, or as a copy: `W` of `reversed(list(W))`."""
    while isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) and iterable.args:
        if iterable.func.id not in ("reversed", "tqdm", "list", "tuple", "sorted"):
            break
        iterable = iterable.args[0]
    return iterable
