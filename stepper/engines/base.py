"""The base class of engines: what stepper asks of an implementation style. Small enough to read in one sitting.

An engine says which values are its own, keeps copies of them, describes and pictures the copies, and, while an
iteration is recorded, adds what only it can see (gradients inside a backward pass, the layers inside a model). It
observes; a run with an engine's hooks gives the same bits as a run without.

A third party's engine is a class named in the entry-point group `stepper.engines`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from stepper.record import Array, Kind, Region, Role, Summary, When, Window


class Observer(Protocol):
    """What a recording offers to the hooks of an engine."""

    def note(self, label: str, role: Role, when: When, value: Any) -> None:
        """Add a value to the event that is happening now (the innermost open one)."""

    def label_of(self, value: Any) -> str | None:
        """What the script calls this very object, as far as the recording has seen it: a name, path or expression."""

    def event_of(self, value: Any) -> int | None:
        """The event that made this very object."""

    def begin(self, kind: Kind, text: str, function: str = "") -> int:
        """Open an event inside the one that is happening now; returns its id."""

    def end(self, event: int) -> None:
        """Close an event opened with `begin`."""


class Engine:
    """One implementation style. Subclasses override what applies to them; the defaults own nothing and hook nothing.

    `name` is shown in the status line and in JSON. `library` is the module whose import by the script makes the
    engine active (None: always active). Methods get values only for which `owns` is true, and `kept` is always what
    this engine's `keep` returned.
    """

    name: ClassVar[str] = ""
    library: ClassVar[str | None] = None

    # ------------------------------------------------------------------------------------------------- values

    def owns(self, value: Any) -> bool:
        """Whether this value is described, kept and pictured by this engine. Must be fast: an exact type test."""
        return False

    def identity(self, value: Any) -> Hashable:
        """Equal for two looks at the same memory (same storage, offset, shape, strides, dtype)."""
        return id(value)

    def keep(self, value: Any) -> Any:
        """A copy of `value` that later in-place changes do not reach, on the value's own device."""
        raise LookupError(f"the engine {self.name} keeps no values")

    def same(self, value: Any, kept: Any) -> bool:
        """Whether `value` still has exactly the bits of `kept`."""
        return False

    def restore(self, value: Any, kept: Any) -> None:
        """Write the bits of `kept` back into `value`, in place."""
        raise LookupError(f"the engine {self.name} keeps no values")

    def size(self, kept: Any) -> int:
        """Bytes that `kept` takes."""
        return 0

    def describe(self, kept: Any) -> Summary:
        """Shape, type and statistics of a kept copy. Never raises, whatever the value; never calls its `repr`."""
        return Summary(kind="other", type=type(kept).__name__)

    def window(self, kept: Any, region: Region | None, rows: int, columns: int) -> Window:
        """A picture of a region of a kept copy, pooled to at most `rows` × `columns` cells on its own device."""
        raise LookupError(f"the engine {self.name} draws no values")

    def array(self, kept: Any) -> Array:
        """The whole of a kept copy. bfloat16 and the like come as float32."""
        raise LookupError(f"the engine {self.name} keeps no values")

    # ------------------------------------------------------------------------------------------------- randomness

    def seed(self, seed: int) -> None:
        """Seed this library's random generators, on all devices."""

    def random_state(self) -> bytes | None:
        """The state of this library's global random generators; None where it has none."""
        return None

    def set_random_state(self, state: bytes) -> None:
        """Put back what `random_state` returned."""

    # ------------------------------------------------------------------------------------------------- recording

    def members(self, value: Any) -> Iterable[tuple[str, Any]]:
        """Tensors that live inside `value` and that a call on it may change, with the path to each (`linear1.weight`).

        Asked for receivers such as a model or an optimizer; an empty answer means that nothing is known inside.
        """
        return ()

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        """Entered while an iteration is recorded: install hooks, tell `observer`, and remove every hook at the end."""
        yield
