"""A mistake planted into the backward pass of a script that has it by hand."""

from __future__ import annotations

import ast
import random
import re
from dataclasses import replace

from tests.fuzz.script import Script

MARK = "  # backward"
COMPUTED = re.compile(r"^(\s*)(return |[^=(]+ = )(?!backward\(|\w+\.backward\()(.+)$")
CHANGED = re.compile(r"^(\s*)\S.* ([-+*/]=|= 0$)")
WRONG = ("2 * ({})", "-({})", "0.5 * ({})", "3 * ({})", "1.1 * ({})")


def planted(script: Script) -> Script | None:
    """The script with one line of its backward pass wrong: what it computes scaled, or a change in place left out.

    None where there is no such line, or a gradient is not that of the loss to begin with.
    """
    chance = random.Random(script.seed)
    lines = script.text.split("\n")
    # Without a penalty's share a gradient is that of the loss before the penalty, which the check tells it is
    places = [number for number, line in enumerate(lines) if line.endswith(MARK) and "reg * " not in line]
    chance.shuffle(places)
    if "weight_decay" in script.text:
        return None
    for place in places:
        wrong = _wrong(lines[place].removesuffix(MARK), chance)
        if wrong:
            return replace(script, text="\n".join([*lines[:place], wrong + "  # wrong", *lines[place + 1 :]]))
    return None


def _wrong(line: str, chance: random.Random) -> str:
    if changed := CHANGED.match(line):
        return f"{changed[1]}pass"
    computed = COMPUTED.match(line)
    value = ast.parse(computed[3], mode="eval").body if computed else None
    if computed is None or isinstance(value, ast.Tuple):
        return ""
    wrong = chance.choice(WRONG)
    if isinstance(value, ast.ListComp):  # a list is scaled number by number
        value.elt = ast.parse(wrong.format(ast.unparse(value.elt)), mode="eval").body
        return computed[1] + computed[2] + ast.unparse(value)
    return computed[1] + computed[2] + wrong.format(computed[3])
