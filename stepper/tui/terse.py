"""Fewer bytes for the same screen: of each style only what differs from the one before is sent.

Textual ends every piece of text with a reset, and begins the next with all of its style. In a heat map most pieces are
one character long, and only the background changes.

Source of the codes: ECMA-48, "SGR, Select Graphic Rendition" and "CUP, Cursor Position", and for 38 and 48 with
`2;R;G;B` or `5;N` ISO 8613-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

LINK_END = "\x1b]8;;\x1b\\"
LENGTHS = {"2": 5, "5": 3}
"""Parameters of an extended colour, by how it is given."""


class Look(NamedTuple):
    """Parameters of the foreground, the background, and all else that was set since the last reset."""

    front: str = ""
    back: str = ""
    other: str = ""


PLAIN = Look()


def terse(places: Sequence[tuple[int, int, Strip]], colours: ColorSystem) -> str:
    """Strips, each at a column and a row of the screen, as a terminal is sent them that a reset has come before; one is
    left behind."""
    sent: list[str] = []
    now = ""
    known: dict[int, tuple[str, str]] = {}  # by the identity of a style, whose hash costs as much as all else
    for x, y, strip in places:
        sent.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, _ in strip:
            found = known.get(id(style))
            if found is None:
                found = known[id(style)] = _rendered(style, colours)
            wanted, link = found
            if now != wanted and text:
                sent.append(_change(now, wanted))
                now = wanted
            sent.append(f"{link}{text}{LINK_END}" if link else text)
    if now:
        sent.append(_change(now, ""))
    return "".join(sent)


def _rendered(style: Style | None, colours: ColorSystem) -> tuple[str, str]:
    """The parameters of a style, and what begins its link, where it has one."""
    if style is None:
        return "", ""
    return Strip.render_ansi(style, colours), f"\x1b]8;id={style.link_id};{style.link}\x1b\\" if style.link else ""


@lru_cache(maxsize=4096)
def _look(parameters: str) -> Look:
    """How text looks after an SGR with these parameters, and a reset before it."""
    look = PLAIN
    codes = parameters.split(";") if parameters else []
    while codes:
        code = codes[0]
        size = LENGTHS.get(codes[1], 1) if code in ("38", "48") and len(codes) > 1 else 1
        taken, codes = ";".join(codes[:size]), codes[size:]
        if code == "38" or code[:-1] in ("3", "9"):
            look = look._replace(front=taken)
        elif code == "48" or code[:-1] in ("4", "10"):
            look = look._replace(back=taken)
        else:
            look = look._replace(other=f"{look.other};{taken}" if look.other else taken)
    return look


@lru_cache(maxsize=4096)
def _change(before: str, after: str) -> str:
    """The SGR that leads from one look to another, both given by their parameters."""
    now, wanted = _look(before), _look(after)
    if wanted == PLAIN or (now.other and now.other != wanted.other):
        codes: tuple[str, ...] = ("0", wanted.other, wanted.front, wanted.back)
    else:
        codes = (
            wanted.other if now.other != wanted.other else "",
            (wanted.front or "39") if now.front != wanted.front else "",
            (wanted.back or "49") if now.back != wanted.back else "",
        )
    return "\x1b[" + ";".join(filter(None, codes)) + "m"
