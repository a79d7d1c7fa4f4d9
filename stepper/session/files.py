"""What a session can be saved as: a tensor as `.npy`, the record as JSON, the losses as CSV. Needs no NumPy."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stepper.record import Array
from stepper.session.export import encode, trace_document
from stepper.session.headless import Trace

if TYPE_CHECKING:
    from stepper.session.session import Session

_KINDS = {"float": "f", "int": "i", "uint": "u", "complex": "c"}


def npy(array: Array) -> bytes:
    """An array in NumPy's own file format, version 1.0 (numpy.lib.format): magic, header, data in C order."""
    if array.dtype == "bool":
        kind = "|b1"
    else:
        name = array.dtype.rstrip("0123456789")
        size = int(array.dtype.removeprefix(name)) // 8
        kind = f"{'<' if size > 1 else '|'}{_KINDS[name]}{size}"
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {array.shape!r}, }}"
    # the data begin at a multiple of 64 bytes: magic, version and length take 10, the last character is a newline
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1") + array.data


def losses_csv(losses: Sequence[float | None]) -> bytes:
    """One line for each finished iteration; an iteration without a loss has an empty field."""
    lines = [f"{number},{'' if loss is None else repr(loss)}" for number, loss in enumerate(losses)]
    return "\n".join(["iteration,loss", *lines, ""]).encode()


def record_json(session: Session) -> bytes:
    """The record under the cursor, as `trace --format json` prints it. Raises LookupError where there is none."""
    if session.record is None:
        raise LookupError("nothing is recorded here")
    trace = Trace(
        target=session.target,
        script=session.script,
        engines=session.engines,
        device=session.device,
        threads=session.threads,
        seed=session.seed,
        settings=dict(session.settings),
        versions=session.versions,
        record=session.record,
        what_if=session.options.what_if,
    )
    return encode(trace_document(trace))
