"""What data flow says of a script."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from stepper.program.instrument import LoopNode
from stepper.program.losses import Losses
from stepper.program.scopes import Scope, Script
from stepper.record.events import Phase, Role


@dataclass
class Known:
    flows: tuple[str, ...] = ()
    roles: dict[str, Role] = field(default_factory=dict)
    lines: dict[int, Phase] = field(default_factory=dict)
    uses_backward: bool = False

    def phase(self, statement: ast.AST) -> Phase | None:
        return None

    def role(self, scope: Scope, node: ast.AST) -> Role | None:
        return None

    def role_of_name(self, scope: Scope, name: str) -> Role | None:
        return None


def study(script: Script, losses: Losses, node: LoopNode | None) -> Known:
    uses = any(losses.backward_of(part) is not None for part in ast.walk(script.source.tree))
    return Known(uses_backward=uses)
