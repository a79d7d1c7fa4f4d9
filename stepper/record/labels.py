"""What a label says by its form alone. Pure."""

import re
from functools import lru_cache

_PATH = re.compile(
    r"[A-Za-z_][\w.]*(\[[^\]]*\][\w.]*)*"
)  # a name, attribute path or subscript: grads['w1'], self.w1.grad


@lru_cache(maxsize=4096)
def is_path(label: str) -> bool:
    """Whether a label is a name, an attribute path or a subscript of one, and no longer expression."""
    return _PATH.fullmatch(label) is not None
