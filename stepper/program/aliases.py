"""Which statements only give one more name to what exists already. Pure: reads the text of a site."""

from __future__ import annotations

import re

from stepper.program.sites import Site

ITEM = r"[A-Za-z_][\w.]*(?:\[[^\]]*\][\w.]*)*"  # a name, attribute path or element
HEADS = ("for ", "async for ", "with ", "async with ", "except")
OPERATORS = tuple("+-*/%@&|^<>")
LITERAL = r"-?\d[\w.]*|None|True|False"
PART = rf"(?:{ITEM}|{LITERAL})"
ALIASES = re.compile(rf"\(?(?:(?:{LITERAL}),\s*)*{ITEM}(?:,\s*{PART})*,?\)?")  # `u, n = kept["u"], 0`, too
DISPLAY = re.compile(r"[(\[]?" + ITEM + r"(?:,\s*" + ITEM + r")+,?[)\]]?")  # `cache = (X, W, b)`
COPIES = re.compile(  # of a list or dict: `tried = weights[:]`
    rf"(?:list|dict|(?:copy\.)?copy)\({ITEM}\)|{ITEM}\.copy\(\)|{ITEM}\[:\]|\[\*{ITEM}\]|\{{\*\*{ITEM}\}}"
)
GATHERED = re.compile(r"\[" + ITEM + r"\s+for\s.*\]", re.DOTALL)  # `[x.data for x in inputs]`


def is_alias(site: Site) -> bool:
    """Whether a statement or result gives something that exists already one more name: `p = params[0]`, a loop's."""
    if site.kind == "statement":
        head, equals, source = site.text.partition("=")
        if not equals or head.startswith(HEADS):
            return site.text.startswith(HEADS)
        if head.endswith(OPERATORS) or head.count("(") > head.count(")"):
            return False  # `b += v` makes another number, or changes an array, as does `np.add(b, v, out=b)`
    else:
        source = site.text
    return bool(ALIASES.fullmatch(source.strip()))


def is_gathered(site: Site) -> bool:
    """Whether a statement puts what exists already into a new list: `xs = [x.data for x in inputs]`, `c = (x, w)`."""
    source = site.text.partition("=")[2].strip()
    return site.kind == "statement" and bool(GATHERED.fullmatch(source) or DISPLAY.fullmatch(source))


def is_copied(site: Site) -> bool:
    """Whether a statement makes a list or dict of its own of what another holds: `tried = weights.copy()`."""
    return site.kind == "statement" and bool(COPIES.fullmatch(site.text.partition("=")[2].strip()))
