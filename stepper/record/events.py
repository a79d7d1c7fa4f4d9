"""Events: what happened, in order, and the values it read, changed and made.

None of these structures can be part of a cycle, so that the garbage collector is spared them (`gc=False`).
"""

import os
from typing import Literal, NamedTuple

import msgspec

from stepper.record.summary import Summary

Kind = Literal["statement", "expression", "call", "module", "backward", "contribution", "optimizer"]
Phase = Literal["setup", "forward", "loss", "backward", "update", "between"]
Role = Literal["data", "parameter", "setting", "activation", "gradient", "loss", "other"]
When = Literal["operand", "before", "after", "result"]


STRETCHED = "broadcast: "
"""How the part of an event's note begins that tells of operands which were broadcast: `(64, 1) − (64,) → (64, 64)`."""

SKIPPED = "step was left out: the gradients are not all finite"
"""How the note ends that tells of an optimizer's step which a scaler of losses did not let happen."""

CUT = "no gradient goes back from here to "
"""How the note begins that tells of parameters which get no gradient, though the loss is made of them."""

LOST = "no gradient goes back through "
"""How the note begins that tells of a term of the loss which is cut off, though the parameters in it get gradients."""

REPEATED = "an index has places more than once: "
"""How the note begins that tells of a step in which only the last of several that go to one place is taken."""

SOFTMAX = "softmax: "
"""How the note begins that tells of weights which sum to 1 along another axis than they are summed along, or of one
entry each."""

DROPPED = "dropout is on: "
"""How the note begins that tells of a dropout which drops while a model is evaluated."""

MIXED = "axes are mixed: "
"""How the note begins that tells of a reshape in the place of a transpose."""

CLIPPED = "clipped too late: "
"""How the note begins that tells of gradients which are clipped behind the steps."""

WHOLE = "whole numbers: "
"""How the note begins that tells of a parameter which holds integers, and is stepped by what is none."""

UNREAD = "no line reads "
"""How the note begins that tells of a gradient which is computed and that nothing uses."""


class Value(msgspec.Struct, frozen=True, gc=False):
    """One value an event read (`operand`), changed (`before`, `after`) or made (`result`).

    `copy` is the key of the kept copy in the record's store, for windows and arrays; None where nothing was kept
    (a scalar's value is in its summary). Two values with the same copy had the same bits. `pooled`: there was no room
    for the elements (`--memory`), and only the summary and a pooled picture are kept. `memory` numbers, within a
    record, where it lay: two names of the same object have the same one. 0 where that is not known.
    """

    label: str
    role: Role
    when: When
    summary: Summary
    copy: int | None = None
    pooled: bool = False
    memory: int = 0

    def __repr__(self) -> str:
        """Short: whoever looks at an event in a notebook wants to know which it is."""
        shape = "" if self.summary.shape is None else f" {self.summary.shape}"
        return f"<{self.label}{shape} {self.summary.dtype or self.summary.type}, {self.when}>"


class Flow(msgspec.Struct, frozen=True, gc=False):
    """A gradient on its way: of what (`target`, a value's name), and its place among the event's `values`."""

    target: str
    value: int


class Backward(msgspec.Struct, frozen=True, gc=False, tag="backward"):
    """A node of autograd's graph that ran. `creator` is the event that made the value in the forward pass, where it
    was seen. `formula` is the chain rule at this node in the script's own names, a line for each gradient that left.
    `earlier`: an earlier iteration made this node, or one between it and the loss; of a leaf's own it is not told."""

    node: str
    creator: int | None
    grad_in: list[Flow]
    grad_out: list[Flow]
    formula: str = ""
    earlier: bool = False


class Contribution(msgspec.Struct, frozen=True, gc=False, tag="contribution"):
    """What one use of a parameter adds to its gradient: an edge of the graph that ends in it.

    `use` counts the edges from 1 in the order of their arrival, `backward` the calls of this iteration from 1. After
    each call, `.grad` is what it held before + (c1 + c2 + …), to the bit. Beneath it lie the uses of a value that
    stands between (a cast, a transposed view), where that is shared: there `parameter` is that value's name.
    """

    parameter: str
    use: int
    backward: int


class Around(msgspec.Struct, frozen=True, gc=False):
    """The places of a value before and after, among the event's `values`; None where there was none."""

    before: int | None
    after: int | None


class OptimizerStep(msgspec.Struct, frozen=True, gc=False, tag="optimizer"):
    """What one step of an optimizer did to one parameter.

    `rule` is its class's rule with this step's numbers (empty where there is none for it), `state` what it keeps for
    the parameter, `update` the place of after − before in float64. `deviation_ulp` is how far the parameter lies from
    the one recomputed by the rule in torch's own order of operations, at most, in units in the last place of its dtype.
    `step_size` is what the rule multiplies its direction with, `terms` are the places of what it makes of the state
    after the step (Adam's bias-corrected m̂ and v̂), `group` is the number of its parameter group.
    """

    parameter: str
    rule: str
    state: dict[str, Around]
    update: int | None
    deviation_ulp: int | None
    step_size: float | None = None
    terms: dict[str, int] = {}
    group: int = 0


class ModuleCall(msgspec.Struct, frozen=True, gc=False, tag="module"):
    """A call of a module: `path` is where it lies (`model.encoder.0`), `call` counts its calls in this record.

    `unlike_training`: it was called in evaluation mode, in which its rule is another than in training (a dropout, a
    normalisation by running statistics), and gradients can go back through what it made. `unlike_evaluation`: a dropout
    was called in training mode while no gradients were asked for.
    """

    path: str
    call: int
    training: bool
    unlike_training: bool = False
    unlike_evaluation: bool = False


Detail = Backward | Contribution | ModuleCall | OptimizerStep


class Event(msgspec.Struct, gc=False):
    """One thing that happened. `id` is its place in the record's `events`; `parent` the id of the event it happened in.

    Lines count from 1, columns from 0, in characters. `occurrence` counts how often this site had run before in this
    record. `duration` is in nanoseconds and includes the recording of what happened inside. `output` is the span of
    the script's output (byte offsets) written while it ran; -1 where it is unknown. `detail` is what only events of
    this kind have. `note` says in words what no value shows: why something is missing, what was left out. `moved` is
    after − before, in float64, of each parameter that a statement changed, where neither `parameters` nor the step of
    an optimizer has that difference. `beside` is what other names hold since this event, which changed memory that they
    share: `table`, where a `row` of it was changed. `resumed`: a statement that began before, in the record or ahead of
    it, and printed something when it went on or came to its end: what it called, a loop's iterator, a `with`'s exit.
    """

    id: int
    parent: int | None
    kind: Kind
    phase: Phase
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    occurrence: int
    text: str
    values: list[Value]
    error: str | None = None
    duration: int = 0
    output: tuple[int, int] = (-1, -1)
    function: str = ""
    detail: Detail | None = None
    note: str = ""
    moved: list[Value] = []
    beside: list[Value] = []
    resumed: bool = False

    def __repr__(self) -> str:
        """Kind, line and text, in a few words."""
        text = " ".join(self.text.split())
        failed = f", failed with {self.error}" if self.error is not None else ""
        return f"<{self.kind} {self.id}, line {self.line}: {text if len(text) <= 60 else text[:59] + '…'}{failed}>"


class Units(msgspec.Struct, frozen=True, gc=False):
    """The units of a gate's input: `count` along `axis`, and which of them are blocked for every sample. `made_by` says
    what made the input (matmul, Conv1d …), by which the axis is known; empty where it is a guess."""

    axis: int
    count: int
    dead: list[int]
    made_by: str = ""


def place(line: int, file: str = "") -> str:
    """A line, to be read; with the name of its `file` where that is not the one of the loop."""
    return f"{os.path.basename(file)} line {line}" if file else f"line {line}"


class Spot(NamedTuple):
    """A line where one can stop. `file` is empty for the file that has the training loop."""

    file: str
    line: int

    @property
    def place(self) -> str:
        """The line, to be read: `line 12`, `mlp.py line 12`."""
        return place(self.line, self.file)


class LoopHead(msgspec.Struct, frozen=True):
    """Where a loop begins, and how: `for t in range(10)`. `unmarked`: neither a loss nor a gradient says that it
    trains, only what it carries from pass to pass. `within`: the line inside it that a person named it by, else 0."""

    file: str
    line: int
    text: str
    unmarked: bool = False
    within: int = 0


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What came of a breakpoint's condition in one record, asked before each statement and call on its line: the events
    at which it `held`, and those at which it `failed`, that is, could not be evaluated: `problem` says why the first
    time."""

    spot: Spot
    condition: str
    held: list[int]
    failed: list[int]
    problem: str = ""


class Gate(msgspec.Struct, gc=False):
    """A ReLU-like operation that ran: its input, the gradient on both sides, and the mask between them.

    `h` is the input, `grad_before` ∂L/∂output, `grad_after` ∂L/∂h (None where no gradient was seen), `mask` a bool
    tensor, True where the operation's own rule stops the gradient. `dead_units` are the indices along `axis` (the last;
    channels for convolutions) that are blocked for every sample; `units` is how many there are along it. `layer` has
    the units as the layer that made h has them, where that is known: along axis 0 for `h = W @ A`. `by_unit` is that,
    else the former.

    A `soft` gate (leaky ReLU, GELU, SiLU …) passes shares of a gradient: `share` is the operation's derivative at each
    entry, `attenuated` counts the entries whose gradient passes by less than half, and not by nothing, and `closed` is
    True for those and for the blocked ones. None for gates that open and shut. `file` is the file that it stands in;
    empty for the one of the training loop. `note` says that a backward pass by hand masks by something else than h.
    """

    label: str
    op: str
    event: int
    line: int
    axis: int
    h: Value
    grad_before: Value | None
    grad_after: Value | None
    active: int
    blocked: int
    dead_units: list[int]
    units: int
    mask: Value
    soft: bool = False
    attenuated: int = 0
    share: Value | None = None
    closed: Value | None = None
    layer: Units | None = None
    file: str = ""
    note: str = ""

    @property
    def place(self) -> str:
        """Where it stands, to be read: `line 12`."""
        return place(self.line, self.file)

    @property
    def by_unit(self) -> Units:
        """The units as they are shown."""
        return self.layer if self.layer is not None else Units(self.axis, self.units, self.dead_units)

    @property
    def along(self) -> str:
        """Which axis the units lie along, where it goes without saying neither by the layer nor as the last; of an only
        axis, that they do, which nothing tells: it may be that of the samples."""
        shape, units = self.h.summary.shape or (), self.by_unit
        if len(shape) == 1 and not units.made_by:
            return "if each entry is a unit, and no sample"
        if len(shape) < 2 or (units.made_by and units.axis == len(shape) - 1):
            return ""
        return f"along axis {units.axis}" if units.made_by else f"along axis {units.axis} (a guess)"

    def __repr__(self) -> str:
        return f"<gate {self.op} of {self.label}: {self.active} active, {self.blocked} blocked>"


class Held(msgspec.Struct, frozen=True, gc=False):
    """That a gradient which the script adds up itself held something of earlier iterations: `before` is what it held
    when this one began to add to it, in the event `event`, and `after` what it came to; the used one may be a multiple
    of that. `row`: of a list of lists that is added to row by row, what one of the rows held that held something."""

    before: Value
    after: Value
    event: int
    row: Value | None = None


class Resting(msgspec.Struct, frozen=True, gc=False):
    """An optimizer that took no step, by its name, and the line on which it takes one between the iterations (0 where
    none is known); `file` is empty for that of the training loop."""

    optimizer: str
    line: int = 0
    file: str = ""


class Parameter(msgspec.Struct, gc=False):
    """What one iteration did to one parameter. `update` is after − before in float64; `grad` is as the update used it,
    and `held` tells where a gradient by hand was added to that of earlier iterations. Not `used`: a gradient came, and
    no update used it; `grad` is then what the iteration leaves, or what had come to it before it was zeroed. `cut`:
    none came, since the graph ends in this statement, on the way to the loss. `passed_over`: an optimizer that has it
    took a step without a gradient of it, in this event. `between`: it was moved behind the pass only, between the
    iterations, and all of this is of what moved it there. `behind` is the last event that did, also of one that the
    pass had moved before. `resting`: nothing moved it, and the optimizer that has it took no step in this iteration.

    `ratio` is ‖update‖ / ‖before‖ (L2), None where ‖before‖ is 0 or either is not finite. `cosine` is that of the angle
    between update and gradient, −1 for plain gradient descent, above 0 uphill; of a sample, evenly spread, of large
    parameters; None where one of them is zero, not finite or not known. `frozen`: a library that has gradients says
    that none is asked for (`requires_grad` is False). `carried` is the running sum of gradients, kept by hand, that an
    update uphill went by; `turned`: an optimizer's sum would have led it downhill, but it went the other way, or
    something else than the optimizer moved it uphill. `sparse`: only some elements were moved, by an update by hand
    that picks them; of the others `grad` has zeros. `lost`: the element, by its place in the flattened array, of which
    such an update lost most, since its index has it more than once. `term`: it makes a term of the loss, too, that no
    gradient goes back through, and that this statement adds.
    """

    name: str
    shape: tuple[int, ...]
    before: Value
    after: Value
    grad: Value | None
    update: Value
    ratio: float | None = None
    cosine: float | None = None
    frozen: bool = False
    held: Held | None = None
    used: bool = False
    cut: int | None = None
    passed_over: int | None = None
    carried: str = ""
    turned: bool = False
    between: bool = False
    behind: int | None = None
    resting: Resting | None = None
    sparse: bool = False
    lost: int | None = None
    term: int | None = None

    def __repr__(self) -> str:
        return f"<parameter {self.name} {self.shape}>"


class Record(msgspec.Struct, gc=False):
    """All that one iteration (None: the setup) did, in order.

    `loss` is None where the iteration has none. `losses` are all that this iteration had, in order, one for each
    backward pass where there are several; the last one is `loss`. `losses_behind` are those of what came behind the
    pass, between the iterations. `error` is the line that names the exception
    which ended it. `truncated` says that events beyond the recorder's limit were left out; `faults` are what went
    wrong in recording. `file` is the path of the file that has the training loop. `asked`: what came of the
    conditions of breakpoints.
    """

    iteration: int | None
    loss: float | None
    losses: list[float]
    events: list[Event]
    gates: list[Gate]
    parameters: list[Parameter]
    error: str | None = None
    truncated: bool = False
    faults: list[str] = msgspec.field(default_factory=list)
    file: str = ""
    asked: list[Asked] = []
    losses_behind: list[float] = []

    @property
    def pooled(self) -> bool:
        """Whether there was no room for all its elements: what is told by them may be missing."""
        return any(value.pooled for event in self.events for value in event.values)

    @property
    def home(self) -> str:
        """The path of the file that has the training loop."""
        return self.file or (self.events[0].file if self.events else "")

    def spot(self, event: Event) -> Spot:
        """Where an event stands."""
        return Spot("" if event.file == self.home else event.file, event.line)

    def place(self, event: Event) -> str:
        """Where an event stands, to be read: `line 12`; in another file than the loop, `mlp.py line 12`."""
        return self.spot(event).place

    def __repr__(self) -> str:
        name = "setup" if self.iteration is None else f"iteration {self.iteration}"
        return f"<record of {name}: {len(self.events)} events, loss {self.loss}>"
