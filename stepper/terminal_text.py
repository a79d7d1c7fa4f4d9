"""Text of a script, made fit to be shown: without what a terminal would obey.

What a script prints, names or raises may hold escape sequences and other control characters. Sent to the terminal as
they are, they would move the cursor, clear the screen or change its colours under whatever is drawn there.

Source of the forms of the sequences: ECMA-48, 5.3 to 5.6 (C0, C1, control strings) and 5.4 (control sequences).
"""

import re

TAB = 4
"""Columns from one tab stop to the next."""
WIDEST = 4000
"""Columns to the right of which no sequence moves the cursor: a number in it must not cost memory."""

_CSI = r"(?:\x1b\[|\x9b)(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~]?)"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
_SHORT = r"\x1b[ -/]*[0-~]?"
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""C0, DEL and C1, what parts lines other than by a line feed, and what turns the direction of writing."""
_SEQUENCE = re.compile(f"{_CSI}|{_STRING}|{_SHORT}")
_BLANK = re.compile(r"\r(?!\n)|[\t\v\f\x85\u2028\u2029]")
_CONTROL = re.compile(rf"(?!\n)[{_UNSEEN}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STEP = re.compile(rf"{_CSI}|{_STRING}|{_SHORT}|(?P<control>[{_UNSEEN}])|(?P<text>[^{_UNSEEN}]+)")


def visible(text: str) -> str:
    """`text` without sequences and control characters; line feeds stay, other white space becomes a blank."""
    if text.isprintable():
        return text
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", _BLANK.sub(" ", _SEQUENCE.sub("", text))))


def each_visible(text: str) -> str:
    """`text` of source code, each control character but the line feed shown as one character: columns stay as they are.

    Those of C0 and DEL by their pictures (Unicode, "Control Pictures"), the rest by the replacement character.
    """
    return text if text.isprintable() else _SURROGATE.sub("\ufffd", _CONTROL.sub(_picture, text))


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\t\f\r":
        return " "
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def printed(text: str) -> list[str]:
    """The lines that a terminal would have left of `text`, printed by itself: a progress bar in its last state.

    Honours carriage return, backspace, tab, and the sequences that move within these lines or erase in one. Nothing
    is forgotten for the sake of others: what clears the screen leaves what was printed before it.
    """
    if text.isprintable():
        return [text] if text else []
    page = _Page()
    for found in _STEP.finditer(text):
        if found["text"] is not None:
            page.write(_SURROGATE.sub("\ufffd", found["text"]))
        elif found["control"] is not None:
            page.control(found["control"])
        elif found["final"]:
            page.sequence(found["final"], found["numbers"])
    return page.lines()


class _Page:
    """Lines, and where the next character goes."""

    def __init__(self) -> None:
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0
        self._rose = False

    def write(self, text: str) -> None:
        line = self._lines[self._row]
        if len(line) < self._column:
            line += " " * (self._column - len(line))
        line[self._column : self._column + len(text)] = text
        self._column += len(text)

    def control(self, sign: str) -> None:
        if sign in "\n\v\f\x85\u2028\u2029":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._lines):
                self._lines.append([])
        elif sign == "\r":
            self._column = 0
        elif sign == "\b":
            self._column = max(0, self._column - 1)
        elif sign == "\t":
            self.write(" " * (TAB - self._column % TAB))

    def sequence(self, final: str, numbers: str) -> None:
        """A control sequence. Its names in ECMA-48: CUU, CUD, CUF, CUB, CNL, CPL, CHA, and EL."""
        first = numbers.split(";")[0]
        given = min(int(first[:9]), WIDEST) if first.isascii() and first.isdigit() else 0
        count = max(1, given)
        if final in "AF":
            self._row, self._rose = max(0, self._row - count), True
        elif final in "BE":
            self._row = min(len(self._lines) - 1, self._row + count)
        elif final == "C":
            self._column = min(WIDEST, self._column + count)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final == "G":
            self._column = count - 1
        elif final == "K":
            self._erase(given)
        if final in "EF":
            self._column = 0

    def _erase(self, part: int) -> None:
        """Erase in the line: what follows the cursor (0), what stands before it and at it (1), or all (2)."""
        line = self._lines[self._row]
        if part == 1:
            end = min(len(line), self._column + 1)
            line[:end] = " " * end
        else:
            del line[0 if part == 2 else self._column :]

    def lines(self) -> list[str]:
        """What is there. A line that nothing was written to behind the last line feed is none; neither are blank ones
        at the top that were only passed on the way down, and up again."""
        found = ["".join(line) for line in self._lines]
        if not found[-1].strip():
            found.pop()
        while self._rose and found and not found[0].strip():
            del found[0]
        return found
