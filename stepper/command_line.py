"""What was typed, before anything is parsed: enough to begin a complaint with the target, whatever is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_TARGET = "numpy"
COMMANDS = ("config", "list", "run", "trace")
FLAGS = frozenset({"--help", "-h", "--version", "--output", "--values"})


@dataclass(frozen=True)
class Typed:
    """A command line, cut at the first `--`: stepper's `own` words, and the script's arguments behind it."""

    own: tuple[str, ...]
    script_arguments: tuple[str, ...]
    target: str | None

    @property
    def opens_the_app(self) -> bool:
        """Whether there is nothing but a target, or nothing at all."""
        return not self.own or (len(self.own) == 1 and self.own[0] == self.target)


def typed(words: Sequence[str]) -> Typed:
    """Cut a command line at the first `--` and find the target in what stands before it."""
    words = list(words)
    cut = words.index("--") if "--" in words else len(words)
    own = tuple(words[:cut])
    return Typed(own, tuple(words[cut + 1 :]), _target(own))


def _target(own: tuple[str, ...]) -> str | None:
    """The first word that is neither a command, nor an option, nor an option's value."""
    if own[:1] in (("config",), ("list",)):
        return None
    rest = list(own[1:] if own[:1] and own[0] in COMMANDS else own)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            return word
        if word not in FLAGS and "=" not in word and rest:
            rest.pop(0)
    return None


def plain_line(text: str) -> str:
    """`text` in one line: whatever a name or a message may hold, a complaint is one line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
