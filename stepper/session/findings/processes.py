"""That a script hands a function to other processes: what is trained there is not watched.

Pure: reads the texts of the script and of its modules.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

STARTING = frozenset(("spawn", "start_processes"))  # of `torch.multiprocessing`


def other_processes(texts: Mapping[str, str], script: str, relative: Callable[[str], str]) -> str:
    """What there is to say where no pass came, and a text hands a function to other processes; else nothing."""
    if not any("Process" in text or any(name in text for name in STARTING) for text in texts.values()):
        return ""
    trees = {path: ast.parse(texts[path]) for path in sorted(texts, key=lambda path: path != script)}
    defined = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for path, tree in trees.items():
        for line, function in _handed(tree, defined):
            where = f"line {line}" if path == script else f"{relative(path)}:{line}"
            own = "call it in the script itself to look into it"
            return f"{where} hands {function} to other processes, which are not watched: {own}"
    return ""


def _handed(tree: ast.Module, defined: set[str]) -> Iterator[tuple[int, str]]:
    """The lines that have another process run a function by its name: `Process(target=train)`, `mp.spawn(train)`; not
    `SeedSequence.spawn(n)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                named = {each.arg: each.value for each in keywords}
                if name == "Process":
                    function = named.get("target")
                elif name in STARTING:
                    function = args[0] if args else named.get("fn")
                else:
                    function = None
                match function:
                    case ast.Name(id=called) | ast.Attribute(attr=called) if called in defined:
                        yield node.lineno, ast.unparse(function)
