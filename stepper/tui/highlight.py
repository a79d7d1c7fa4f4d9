"""Python source, one row of coloured pieces a line. Uses the standard library's tokenizer, which is loaded already."""

import builtins
import io
import keyword
import re
import token
import tokenize

from stepper.terminal_text import TAB, each_visible

Piece = tuple[str, str]
"""Text, and its part of the syntax: keyword, string, number, comment, function, builtin, operator, or nothing."""

LINE_END = re.compile(r"\r\n|\r|\n")
"""What the tokenizer takes for one; str.splitlines knows more."""
_BUILTINS = frozenset(dir(builtins))
_FSTRING = frozenset(
    number for name, number in vars(token).items() if name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
)


def highlight(source: str) -> list[tuple[Piece, ...]]:
    """The lines of `source`, tabs expanded. What cannot be tokenized is left plain."""
    lines = [each_visible(line.expandtabs(TAB)) for line in LINE_END.split(source)]
    if not lines[-1]:  # behind the last line's end
        lines.pop()
    parts: list[list[Piece]] = [[] for _ in lines]
    ends = [0] * len(lines)

    def put(row: int, start: int, end: int, part: str) -> None:
        if not 0 <= row < len(lines) or end <= ends[row]:
            return
        start = max(start, ends[row])
        if start > ends[row]:
            parts[row].append((lines[row][ends[row] : start], ""))
        parts[row].append((lines[row][start:end], part))
        ends[row] = end

    try:
        previous = ""
        tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline))
        for index, item in enumerate(tokens):
            following = tokens[index + 1].string if index + 1 < len(tokens) else ""
            part = _part(item, previous, following)
            if part:
                (first, left), (last, right) = item.start, item.end
                for row in range(first - 1, last):
                    width = len(lines[row]) if row < len(lines) else 0
                    put(row, left if row == first - 1 else 0, right if row == last - 1 else width, part)
            previous = item.string
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest stays plain: a source that does not parse is still shown
    for row, line in enumerate(lines):
        if ends[row] < len(line):
            parts[row].append((line[ends[row] :], ""))
    return [tuple(pieces) for pieces in parts]


def column(source: str, line: int, place: int) -> int:
    """Where a column of a line of `source`, counted from 1, stands in its pieces."""
    if "\t" not in source:
        return place
    lines = LINE_END.split(source)
    return len(lines[line - 1][:place].expandtabs(TAB)) if line <= len(lines) else place


def _part(item: tokenize.TokenInfo, previous: str, following: str) -> str:
    if item.type == token.NAME:
        if keyword.iskeyword(item.string):
            return "keyword"
        if previous in ("def", "class") or (following == "(" and item.string not in _BUILTINS):
            return "function"
        return "builtin" if item.string in _BUILTINS and previous != "." else ""
    if item.type == token.STRING or item.type in _FSTRING:
        return "string"
    if item.type == token.NUMBER:
        return "number"
    if item.type == tokenize.COMMENT:
        return "comment"
    return "operator" if item.type == token.OP and item.string not in "()[]{},.:" else ""
