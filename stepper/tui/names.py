"""Long names in little room: what names share goes first, so that what tells them apart is seen. Pure.

`model.0.weight.grad` becomes `…0.weight.grad` where there is one model, and `exp_avg of model.0.weight` becomes
`exp_avg…0.weight`. Where that is too long, the parts before the last are abbreviated, from the left, as far as their
neighbours allow, and an ellipsis takes the place of the dot behind them: `model.1.attention.query.weight` becomes
`…1.att…query.weight`, then `…1.att…que…weight`. As many more letters are kept as there is
room for: `…1.atte…query.weight`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len

from stepper.tui import figures

ELLIPSIS = "…"
LETTERS, WORDS = 3, 6
"""Letters that an abbreviated part keeps as long as that is short enough, and those kept of what stands before it."""
ROUNDS = 3
"""Times that names which still look the same are told apart: those that begin alike, then those within them."""
GRADIENT = ".grad"
_LETTER = r"[^\Wᵀ₀-₉]"
_NUMBER = r"\d+\.\d\w*(?![\w.])"
_PATH = re.compile(rf"(?<![\w.])(?!{_NUMBER}){_LETTER}+(?:\.{_LETTER}+)+(?!{_LETTER}|[(.])")
"""A dotted path that is not called."""
_OF = re.compile(rf"(?<=[^\W\d]) of {ELLIPSIS}")
"""In `exp_avg of …`; not in `use 1 of …`."""

Tree = dict[str, "Tree"]


class Names:
    """The paths of attributes in some labels, as a tree."""

    def __init__(self, labels: Iterable[str]) -> None:
        tree: Tree = {}
        for label in labels:
            for path in _PATH.findall(label):
                branch = tree
                parts = path.removesuffix(GRADIENT).split(".")
                for part in parts if len(parts) > 1 else ():
                    branch = branch.setdefault(part, {})
        self._beginnings: dict[str, tuple[str, str]] = {}
        """What is left of each path's last part: readable, and as short as it can be."""
        self._measure("", tree)
        self._forms: dict[str, list[str]] = {}
        self._ways: dict[tuple[str, str], tuple[int, bool]] = {}
        """How many parts of a text are abbreviated in a form of it, and whether that is to be readable."""

    def _measure(self, path: str, branch: Tree) -> None:
        for part, inner in branch.items():
            whole = part.isdecimal() or (len(part) <= LETTERS and len(branch) > 1)  # `n…` says less than `net` takes
            least = len(part) if whole else 0 if len(branch) == 1 else 1
            short = _beginning(part, branch, least)
            self._beginnings[path + part] = (part[: max(LETTERS, len(short))] if short else "", short)
            self._measure(f"{path}{part}.", inner)

    def forms(self, text: str) -> list[str]:
        """`text`, without what its paths share with all others, then more and more abbreviated."""
        found = self._forms.get(text)
        if found is None:
            found = self._forms[text] = [text]
            deepest = max((path.count(".") for path in _PATH.findall(text)), default=-1)
            for count, readable in [(count, True) for count in range(deepest + 1)] + [(deepest, False)]:
                form = self._without(text, count, readable)
                if len(form) < len(found[-1]):
                    found.append(form)
                    self._ways[text, form] = count, readable
        return found

    def stretched(self, text: str, form: str, width: int) -> str:
        """A form of `text` with as many more letters in what is abbreviated as fit in `width` columns."""
        count, readable = self._ways.get((text, form), (0, True))
        longer = (self._without(text, count, readable, letters) for letters in range(width, 1, -1) if count)
        return next((each for each in longer if cell_len(each) <= width and len(each) > len(form)), form)

    def _without(self, text: str, count: int, readable: bool, letters: int = 0) -> str:
        def short(match: re.Match[str]) -> str:
            return self._short(match[0], count, readable, letters)

        return _OF.sub(ELLIPSIS, _PATH.sub(short, text))

    def fitted(self, text: str, width: int) -> str:
        """`text` in at most `width` columns: whole, or the longest form that fits, or cut in the middle."""
        forms = self.forms(text)
        cut = forms[-1].rfind(ELLIPSIS)  # where something is left out already
        head = cut if 0 < cut < width // 2 else None
        return next((form for form in forms if cell_len(form) <= width), figures.middle(forms[-1], width, head))

    def _short(self, path: str, count: int, readable: bool, letters: int) -> str:
        """`path` without what it shares with all others, and with its first `count` parts abbreviated, to `letters` if
        they need no more."""
        bare = path.removesuffix(GRADIENT)
        parts = bare.split(".")
        short, prefix = "", ""
        for index, part in enumerate(parts):
            prefix += part
            if prefix not in self._beginnings:
                return path
            kept = part if index == len(parts) - 1 else self._beginnings[prefix][0 if readable else 1]
            if kept and letters > len(kept):
                # an ellipsis for one letter hides it, and saves nothing
                kept = part if len(part) <= letters + 1 else part[:letters]
            text = part if kept and index >= count else kept
            dot = "." if short and not short.endswith(ELLIPSIS) else ""
            short += f"{dot}{text}" if text else "" if short.endswith(ELLIPSIS) else ELLIPSIS
            short += ELLIPSIS if text and text != part else ""
            prefix += "."
        if short.removeprefix(ELLIPSIS).isdecimal():
            return path  # a number alone says too little
        return short + path[len(bare) :]


def _beginning(part: str, neighbours: Iterable[str], least: int) -> str:
    """As much of `part`, and at least so many letters, as tells it from its neighbours."""
    others = [other for other in neighbours if other != part]
    enough = (end for end in range(least, len(part)) if not any(other.startswith(part[:end]) for other in others))
    return part[: next(enough, len(part))]


@lru_cache(maxsize=64)
def names_of(labels: tuple[str, ...]) -> Names:
    """The same for the same labels: most iterations have those of the one before."""
    return Names(labels)


def widths(labels: tuple[str, ...]) -> tuple[int, int]:
    """Columns that the longest of `labels` takes without what all share, and as short as it can be made."""
    forms = [names_of(labels).forms(label) for label in labels]
    without = max((cell_len(each[min(1, len(each) - 1)]) for each in forms), default=0)
    return without, max((cell_len(each[-1]) for each in forms), default=0)


@lru_cache(maxsize=64)
def shortened(labels: tuple[str, ...], width: int) -> dict[str, str]:
    """Each of `labels` in at most `width` columns, told apart as far as that can be."""
    names = names_of(labels)
    found: dict[str, str] = {}
    long: dict[str, list[str]] = {}
    for label in labels:
        forms = names.forms(label)
        fitting = next((form for form in forms if cell_len(form) <= width), None)
        if fitting is None:
            long[label] = forms
        else:
            found[label] = names.stretched(label, fitting, width)
    found |= _cut(long, set(found.values()), width)
    for _ in range(ROUNDS):
        alike: dict[str, list[str]] = {}
        for label, text in found.items():
            alike.setdefault(text, []).append(label)
        for group in alike.values():
            if len(group) > 1:
                found |= _told_apart(group, set(found.values()), width)
    return found


def _told_apart(labels: list[str], others: set[str], width: int) -> dict[str, str]:
    """Labels that all became one text, each from where they begin to differ: `…1.bias`, `…2.bias`. As many of them
    apart, from each other and from `others`, as can be; nothing where none is."""
    columns = enumerate(zip(*labels, strict=False))
    same = next((at for at, letters in columns if len(set(letters)) > 1), min(map(len, labels)))
    best: dict[str, str] = {}
    for head in range(1, max(2, width - 2)):
        texts = {label: _from_difference(label, same, head, width) for label in labels}
        if len(set(texts.values()) - others) > max(1, len(set(best.values()))):
            best = texts
    return best


def _from_difference(label: str, same: int, head: int, width: int) -> str:
    """The end of a label, as much as fits; where what differs lies before that, `head` columns of it and the end."""
    if cell_len(label[same:]) < width:
        start = next(at for at in range(same + 1) if cell_len(label[at:]) < width)
        return ELLIPSIS + label[start:]
    return ELLIPSIS + figures.middle(label[same:], width - 1, head)


def _cut(long: dict[str, list[str]], others: set[str], width: int) -> dict[str, str]:
    """What no abbreviation makes short enough loses part of what stands before its path, or else its middle, at the
    place that leaves most of them apart, from each other and from `others`."""

    def apart(cut: dict[str, str]) -> int:
        return len(set(cut.values()) - others)

    best = {label: _without_words(forms, width) for label, forms in long.items()}
    for head in sorted(range(1, max(2, width - 1)), key=lambda head: abs(head - width // 3)):
        if apart(best) == len(long):
            break
        cut = {label: figures.middle(forms[-1], width, head) for label, forms in long.items()}
        if apart(cut) > apart(best):
            best = cut
    return best


def _without_words(forms: list[str], width: int) -> str:
    for form in forms[1:]:
        words, ellipsis, path = form.partition(ELLIPSIS)
        room = width - cell_len(path) - 1
        if ellipsis and room >= WORDS:
            return figures.beginning(words, room) + ELLIPSIS + path
    return figures.middle(forms[-1], width)


def without_beginning(names: Sequence[str]) -> tuple[str, ...]:
    """`names` without the parts that all of them begin with: `model.linear1.weight` → `linear1.weight`."""
    while len(names) > 1 and all("." in name for name in names) and len({name.split(".")[0] for name in names}) == 1:
        names = [name.split(".", 1)[1] for name in names]
    return tuple(names)
