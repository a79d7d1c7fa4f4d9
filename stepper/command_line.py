"""What was typed, before anything is parsed: enough to begin a complaint with the target, whatever is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_TARGET = "numpy"
COMMANDS = ("check", "config", "list", "run", "trace")
MODULE = "-m"
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
        return not self.own or " ".join(self.own) == self.target


def typed(words: Sequence[str]) -> Typed:
    """Cut a command line at the first `--` and find the target in what stands before it."""
    words = list(words)
    cut = words.index("--") if "--" in words else len(words)
    own = _command_first(_module_apart(words[:cut]))
    return Typed(own, tuple(words[cut + 1 :]), _target(own))


def _module_apart(own: Sequence[str]) -> tuple[str, ...]:
    """The same words, where a module's name is glued to its `-m`, as Python takes it too, with the two apart."""
    found: list[str] = []
    for word in own:
        found += [MODULE, word[2:].removeprefix("=")] if word.startswith(MODULE) and word != MODULE else [word]
    return tuple(found)


def _command_first(own: tuple[str, ...]) -> tuple[str, ...]:
    """The same words with the command in front, where options were typed before it."""
    at = _first_word(own)
    return own if at is None or own[at] not in COMMANDS else (own[at], *own[:at], *own[at + 1 :])


def _target(own: tuple[str, ...]) -> str | None:
    """The first word that is neither a command, nor an option, nor an option's value; or `-m` and what follows it."""
    if own[:1] in (("config",), ("list",)):
        return None
    rest = own[1:] if own[:1] and own[0] in COMMANDS else own
    if MODULE in rest[:-1]:
        return f"{MODULE} {rest[rest.index(MODULE) + 1]}"
    at = _first_word(rest)
    return rest[at] if at is not None else None


def _first_word(words: tuple[str, ...]) -> int | None:
    """Where the first word stands that is neither an option nor an option's value."""
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            return at
        takes_a_value = words[at] not in FLAGS and "=" not in words[at] and at + 1 < len(words)
        at += 2 if takes_a_value else 1
    return None


def as_typed(text: str) -> str:
    """What was typed, as a complaint names it, also where it is nothing but blanks."""
    return text if text.strip() else "an empty word"


def plain_line(text: str) -> str:
    """`text` in one line: whatever a name or a message may hold, a complaint is one line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
