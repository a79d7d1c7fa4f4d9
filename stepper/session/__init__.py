"""The debugger itself, without a face: lanes, cursor, run control, history.

The one door for the app, the headless commands, tests and notebooks. It knows the record and the protocol, and never
imports torch, numpy, the engines or the program's analysis. What is named here is loaded when it is first asked for,
so that a command can read its options or complain without it. `findings` says what records tell, without any process;
`check` compares gradients.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepper.session.breakpoints import NoStatement
    from stepper.session.errors import Misuse, ScriptFailed
    from stepper.session.expressions import NotAnExpression
    from stepper.session.findings.navigation import Cursor, Place, Step
    from stepper.session.lane import LaneLost
    from stepper.session.options import Options
    from stepper.session.session import Session, State

__all__ = [
    "Cursor",
    "LaneLost",
    "Misuse",
    "NoStatement",
    "NotAnExpression",
    "Options",
    "Place",
    "ScriptFailed",
    "Session",
    "State",
    "Step",
]

_MODULES = {
    **dict.fromkeys(("NoStatement",), "breakpoints"),
    **dict.fromkeys(("Misuse", "ScriptFailed"), "errors"),
    **dict.fromkeys(("NotAnExpression",), "expressions"),
    **dict.fromkeys(("LaneLost",), "lane"),
    **dict.fromkeys(("Cursor", "Place", "Step"), "findings.navigation"),
    **dict.fromkeys(("Options",), "options"),
    **dict.fromkeys(("Session", "State"), "session"),
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
