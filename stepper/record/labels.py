"""What a label says by its form alone, and how what a container holds is written. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache

_PATH = re.compile(
    r"[A-Za-z_][\w.]*(\[[^\]]*\][\w.]*)*"
)  # a name, attribute path or subscript: grads['w1'], self.w1.grad


_QUOTED = re.compile(r"""\[(["'])([^"'\\\]]*)\1\]""")


def subscript(key: object, quote: str = "'") -> str:
    """What is written behind a container to reach what it holds under a key, in these quotes."""
    return requoted(f"[{key!r}]", quote)


def requoted(label: str, quote: str = "'") -> str:
    """A label with its keys in these quotes, be they written in others: `params["w"]` as `params['w']`."""
    return _QUOTED.sub(rf"[{quote}\2{quote}]", label)


def quotes_in(labels: Iterable[str]) -> str:
    """The quotes that most keys are written in."""
    found = [match.group(1) for label in labels for match in _QUOTED.finditer(label)]
    return '"' if 2 * found.count('"') > len(found) else "'"


@lru_cache(maxsize=4096)
def is_path(label: str) -> bool:
    """Whether a label is a name, an attribute path or a subscript of one, and no longer expression."""
    return _PATH.fullmatch(label) is not None
