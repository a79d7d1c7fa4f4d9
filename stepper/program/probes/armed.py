"""The armed copy of a body: the plain one, able to stop before any of its statements.

What stands before a statement is the test of a flag of its line, a few nanoseconds; nothing is compiled anew when a
breakpoint is set. It stops wherever the recorded copy has a statement or a call.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from stepper.program import nodes
from stepper.program.probes.plain import Plain


@dataclass
class Armed(Plain):
    """Makes armed copies. `lines` are those on which it can stop, by their keys: the number, and `tag` before it, which
    tells the files apart."""

    tag: str = ""
    lines: dict[str, int] = field(default_factory=dict)

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """The armed copy of one statement, and what must follow it."""
        if isinstance(node, (ast.Global, ast.Nonlocal)) or nodes.is_bare_constant(node):
            return super().statement(node)
        return [self.stop(node), *super().statement(node)]

    def _part(self, item: object) -> object:
        new = super()._part(item)
        match new:
            case ast.ExceptHandler():
                return nodes.changed(new, body=[self.stop(new), *new.body])
            case ast.match_case():
                return nodes.changed(new, body=[self.stop(new.pattern), *new.body])
        return new

    def stop(self, node: ast.AST) -> ast.stmt:
        """What may stop before a statement, or where a function is entered."""
        line: int = node.lineno  # type: ignore[attr-defined]
        place = nodes.head(node)
        key = f"{self.tag}{line}"
        self.lines[key] = line
        halt = nodes.statement(nodes.call(nodes.STOP, place, key), place)
        return nodes.at(ast.If(ast.Name(nodes.stop_flag(key), ast.Load()), [halt], []), place)
