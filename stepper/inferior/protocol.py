"""What the debugger and the script's process say to each other: length-prefixed msgpack over a socket pair.

The process opens with a `Hello`. Every `Request` carries an id and is answered by one `Reply` with that id; the other
messages are events that the process sends on its own. Frames are bounded: a longer one is an error, not an allocation.
"""

import struct
from typing import NamedTuple, TypedDict, cast

import msgspec

from stepper.record import Array, LoopHead, Record, Region, Spot, Summary, Survey, Value, Window

VERSION = 1
MAX_FRAME = 1 << 30
UNPACKED = 5  # bytes of a record in memory for each byte of it on the way
PASSING = 1 << 27
"""Bytes of records that the script ran through without standing behind them and that nobody has asked anything of:
they make room before the others, and their memory is used again, which is much faster than fresh memory."""
MOST_REACHED = 1024
"""Iterations that came to a breakpoint which was only to be noted: so many are remembered, the latest."""
HEADER = struct.Struct("<I")
# Where the script is (`inferior.whereabouts`): the iteration being recorded, the event its newest statement is, that
# statement's line; the iteration that was under way when last there was time to say so, and whether it still is, or
# later ones may be; and up to which iteration, and from which one on, the losses behind all this are known.
WHEREABOUTS = struct.Struct("=7q")
NOT_RECORDING, SETUP = -1, -2  # in place of an iteration's number
NOWHERE = (NOT_RECORDING, -1, 0, SETUP, 1, 0, 0)
LOSSES_KEPT = 1 << 12
"""So many losses stand behind the whereabouts, an iteration's at its number modulo this."""
LOSSES = struct.Struct(f"={LOSSES_KEPT}q")
NO_LOSS = 0x7FF8_6E6F_206C_6F73
"""The bits of a NaN that stands for an iteration without a loss."""


class Stop(NamedTuple):
    """A line to stop before. `condition`: only where this Python expression holds there, or, until that was `told`,
    where it cannot be evaluated."""

    spot: Spot
    condition: str = ""
    told: bool = False


class WhatIf(NamedTuple):
    """A Python statement that the script does not have, to be carried out at the head of an iteration."""

    iteration: int
    statement: str


class Launch(msgspec.Struct, frozen=True):
    """All that decides a run. `script` is the file, `name` what the person typed, `kind` a variant, a script or a
    module. Of a module, `module` is the name; its file is found by the process itself where `script` is empty.

    `settings` are `NAME=VALUE` texts by name. `random_states` are the generators' states that an earlier process of
    the same session found at the start (pickled, by library); with them the run is the same run. `run` is how to go on
    at the head of the first iteration; without it the script stands there until it is told. `halt`, an iteration (None:
    the setup) and an event of it: the process ends its record when it comes to that statement, and never runs it.
    `count_later`: records tell of very large values only the range; `Count` asks for the rest. `texts` are those of
    files that an earlier process of the same session has read, by path: they run again, whatever the files hold now.
    `stops` are those of the first `StopAt`, so that the record of the setup says what their conditions come to.
    `what_if` are statements that make it another run than the script's own.
    """

    name: str
    script: str
    kind: str = "script"
    module: str = ""
    arguments: tuple[str, ...] = ()
    settings: dict[str, str] = {}
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    loop: str | None = None
    loss: str | None = None
    random_states: dict[str, bytes] = {}
    record_setup: bool = True
    memory: int = 1 << 30
    run: "Run | None" = None
    halt: "tuple[int | None, int] | None" = None
    count_later: bool = False
    texts: dict[str, str] = {}
    stops: list[Stop] = []
    what_if: list[WhatIf] = []


class Line(msgspec.Struct, frozen=True):
    """What a line of the script is: its phase in the iteration (None outside it). A statement starts on each."""

    number: int
    phase: str | None


# ------------------------------------------------------------------------------------------------ debugger → process


class GetWindow(msgspec.Struct, tag="window", frozen=True):
    """Ask for a picture of a kept copy. `region` None: all of it. `axes`: show these two instead of the last two; the
    region's rows and columns are theirs, and its leading indices are of the others, in order. `along`: show this axis
    across, and all others, folded into one, down (`axes` is then None)."""

    id: int
    iteration: int | None
    copy: int
    rows: int
    columns: int
    region: Region | None = None
    axes: tuple[int, int] | None = None
    along: int | None = None


class Run(msgspec.Struct, tag="run", frozen=True):
    """Go on. Record each iteration from `record_from` on (None: none); stop at the head of iteration `until`.

    `record_last`: record the last iteration too, as soon as it is known to be the last. `stop_from`: breakpoints
    (`StopAt`) hold from this iteration on (None: not at all). `ahead`: what is likely to be asked of the record of an
    iteration; what takes no time is told with that (`Recorded.pictures`), and is no reply.
    """

    id: int
    until: int | None = None
    record_from: int | None = None
    record_last: bool = False
    stop_from: int | None = None
    ahead: list[GetWindow] = []


class StopAt(msgspec.Struct, tag="stop at", frozen=True):
    """Stop before the statements on these lines, in iterations that are not recorded; from now on, and instead of any
    lines named before. `noting`: do not stop, but tell which iterations have reached one (`Reached`). In what is
    recorded their conditions are asked, and the record says what came of it (`Asked`)."""

    id: int
    stops: list[Stop]
    noting: bool = False


class Pause(msgspec.Struct, tag="pause", frozen=True):
    """Stop at the next loop head, or wherever the script is when that takes long."""

    id: int


class Where(msgspec.Struct, tag="where", frozen=True):
    """Ask for the line of its own files that the script is at, wherever that is: inside a call that does not end,
    say."""

    id: int


class GetRecord(msgspec.Struct, tag="record", frozen=True):
    """Ask for a finished record (None: the setup)."""

    id: int
    iteration: int | None


class Count(msgspec.Struct, tag="count", frozen=True):
    """Ask for what a record does not say yet of its large values. It comes in `Counted` messages, between the answers
    to other requests, and is answered when all has come."""

    id: int
    iteration: int | None


class GetSurvey(msgspec.Struct, tag="survey", frozen=True):
    """Ask where a kept copy's extremes are, and for its distribution in so many bins; of what it is more than the copy
    `less`, where that is given."""

    id: int
    iteration: int | None
    copy: int
    bins: int
    less: int | None = None


class Range(msgspec.Struct, frozen=True):
    """A kept copy, and its smallest and largest finite element."""

    copy: int
    low: float
    high: float


class GetHistograms(msgspec.Struct, tag="histograms", frozen=True):
    """Ask for small histograms of several kept copies, each of a sample: the cost does not grow with the tensors."""

    id: int
    iteration: int | None
    ranges: list[Range]
    bins: int


class GetArray(msgspec.Struct, tag="array", frozen=True):
    """Ask for a whole kept copy."""

    id: int
    iteration: int | None
    copy: int


class Operand(msgspec.Struct, frozen=True):
    """What a name in an expression stands for: a kept copy, or a number, bool or text; `type` is the type that a number
    has in Python, where it came as text."""

    copy: int | None = None
    number: bool | int | float | str | None = None
    type: str = ""


UNKNOWN = "nothing here is called "
"""What an answer says of a name in an expression, before it."""


TOOK_LONG = "it takes longer than "
"""What an answer says of an expression that was ended, before how long it had."""


AT_WORK = "the script is at work: it is evaluated when that stands"
"""The answer to an `Evaluate` that comes while the script runs."""


class Evaluate(msgspec.Struct, tag="evaluate", frozen=True):
    """Ask for the value of `text`, a Python expression in which `operands[k]` is called `_k`. It is kept beside the
    copies of that record, and called `label`. Only while the script stands."""

    id: int
    iteration: int | None
    label: str
    text: str
    operands: list[Operand]


class Awaited(TypedDict):
    """What copies of the process are to tell, as in a `Nudge`."""

    losses: int
    held: bool
    behind: int


class Nudge(msgspec.Struct, tag="nudge", frozen=True):
    """Standing at the head of an iteration, run it in copies of the process, each with one element of a parameter set
    to one of `numbers` (None: left as it is), and tell the losses; the process itself stays where it is.

    `parameter` is its name, `like` what is known of it as it is now, `index` the element in C order. Each copy ends
    when it has come to `losses` of them, or to the end of the pass. `held`: what is detached from the graph of
    gradients stays what it is with nothing moved. Where losses `behind` the pass are asked for, it is these that are
    told, and the number is set when the loop has been left: what the pass does is as it was.
    """

    id: int
    parameter: str
    like: Summary
    index: int
    numbers: list[float | None]
    losses: int
    held: bool = False
    behind: int = 0


class Move(msgspec.Struct, frozen=True):
    """A parameter, as in a `Nudge`, the seed of a random direction through all of its entries, and how far one goes
    along it with a step of 1. `part`: through those from the first of these places on, before the second."""

    parameter: str
    like: Summary
    seed: int
    scale: float
    part: tuple[int, int] | None = None


class Push(msgspec.Struct, tag="push", frozen=True):
    """As `Nudge`, with all entries of several parameters moved at once: by each of `numbers` steps."""

    id: int
    moves: list[Move]
    numbers: list[float | None]
    losses: int
    held: bool = False
    behind: int = 0


class GetProduct(msgspec.Struct, tag="product", frozen=True):
    """Ask for a kept copy's product with the random direction of a seed, through a `part` as in a `Move`."""

    id: int
    iteration: int | None
    copy: int
    seed: int
    part: tuple[int, int] | None = None


class Tried(msgspec.Struct, frozen=True):
    """What came of one number: the one that the element held, rounded to its type (or the step), and the losses of the
    pass, or what it failed with."""

    number: float | None
    losses: list[float]
    error: str = ""


class Quit(msgspec.Struct, tag="quit", frozen=True):
    """End the process."""

    id: int


Request = (
    Run
    | StopAt
    | Pause
    | Where
    | GetRecord
    | Count
    | GetWindow
    | GetSurvey
    | GetHistograms
    | GetArray
    | GetProduct
    | Evaluate
    | Nudge
    | Push
    | Quit
)

# ------------------------------------------------------------------------------------------------ process → debugger


class Hello(msgspec.Struct, tag="hello", frozen=True):
    """The first message: the protocol's version, and what the analysis of the script found. `home` is the path of the
    file that has the training loop, `source` its text, and `modules` are the texts of the others, by path. `script` and
    `module` are what `Launch` calls so, as they were found. `loops` are those that train, the first of them the one
    that was taken; none where one was named."""

    protocol: int
    versions: dict[str, str]
    source: str
    loop: tuple[int, int] | None
    lines: list[Line]
    settings: dict[str, str]
    home: str = ""
    modules: dict[str, str] = {}
    script: str = ""
    module: str = ""
    loops: list[LoopHead] = []


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """The target cannot be run as asked (misuse, exit code 2): one plain line."""

    message: str


class Started(msgspec.Struct, tag="started", frozen=True):
    """The setup is over, or the script has ended without a pass: what the run is made of. `loaded` are the paths of
    the modules that were imported with the text that was read at the start."""

    engines: list[str]
    device: str
    threads: int
    settings: dict[str, bool | int | float | str | None]
    versions: dict[str, str]
    random_states: dict[str, bytes]
    loaded: list[str] = []


class Progress(msgspec.Struct, tag="progress", frozen=True):
    """Iterations finished since the last message: `losses` of `first`, `first` + 1, …; `total` where it is known."""

    first: int
    losses: list[float | None]
    total: int | None


class Picture(msgspec.Struct, frozen=True):
    """What comes of asking for a window."""

    asked: GetWindow
    window: Window


class Recorded(msgspec.Struct, tag="recorded", frozen=True):
    """A record is complete, or as complete as it will be. `evicted`: iterations whose records had to make room."""

    record: Record
    evicted: list[int]
    engines: list[str]
    counting: bool = False
    """Whether some of its values are still to be counted."""
    pictures: list[Picture] = []
    """Of what `Run.ahead` has of this iteration."""


class Counted(msgspec.Struct, tag="counted", frozen=True):
    """More is known of some values of a record: their summaries by copy, as far as they go."""

    iteration: int | None
    summaries: dict[int, Summary]


class Reached(msgspec.Struct, tag="reached", frozen=True):
    """Iterations in which a line was reached that was to be noted (`StopAt`): the latest of them, in order."""

    iterations: list[int]


class Stopped(msgspec.Struct, tag="stopped", frozen=True):
    """The script stands at the head of `iteration`, which has not run yet; where `spot` is given, there in the
    iteration before. `breakpoint`: since there is one on that line. `recording`: that iteration is being
    recorded, and will be when the script has gone on to its end; otherwise nothing is known of it."""

    iteration: int
    spot: Spot | None = None
    breakpoint: bool = False
    recording: bool = False


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """The script is over after `iterations`. `traceback` is its own, where it failed; where it `left` by itself with a
    status other than 0, it is what is to be said of that.

    `failed_in`: the iteration that failed, or in whose tail the script failed; None: in the setup, or not at all.
    """

    iterations: int
    exit_code: int
    traceback: str | None = None
    failed_in: int | None = None
    left: bool = False


class Reply(msgspec.Struct, tag="reply", frozen=True):
    """The answer to request `id`: what was asked for, or `error`, which says why there is none."""

    id: int
    window: Window | None = None
    survey: Survey | None = None
    histograms: list[list[int]] | None = None
    array: Array | None = None
    record: Record | None = None
    spot: Spot | None = None
    tried: list[Tried] | None = None
    product: float | None = None
    value: Value | None = None
    error: str | None = None


Message = Hello | Refused | Started | Progress | Recorded | Counted | Reached | Stopped | Ended | Reply

_encoder = msgspec.msgpack.Encoder()


def packed(record: Record) -> Record:
    """A record as it will travel, packed once however often it is sent; it can be sent, and nothing else."""
    return cast(Record, msgspec.Raw(_encoder.encode(record)))


def unpacked_size(record: Record) -> int:
    """About the bytes that a packed record takes when it is unpacked."""
    return UNPACKED * len(memoryview(cast(msgspec.Raw, record)))


def unpacked(record: Record) -> Record:
    """What `packed` was given, made anew."""
    return msgspec.msgpack.decode(cast(msgspec.Raw, record), type=Record)


def frame(message: Launch | Request | Message) -> bytes:
    """One message as a length-prefixed frame. Raises ValueError beyond `MAX_FRAME`."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise ValueError(f"a frame of {len(body)} bytes is over the protocol's limit of {MAX_FRAME}")
    return HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """The length that a frame's header announces. Raises ValueError beyond `MAX_FRAME`."""
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes is over the protocol's limit of {MAX_FRAME}")
    return int(length)
