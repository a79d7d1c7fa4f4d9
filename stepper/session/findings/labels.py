"""What a person calls a value or a parameter, and what is said of a name that a record does not have: the ones that are
like it, else some that there are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from stepper.record import Parameter
from stepper.session.errors import Misuse

FEW = 5
KEY = re.compile(r"\[(['\"]?)([^\]]*)\1\]")
NAME = re.compile(r"[\w.]+(\[[^\]]*\][\w.]*)*")


def missing(label: str, labels: Sequence[str]) -> str:
    """One line on a label that is not among `labels`."""
    like = near(label, labels)
    if like:
        return f"no value '{label}' in this record; did you mean {_listed(like, 'or')}? .labels has all {len(labels)}"
    names = [each for each in labels if NAME.fullmatch(each)] or list(labels)
    more = len(labels) - len(names[:FEW])
    there = ", ".join(names[:FEW]) + (f" and {more} more, in .labels" if more else "")
    return f"no value '{label}' in this record; there are {there}" if labels else "this record has no values"


def named(target: str, parameters: Sequence[Parameter], names: Sequence[str]) -> list[Parameter]:
    """The parameters that are called so, those in what is called so (`net.0`, of `net.0.weight`), else those whose
    names begin so; all of them without names. Raises Misuse where a name is none."""
    wanted: set[str] = set()
    labels = [each.name for each in parameters]
    for name in names:
        asked = name.strip()
        path = _dotted(asked)  # of a module in a list: `blocks.0`, or `blocks[0]`
        inside = [label for label in labels if f"{_dotted(label)}.".startswith((f"{path}.", f"{path} ("))]
        found = (inside or [label for label in labels if label.startswith(asked)]) if asked else []
        if not found:
            like = near(asked, labels) if asked else []
            there = f"did you mean {_listed(like, 'or')}?" if like else f"there are {some(labels, FEW)}"
            raise Misuse(f"{target}: no parameter is called {asked or 'nothing but blanks'}; {there}")
        wanted.update(found)
    return [each for each in parameters if not names or each.name in wanted]


def _dotted(path: str) -> str:
    return KEY.sub(r".\2", path)


def some(names: Sequence[str], few: int) -> str:
    """The first `few` of these, and how many more there are."""
    more = len(names) - few
    return ", ".join(names[:few]) + (f" and {more} more" if more > 0 else "")


def near(label: str, labels: Sequence[str]) -> list[str]:
    """Labels that are like one in their letters, large or small, as a whole or in their last part; then those in which
    it occurs."""
    asked = label.casefold()
    forms: dict[str, list[str]] = {}
    for each in labels:
        for form in (each.casefold(), each.casefold().rpartition(".")[2]):
            forms.setdefault(form, []).append(each)
    close = [each for form in difflib.get_close_matches(asked, forms, FEW) for each in forms[form]]
    inside = sorted((each for each in labels if len(asked) > 1 and asked in each.casefold()), key=len)
    return list(dict.fromkeys(close + inside))[:FEW]


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
