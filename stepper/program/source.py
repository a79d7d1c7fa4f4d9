"""A script's text and syntax tree: parsing, and the text and span of a node in characters.

Knows nothing of loops, probes or data flow.
"""

import ast
import io
import sys
import tokenize
import warnings
from dataclasses import dataclass

from stepper.program.errors import ProgramError


@dataclass(frozen=True)
class Span:
    """Lines count from 1, columns from 0 in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Source:
    """A parsed script, or module; `package` is the package that it lies in, or is."""

    def __init__(self, text: str, path: str, package: str = "") -> None:
        self.text = text
        self.path = path
        self.package = package
        # The tokenizer knows these line ends only; str.splitlines knows more.
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.tree = self._parse()
        # Before Python 3.12 the columns of what stands inside an f-string are not those of the file.
        self._inside_strings: set[int] = set()
        if sys.version_info < (3, 12):
            for string in ast.walk(self.tree):
                if isinstance(string, ast.JoinedStr):
                    self._inside_strings.update(id(node) for node in ast.walk(string) if node is not string)

    def _parse(self) -> ast.Module:
        if "\0" in self.text:
            raise ProgramError("not Python: the file has null bytes")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about doubtful literals: not ours to repeat
                tree = ast.parse(self.text, self.path)
                # Some syntax errors (`return` outside a function) are found by the compiler only.
                compile(tree, self.path, "exec", dont_inherit=True)
        except SyntaxError as error:
            line = error.lineno if error.lineno is not None else 1
            raise ProgramError(f"syntax error in {self.path}:{line}: {error.msg}") from error
        except (ValueError, UnicodeError) as error:
            raise ProgramError(f"not Python: {error}") from error
        except (RecursionError, MemoryError) as error:
            raise ProgramError("not Python that can be compiled: it is nested too deeply") from error
        return tree

    def column(self, line: int, offset: int) -> int:
        """The column in characters of a byte offset of the syntax tree."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))

    def span(self, node: ast.AST) -> Span:
        """Where a node stands; of a compound statement only its head."""
        line, column = node.lineno, self.column(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end_line, end_offset = _head_end(node)
        if end_line is None:
            text = self.lines[line - 1].split("#")[0].rstrip() if line <= len(self.lines) else ""
            return Span(line, column, line, max(len(text.removesuffix(":").rstrip()), column))
        return Span(line, column, end_line, self.column(end_line, end_offset))

    def between(self, span: Span) -> str:
        """The text of a span on one line, its white space as in the source within a line."""
        if not 0 < span.line <= span.end_line <= len(self.lines):
            return ""
        if span.line == span.end_line:
            return self.lines[span.line - 1][span.column : span.end_column]
        parts = [self.lines[span.line - 1][span.column :]]
        parts += self.lines[span.line : span.end_line - 1]
        parts.append(self.lines[span.end_line - 1][: span.end_column])
        return " ".join(part.strip() for part in parts)

    def of(self, node: ast.AST) -> str:
        """A node's source text on one line; of a compound statement only its head."""
        if id(node) in self._inside_strings:
            return ast.unparse(node)
        return self.between(self.span(node))


def _head_end(node: ast.AST) -> tuple[int | None, int]:
    """Where a compound statement's head ends (byte offset); (None, 0) where that is simply its first line's end."""
    last: ast.AST | None = node
    match node:
        case ast.For() | ast.AsyncFor():
            last = node.iter
        case ast.While() | ast.If():
            last = node.test
        case ast.Match():
            last = node.subject
        case ast.With() | ast.AsyncWith():
            last = node.items[-1].optional_vars or node.items[-1].context_expr
        case ast.ExceptHandler():
            last = None
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Try() | ast.TryStar():
            last = None
    if last is None:
        return None, 0
    return last.end_lineno, last.end_col_offset  # type: ignore[attr-defined]


def decode(data: bytes) -> str:
    """A script's bytes as text, by Python's own rules (byte order mark, coding line). Raises ProgramError."""
    if b"\0" in data:
        raise ProgramError("not Python: the file has null bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=None).read()
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise ProgramError(f"not Python: {error}") from error
