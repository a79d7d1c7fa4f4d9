"""The debugger itself, without a face: lanes, cursor, run control, history.

The one door for the app, the headless commands, tests and notebooks. It knows the record and the protocol, and never
imports torch, numpy, the engines or the program's analysis.
"""

from stepper.session.breakpoints import NoStatement
from stepper.session.errors import Misuse, ScriptFailed
from stepper.session.navigation import Cursor, Place, Step
from stepper.session.options import Options
from stepper.session.session import Session, State

__all__ = ["Cursor", "Misuse", "NoStatement", "Options", "Place", "ScriptFailed", "Session", "State", "Step"]
