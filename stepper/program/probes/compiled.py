"""Instrumented syntax made into code."""

import ast
import warnings
from types import CodeType

from stepper.program.errors import ProgramError
from stepper.program.source import Source


def compiled(tree: ast.Module, source: Source) -> CodeType:
    """The code of an instrumented file. Raises ProgramError where it is no Python."""
    try:
        with warnings.catch_warnings():
            # Plain Python warns of each doubtful literal once; two copies would warn twice.
            warnings.simplefilter("ignore", SyntaxWarning)
            return compile(tree, source.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ProgramError(f"syntax error in {source.path}:{error.lineno}: {error.msg}") from error
