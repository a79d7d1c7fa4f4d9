"""Frames: whole, bounded, and strict about what they hold."""

import os
import socket

import msgspec
import pytest

from stepper.inferior import protocol
from stepper.inferior.channel import Channel
from stepper.inferior.protocol import (
    HEADER,
    MAX_FRAME,
    Ended,
    Launch,
    Message,
    Progress,
    Reply,
    Run,
    body_length,
    frame,
)
from stepper.record import Window
from stepper.record.window import Region

MESSAGES: list[Launch | protocol.Request | Message] = [
    Launch(name="numpy", script="x.py", settings={"N": "3"}, random_states={"python": b"\0\1"}),
    Run(1, until=3, record_from=2, record_last=True),
    Progress(0, [1.0, None, float("inf")], None),
    Ended(3, 1, "Traceback", 2),
    Reply(9, window=Window((2, 2), Region(0, 2, 0, 2), 2, 2, [0.0, 1.0, 2.0, 3.0])),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_out_as_it_went_in(message: Launch | protocol.Request | Message) -> None:
    data = frame(message)
    assert body_length(data[: HEADER.size]) == len(data) - HEADER.size
    assert msgspec.msgpack.decode(data[HEADER.size :], type=type(message)) == message


def test_a_frame_that_announces_too_much_is_refused_before_anything_is_read() -> None:
    assert body_length(HEADER.pack(MAX_FRAME)) == MAX_FRAME
    with pytest.raises(ValueError, match="limit"):
        body_length(HEADER.pack(MAX_FRAME + 1))


def test_a_message_that_is_too_long_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_FRAME", 64)
    with pytest.raises(ValueError, match="limit"):
        frame(Launch(name="n" * 100, script="x.py"))


def test_a_message_of_the_wrong_kind_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(frame(Run(1))[HEADER.size :], type=Message)


def test_what_is_kept_back_goes_out_with_the_next_and_before_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(os.dup(theirs.fileno()))
        ours.setblocking(False)
        first, second = Progress(0, [1.0], None), Ended(1, 0)
        channel.send_with_next(first)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        channel.send(second)
        assert ours.recv(1 << 16) == frame(first) + frame(second)
        channel.send()
        with pytest.raises(BlockingIOError):
            ours.recv(1)
