"""A random script while it is written, and what it says of itself in comments.

- `# truth: LOSS, NAME=(VALUE, GRADIENT), ...` stands once in an iteration, before the update: expressions that give the
  loss, each parameter, and its gradient (or several, each of which may be told as the one that the update used).
  A loss of `...` is not compared, and None says that there is none.
- `# forward`, `# loss`, `# backward` or `# update` at the end of a line is the phase of its statement.
- `# role activation: z0; a0` says what values of these labels are.
- `# gated: z` says that a ReLU of what is called z has its gate, and both gradients, where z has numbers of both signs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

TRUTH = re.compile(r"^( *)# truth: (.*)$", re.MULTILINE)
ROLE = re.compile(r"^# role (\w+): (.*)$", re.MULTILINE)
GATED = re.compile(r"^# gated: (.*)$", re.MULTILINE)
PHASE = re.compile(r"  # (forward|loss|backward|update)$")


@dataclass(frozen=True)
class Script:
    """A finished script."""

    family: str
    seed: int
    text: str

    @property
    def name(self) -> str:
        """A file's name for it."""
        return f"{self.family.replace('-', '_')}_{self.seed}.py"

    @property
    def phases(self) -> dict[int, str]:
        """The phases of lines, counted from 1, that have one."""
        found = ((number, PHASE.search(line)) for number, line in enumerate(self.text.splitlines(), 1))
        return {number: match[1] for number, match in found if match}

    @property
    def gated(self) -> list[str]:
        """The labels of what goes into a ReLU."""
        return [label for match in GATED.finditer(self.text) for label in match[1].split("; ")]

    @property
    def roles(self) -> dict[str, str]:
        """The roles of labels that have one."""
        return {label: match[1] for match in ROLE.finditer(self.text) for label in match[2].split("; ")}


class Pen:
    """Writes a script, line by line, and draws what is left to chance. `device` is where its tensors are."""

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.random = random.Random(seed)
        self.device = device
        self._lines: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def line(self, text: str, phase: str = "") -> None:
        """One line, or several, at the depth of the block it stands in."""
        for each in text.split("\n"):
            self._lines.append("    " * self._depth + each + (f"  # {phase}" if phase else ""))

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is written meanwhile belongs to `head`: `for t in range(3):`."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def role(self, role: str, labels: Sequence[str]) -> None:
        if labels:
            self._lines.insert(0, f"# role {role}: {'; '.join(labels)}")

    def pick(self, *options: T) -> T:
        return self.random.choice(options)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability
