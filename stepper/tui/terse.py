"""Fewer bytes for the same screen: of each style only what differs from the one before is sent.

Textual ends every piece of text with a reset, and begins the next with all of its style. In a heat map most pieces are
one character long, and only the background changes.

Source of the codes: ECMA-48, "SGR, Select Graphic Rendition", and for 38 and 48 with `2;R;G;B` or `5;N` ISO 8613-6.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.driver import Driver

SGR = re.compile("\x1b\\[([0-9;]*)m")
LENGTHS = {"2": 5, "5": 3}
"""Parameters of an extended colour, by how it is given."""


class Look(NamedTuple):
    """Parameters of the foreground, the background, and all else that was set since the last reset."""

    front: str = ""
    back: str = ""
    other: str = ""


PLAIN = Look()


def terse(data: str) -> str:
    """What looks the same as `data` on any terminal, which is left as a reset leaves it before and after."""
    parts = SGR.split(data)
    sent = [parts[0]]
    now = wanted = PLAIN
    for parameters, text in zip(parts[1::2], parts[2::2], strict=True):
        wanted = _after(wanted, parameters)
        if text:
            if now != wanted:
                sent.append(_change(now, wanted))
                now = wanted
            sent.append(text)
    if now != wanted:
        sent.append(_change(now, wanted))
    return "".join(sent)


@lru_cache(maxsize=4096)
def _after(look: Look, parameters: str) -> Look:
    """How text looks after an SGR."""
    codes = (parameters or "0").split(";")
    while codes:
        code = codes[0] or "0"
        size = LENGTHS.get(codes[1], 1) if code in ("38", "48") and len(codes) > 1 else 1
        taken, codes = ";".join([code, *codes[1:size]]), codes[size:]
        if code == "0":
            look = PLAIN
        elif code == "38" or code[:-1] in ("3", "9"):
            look = look._replace(front=taken)
        elif code == "48" or code[:-1] in ("4", "10"):
            look = look._replace(back=taken)
        else:
            look = look._replace(other=f"{look.other};{taken}" if look.other else taken)
    return look


@lru_cache(maxsize=4096)
def _change(now: Look, wanted: Look) -> str:
    """The SGR that leads from one look to another."""
    if wanted == PLAIN or (now.other and now.other != wanted.other):
        codes: tuple[str, ...] = ("0", wanted.other, wanted.front, wanted.back)
    else:
        codes = (
            wanted.other if now.other != wanted.other else "",
            (wanted.front or "39") if now.front != wanted.front else "",
            (wanted.back or "49") if now.back != wanted.back else "",
        )
    return "\x1b[" + ";".join(filter(None, codes)) + "m"


def terse_driver(base: type[Driver]) -> type[Driver]:
    """The same driver, with less to say."""

    class Terse(base):  # type: ignore[misc, valid-type]
        def write(self, data: str) -> None:
            super().write(terse(data))

    return Terse
