"""The base class of engines: what stepper asks of an implementation style. Small enough to read in one sitting.

An engine says which values are its own, keeps copies of them, describes and pictures the copies, and, while an
iteration is recorded, adds what only it can see (gradients inside a backward pass, the layers inside a model). It
observes; a run with an engine's hooks gives the same bits as a run without.

A third party's engine is a class named in the entry-point group `stepper.engines`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, Protocol
from weakref import ref

from stepper.engines.arrays import numpy_module
from stepper.engines.layout import Layout
from stepper.engines.pieces import Pieces
from stepper.engines.survey import sample
from stepper.record import Array, Detail, Kind, Region, Role, Summary, When, Window

Held = Sequence[tuple[str, Any]]  # what an object keeps, each by its attribute


class Layer(NamedTuple):
    """What made a tensor: its units lie along `axis`, counted from the end (−1: the last). `channels`: they are those
    of a convolution, or of a normalisation by channels. `name` says what it is, in the field's words."""

    axis: int
    name: str
    channels: bool = False


class GateSeen:
    """A gate that an engine found. `h`, `before` and `after` are what `Observer.keep` returned.

    `rule` names the operation's own test for stopping the gradient: `h < 0`, `h <= 0` or `not h >= 0` (they differ at
    zero and at NaN). Where the operation passes shares of a gradient, `share` gives them (of a kept h, a value of h's
    engine), and what it passes nothing of is blocked; `soft`: between nothing and everything it passes parts.
    `before_label` and `after_label` are what the two gradients are called, where that is known. `layer` is what made h,
    where that tells which axis its units lie along; `axis` says so outright. `note` is what there is to say in words.
    """

    def __init__(self, label: str, op: str, event: int, h: Any, rule: str) -> None:
        self.label = label
        self.op = op
        self.event = event
        self.h = h
        self.rule = rule
        self.out: Any = None
        self.axis: int | None = None
        self.layer: Layer | None = None
        self.before: Any = None
        self.after: Any = None
        self.share: Callable[[Any], Any] | None = None
        self.soft = False
        self.before_label = ""
        self.after_label = ""
        self.note = ""


class Change(NamedTuple):
    """A tensor (`owner`) that a call may change, or one of its attributes (`grad`), or what a dict holds under `key`.

    `path` says what to call it, behind the receiver's own name unless it is whole (`named`), if nobody knows better.
    `always`: shown even where the call leaves it as it is. `role` goes for what is no tensor of the training.
    """

    owner: Any
    attribute: str | None
    path: str
    key: str | None = None
    role: Role | None = None
    named: bool = False
    always: bool = False


class Observer(Protocol):
    """What a recording offers to the hooks of an engine. Calls from other threads than the script's are ignored."""

    def keep(self, value: Any) -> Any:
        """A copy of a tensor as it is now, to be handed to `add` or a gate later; None where nothing can be kept."""

    def add(
        self, label: str, role: Role, when: When, kept: Any, event: int | None = None, *, value: Any = None
    ) -> int | None:
        """Add a kept value to an event (None: to the one that is happening now). Returns its place among the event's
        values; None where it was not added. By `value`, what was kept, its other names are known."""

    def note(self, label: str, role: Role, when: When, value: Any, event: int | None = None) -> None:
        """Keep `value` and add it to an event; None: to the one that is happening now."""

    def current(self) -> int | None:
        """The event that is happening now: the innermost open one."""

    def label_of(self, value: Any) -> str | None:
        """What the script calls this very object, as far as the recording has seen it: a name, path or expression."""

    def role_of(self, value: Any) -> Role:
        """What this very object is to the script, as far as the recording has seen it; else `other`."""

    def begin(self, kind: Kind, text: str, function: str = "", inside: int | None = None) -> int | None:
        """Open an event inside the one that is happening now; returns its id (None beyond the record's limit).

        `inside`: in this one, whatever was opened inside it having come to its end.
        """

    def room(self) -> int:
        """How many more events there is room for in the record; 0 where nothing is written down any more."""

    def end(self, event: int | None) -> None:
        """Close an event opened with `begin`."""

    def difference(self, new: Any, old: Any) -> Any:
        """new − old in float64, of two kept values of equal shape; None where their numbers were never read."""

    def quotient(self, kept: Any, divisor: float) -> Any:
        """A kept value divided by a positive number; None where its numbers were never read."""

    def tell(self, event: int, detail: Detail) -> None:
        """Say what only an event of this kind has; places in it count what was added to the event with `add`."""

    def remark(self, event: int | None, text: str) -> None:
        """Say something of an event in words: what cannot be shown of it, and why."""

    def fault(self, error: Exception) -> None:
        """A hook failed: the script must not feel it, and the person must hear of it."""

    def contributed(self, engine: str) -> None:
        """An engine has added something of its own; it is named among the record's engines."""

    def gate(self, gate: GateSeen) -> None:
        """Report a gate. Its gradients may be filled in until the iteration ends."""

    def no_gate(self, out: Any) -> None:
        """What was made by an operation that is known to be no ReLU, though its few numbers may look like one's."""

    def parameter(self, name: str, value: Any, *, declared: bool = False) -> None:
        """`value` is a parameter: follow it through this iteration under `name`, if it is not followed already.

        `declared`: its type says so, and not only that a gradient of it is asked for.
        """

    def used_gradient(self, parameter: Any, gradient: Any) -> None:
        """The gradient that an update of `parameter` is about to use; None: it used none after all."""

    def passed_over(self, parameter: Any) -> None:
        """An optimizer that has `parameter` takes its step without a gradient of it."""

    def arrived_gradient(self, parameter: Any, kept: Any) -> None:
        """A backward pass has added to the gradient of `parameter`, which is now this kept value; None where nothing
        can be kept."""

    def returned_gradient(self, parameter: Any, gradient: Any) -> None:
        """The script was given this gradient of `parameter`; its update used it where nothing else tells."""


class Later:
    """A number that lies on a device, to be read when somebody asks: reading it at once would make the script wait."""

    __slots__ = ("copy", "engine")

    def __init__(self, engine: Engine, copy: Any) -> None:
        self.engine = engine
        self.copy = copy


class Engine:
    """One implementation style. Subclasses override what applies to them; the defaults own nothing and hook nothing.

    `name` is shown in the status line and in JSON. `library` is the module whose import by the script makes the
    engine active (None: always active). Methods get values only for which `owns` is true, and `kept` is always what
    this engine's `keep` returned. `reseeded`: a forked process may draw other numbers than this one would have, as
    Python seeds its generator anew there.
    """

    name: ClassVar[str] = ""
    library: ClassVar[str | None] = None
    reseeded: ClassVar[bool] = True

    # ------------------------------------------------------------------------------------------------- values

    def owns(self, value: Any) -> bool:
        """Whether this value is described, kept and pictured by this engine. Must be fast: an exact type test."""
        return False

    def is_taken(self, value: Any) -> bool:
        """Whether a value was taken from another (a row, a view) in a way that gradients go back through: it is no
        parameter by itself."""
        return False

    def is_constant(self, value: Any) -> bool:
        """Whether it is known that nothing which is learnt had a part in a value."""
        return False

    def exact(self, value: Any) -> type[bool] | type[int] | None:
        """What a value holds, where that is truths or whole numbers, through which no gradient goes; else None."""
        return None

    def graph(self, value: Any) -> int | None:
        """1 where gradients go back through a value, 2 where they come to it and end there (a leaf), 0 where none do,
        −1 where none are asked for just now; None where there is no graph of them."""
        return None

    def leaves(self, value: Any) -> Iterable[tuple[Any, bool]]:
        """What the gradients that go back through a value come to in the end, and whether its type says that it is
        learnt."""
        return ()

    def identity(self, value: Any) -> Hashable:
        """Equal for two looks at the same memory (same storage, offset, shape, strides, dtype)."""
        return id(value)

    def reference(self, value: Any) -> Any:
        """What tells an object from those that have its id later: the same reference each time as long as it lives. A
        value without weak references (a list, a number) is its own, and held by that for a while."""
        return ref(value) if type(value).__weakrefoffset__ else value

    def memory(self, value: Any) -> Any:
        """The same for the memory that `value` lies in, with whatever else: an address is soon that of another."""
        return self.reference(value)

    def layout(self, value: Any) -> Layout | None:
        """How a value lies in memory; None where it has no address that can be compared with others."""
        return None

    def storage(self, value: Any) -> Hashable:
        """Equal for all that may lie in one memory: an array and its views. None of what lies in nothing else's."""
        return None

    def overlap(self, value: Any, other: Any) -> bool:
        """Whether a change of `other`, of the same storage, may be one of `value`: where their spans of memory meet."""
        lies, changed = self.layout(value), self.layout(other)
        return lies is None or changed is None or lies.meets(changed)

    def keep(self, value: Any) -> Any:
        """A copy of `value` that later in-place changes do not reach, on the value's own device."""
        raise LookupError(f"the engine {self.name} keeps no values")

    def settle(self) -> None:
        """Wait until all that the script has asked for is done; asked before a value is looked at."""

    def same(self, value: Any, kept: Any) -> bool:
        """Whether `value` still has exactly the bits of `kept`."""
        return False

    def still(self, value: Any, kept: Any) -> bool | None:
        """A fast first look: whether `value` has the shape, strides, dtype and bytes of `kept`; None where only
        `same` can tell."""
        return None

    def restore(self, value: Any, kept: Any) -> None:
        """Write the bits of `kept` back into `value`, in place."""
        raise LookupError(f"the engine {self.name} keeps no values")

    def write(self, value: Any, index: int, number: float) -> float:
        """Set one element of `value`, counted in C order, in place; the number that it holds then.

        Raises LookupError where it holds no real floating-point numbers, or cannot be written to.
        """
        raise LookupError(f"the engine {self.name} writes no values")

    def move(self, value: Any, step: float, signs: Any) -> None:
        """Add `step` times its sign (a NumPy array of +1 and −1, in C order) to each element of `value`, in place; a
        narrow type's are rounded once. Raises as `write` does.
        """
        raise LookupError(f"the engine {self.name} writes no values")

    def size(self, kept: Any) -> int:
        """Bytes that `kept` takes."""
        return 0

    def describe(self, kept: Any) -> Summary:
        """Shape, type and statistics of a kept copy. Never raises, whatever the value; never calls its `repr`."""
        return Summary(kind="other", type=type(kept).__name__)

    def describe_all(self, kept: Sequence[Any]) -> list[Summary]:
        """The summaries of several kept copies; an engine may be faster with many small ones than one by one."""
        return [self.describe(each) for each in kept]

    def pieces(self, kept: Any) -> Pieces | None:
        """A large kept copy, to be gone through part by part: its range is told at once, and its counts later. None
        where `describe` is as fast, or cannot be divided."""
        return None

    def elsewhere(self, kept: Any) -> bool:
        """Whether a kept copy's numbers lie on a device of their own, where work on them is begun and waited for."""
        return False

    def fixed(self, value: Any) -> bool:
        """Whether a value can never change, so that `value -= step` binds its name to another one."""
        return False

    def numbers(self, kept: Any) -> Any:
        """A kept copy's numbers where they lie: a NumPy array, or a device's own, which `masks` can compare."""
        return self.ndarray(kept)

    def made(self, numbers: Any) -> Any:
        """Numbers of our own, which nobody will change, as a kept copy."""
        return numbers

    def subtract(self, new: Any, old: Any) -> Any:
        """new − old in float64, as a kept copy; asked of copies of equal shape that lie `elsewhere`."""
        raise LookupError(f"the engine {self.name} keeps nothing elsewhere")

    def shape(self, value: Any) -> tuple[int, ...] | None:
        """The shape of a value, told without its numbers, and without asking it; None where that takes a copy."""
        return None

    def extents(self, kept: Any) -> tuple[int, ...] | None:
        """The shape of a kept copy whose numbers can be read; None for any other."""
        summary = self.describe(kept)
        return summary.shape if summary.kind == "tensor" and summary.nan is not None else None

    def window(self, kept: Any, region: Region | None, rows: int, columns: int) -> Window:
        """A picture of a region of a kept copy, pooled to at most `rows` × `columns` cells on its own device."""
        raise LookupError(f"the engine {self.name} draws no values")

    def array(self, kept: Any) -> Array:
        """The whole of a kept copy. bfloat16 and the like come as float32."""
        raise LookupError(f"the engine {self.name} keeps no values")

    def ndarray(self, kept: Any) -> Any:
        """A kept copy as a NumPy array, without copying where that can be done."""
        numpy = numpy_module()
        whole = self.array(kept)
        return numpy.frombuffer(whole.data, dtype=whole.dtype).reshape(whole.shape)

    def native(self, kept: Any) -> Any:
        """What a kept copy was, as its own library has it: an object by itself, which whoever asks may change.

        Raises LookupError where it has no numbers that can be read.
        """
        return numpy_module().array(self.ndarray(kept))

    def sample(self, kept: Any, most: int) -> Any:
        """At most `most` elements of a kept copy, evenly spread, in one row, as a NumPy array."""
        return sample(self.ndarray(kept), most)

    # ------------------------------------------------------------------------------------------------- randomness

    def seed(self, seed: int) -> None:
        """Seed this library's random generators, on all devices."""

    def random_state(self) -> bytes | None:
        """The state of this library's global random generators; None where it has none."""
        return None

    def set_random_state(self, state: bytes) -> None:
        """Put back what `random_state` returned."""

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        """While something is done that must not show: what it draws is not drawn, afterwards."""
        state = self.random_state()
        try:
            yield
        finally:
            if state is not None:
                self.set_random_state(state)

    # ------------------------------------------------------------------------------------------------- recording

    def members(self, value: Any) -> Iterable[tuple[str, Any]]:
        """Tensors that live inside `value` and that a call on it may change, with the path to each (`linear1.weight`).

        Asked for receivers such as a model or an optimizer; an empty answer means that nothing is known inside.
        """
        return ()

    def trainable(self, member: Any) -> bool:
        """Whether a member is a parameter that training may change, rather than a buffer or some other tensor."""
        return False

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """What the call `value.method(…)` may change besides `value` itself: parameters, gradients."""
        return ()

    def remark(self, value: Any, method: str) -> str:
        """What there is to say of the call `value.method(…)`, now that it is over; asked where `changes` answered."""
        return ""

    def resting(self) -> Iterable[tuple[Any, str]]:
        """The parameters of the optimizers, of those that were met, that took no step since the recording began, and
        what each of these is called."""
        return ()

    def met(self, value: Any, label: str) -> None:
        """Something that is no tensor (a model, an optimizer) passed a probe under this label."""

    def holds(self, value: Any) -> tuple[Held, Held] | None:
        """What `value` keeps, by attribute, for an owner this engine knows how to look into without running code: the
        parts that `members` goes through as well, and all else. None for any other owner."""
        return None

    def peek(self, value: Any, attribute: str) -> tuple[bool, Any]:
        """(True, what `value.attribute` holds) for an owner this engine knows how to look into without running code."""
        return False, None

    def number(self, value: Any) -> float | None:
        """A one-element real value as a float, None for anything else. bool is no number."""
        return None

    def reader(self, kind: type) -> Callable[[Any], float | Later | None]:
        """What says the same of this engine's values of one type, at the least cost: it is called at every loss of a
        run at full speed. Of a value on a device, for which it would have to wait, it gives a copy to be read later."""
        return self.number

    def read(self, copies: Sequence[Any]) -> list[float | None]:
        """The numbers that a reader copied; None where a device has failed since."""
        return [self.number(copy) for copy in copies]

    @contextmanager
    def neutral(self) -> Iterator[None]:
        """While our own code works on values: the library's modes and error state switched off, and put back."""
        yield

    def activation(
        self, name: str, h: Any, out: Any, given: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[Callable[[Any], Any], bool] | None:
        """What an activation function called `name` passes of gradients: the shares of each entry, as a function of a
        kept h, and whether they may lie between nothing and everything. None where it is not known, or where `out` is
        not what it makes of `h` with the further arguments. `h` and `out` are kept copies."""
        return None

    def seen(self, value: Any, label: str, event: int | None, copy: Any) -> None:
        """A value of mine passed a probe while an iteration is recorded: its label, the event that made or read it,
        and its kept copy."""

    def bound(self, value: Any, name: str, copy: Any) -> None:
        """A name of the script's was bound to a value of mine, which was `seen` then, or before."""

    def begins(self) -> None:
        """The loop is about to run its first iteration, recorded or not."""

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        """Entered while an iteration is recorded: install hooks, tell `observer`, and remove every hook at the end."""
        yield


def having(engines: Iterable[Engine], *methods: str) -> list[Engine]:
    """Those engines that have one of these methods of their own: nothing comes of asking the others."""
    return [each for each in engines if any(getattr(type(each), name) is not getattr(Engine, name) for name in methods)]
