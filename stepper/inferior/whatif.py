"""What if: a statement of the person's own, `lr = 0.1`, carried out at the head of one iteration.

It runs in the frame that the training loop runs in, as if it stood there as the first statement of that pass: without
gradients, so that parameters can be set in place, and unrecorded. It may set the names and attributes that there are,
and adds none: a misspelt one would change nothing, in silence. What it sets and reads again is its own.
"""

from __future__ import annotations

import ast
import builtins
import ctypes
import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FrameType

from stepper.engines.base import Engine, having
from stepper.inferior.ours import is_ours
from stepper.inferior.protocol import WhatIf
from stepper.inferior.recording.scalars import describe_error
from stepper.inferior.refusal import Refusal

PLACE = "<what if>"
"""The file that a traceback says such a statement is in."""


class WhatIfs:
    """The statements of one run. While `aside`, nothing that the script's code does counts."""

    def __init__(
        self, what_ifs: Sequence[WhatIf], engines: Sequence[Engine], aside: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._left = sorted(
            what_ifs, key=lambda each: each.iteration
        )  # of one iteration in the order they were given in
        self._engines = engines
        self._aside = aside

    @property
    def next(self) -> int | None:
        """The iteration that the next one is for; None where there is none."""
        return self._left[0].iteration if self._left else None

    def forked(self) -> None:
        """In a process that the script forked: what that trains by itself is not the run that the statements are of."""
        self._left.clear()

    def carry_out(self, iteration: int) -> None:
        """On the script's thread, at the head of an iteration: carry out what is to be. Raises Refusal."""
        while self._left and self._left[0].iteration <= iteration:
            what_if = self._left.pop(0)
            try:
                self._carry_out(what_if, _innermost_of_script(sys._getframe(1)))
            except (Exception, SystemExit) as error:  # it is not the script that leaves
                raise Refusal(f"--what-if {what_if.iteration}: {what_if.statement}: {describe_error(error)}") from None

    def _carry_out(self, what_if: WhatIf, frame: FrameType) -> None:
        tree = ast.parse(what_if.statement, PLACE)
        held = {**frame.f_globals, **frame.f_locals}
        known = {*held, *frame.f_code.co_varnames, *frame.f_code.co_cellvars}
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for target in _set_by(tree):
            if isinstance(target, ast.Name) and target.id not in known | read:
                raise NameError(
                    f"the script has no name {target.id!r} there that could be set{_meant(target.id, known)}"
                )
        space = {**held, "__builtins__": builtins}
        with ExitStack() as stack:
            stack.enter_context(self._aside())
            for engine in having(self._engines, "neutral"):
                stack.enter_context(engine.neutral())
            for target in _set_by(tree):
                if isinstance(target, ast.Attribute):
                    _check_attribute(target, space)
            exec(compile(tree, PLACE, "exec"), space)
        _put_back(
            frame, {name: space[name] for name in known & space.keys() if space[name] is not held.get(name, space)}
        )


def _innermost_of_script(frame: FrameType | None) -> FrameType:
    """The frame of the script's own that called us."""
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    assert frame is not None
    return frame


def _set_by(tree: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    """The names and attributes that assignments set. What a loop or an import binds is the statement's own business."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign():
                targets = node.targets
            case ast.AugAssign() | ast.AnnAssign() | ast.NamedExpr():
                targets = [node.target]
        for each in (part for target in targets for part in ast.walk(target)):
            if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Store):
                yield each


def _check_attribute(target: ast.Attribute, space: dict[str, object]) -> None:
    """Raises AttributeError where what a path of the script's leads to has no such attribute."""
    parts: ast.expr = target.value
    while isinstance(parts, ast.Attribute):
        parts = parts.value
    if not isinstance(parts, ast.Name) or parts.id not in space:
        return  # what a call gives, or what the statement has set itself
    path = ast.unparse(target.value)
    owner = eval(path, space)
    try:
        inspect.getattr_static(owner, target.attr)
    except AttributeError:
        if not hasattr(owner, target.attr):  # as of a module's parameters
            meant = _meant(target.attr, dir(owner))
            raise AttributeError(f"{path} has no attribute {target.attr!r} that could be set{meant}") from None


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, [each for each in known if not each.startswith("_")])
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _put_back(frame: FrameType, changed: dict[str, object]) -> None:
    """Give names of a frame, or else of its module, other values."""
    own = frame.f_locals
    code = frame.f_code
    names = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    for name, value in changed.items():
        if own is frame.f_globals or name in names:
            own[name] = value
        else:
            frame.f_globals[name] = value
    if own is not frame.f_globals and sys.version_info < (3, 13):  # where `f_locals` is but a copy (PEP 667)
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
