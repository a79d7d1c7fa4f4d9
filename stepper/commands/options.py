"""From the options as typed to the session's, with the checks that need no script."""

import re
from typing import Protocol

from stepper.command_line import as_typed
from stepper.session.errors import Misuse
from stepper.session.options import LARGEST_COUNT, LARGEST_MEMORY, MEMORY, Options
from stepper.session.whatif import what_if

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class HowToRun(Protocol):
    """The options that every command with a target takes, as the command line gives them."""

    @property
    def seed(self) -> int | None: ...
    @property
    def device(self) -> str | None: ...
    @property
    def preset(self) -> str | None: ...
    @property
    def settings(self) -> tuple[str, ...]: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def loop(self) -> str | None: ...
    @property
    def loss(self) -> str | None: ...
    @property
    def memory(self) -> str | None: ...
    @property
    def what_if(self) -> tuple[str, ...]: ...


def options_for(target: str, how: HowToRun, arguments: tuple[str, ...]) -> Options:
    """The session's options. Raises Misuse where `--memory` is no size, or `--what-if` no statement; the session looks
    at the rest."""
    return Options(
        seed=how.seed,
        device=how.device,
        preset=how.preset,
        settings=how.settings,
        threads=how.threads,
        loop=how.loop,
        loss=how.loss,
        arguments=arguments,
        memory=MEMORY if how.memory is None else bytes_of(target, how.memory),
        what_if=tuple(what_if(target, text) for text in how.what_if),
    )


def bytes_of(target: str, text: str) -> int:
    """A size as typed (`512M`, `2GiB`; K, M, G and T are powers of 1024) in bytes. Raises Misuse for anything else."""
    found = SIZE.fullmatch(text.strip())
    size = float(found[1]) * UNITS[found[2].lower()] if found is not None else 0
    if size < 1:
        raise Misuse(f"{target}: --memory must be a size such as 512M or 2G, not {as_typed(text)}")
    if size > LARGEST_MEMORY:
        raise Misuse(f"{target}: --memory is too large: at most {LARGEST_MEMORY >> 40}T, not {as_typed(text)}")
    return int(size)


def at_least_one(target: str, option: str, count: int | None) -> None:
    """Raise Misuse where a count is zero or negative, or no run can come to it."""
    if count is not None and count < 1:
        raise Misuse(f"{target}: {option} must be at least 1, not {count}")
    if count is not None and count > LARGEST_COUNT:
        raise Misuse(f"{target}: {option} is too large: at most 10^18, not {count}")


def iteration_number(target: str, text: str) -> int | None:
    """The iteration that `--iteration` names; None for the setup. Raises Misuse for anything else."""
    if text == "setup":
        return None
    if text.isdecimal() and (len(text) > len(str(LARGEST_COUNT)) or int(text) > LARGEST_COUNT):
        raise Misuse(f"{target}: --iteration is too large: at most 10^18, not {as_typed(text)}")
    if not text.isdecimal():
        raise Misuse(
            f"{target}: --iteration must be an iteration's number, counted from 0, or setup, not {as_typed(text)}"
        )
    return int(text)
