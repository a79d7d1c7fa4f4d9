"""The process's end of the socket: frames in, frames out."""

from __future__ import annotations

import os
import socket
import threading

import msgspec

from stepper.inferior.protocol import HEADER, Launch, Message, Request, body_length, frame

_requests = msgspec.msgpack.Decoder(Request)
_launches = msgspec.msgpack.Decoder(Launch)


class Channel:
    """Sends from any thread, receives in one. A process that the script forks must not hold the line open."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()
        self._read = bytearray()  # received, and not asked for yet
        self._kept_back = b""
        self.closed = False
        os.register_at_fork(after_in_child=self._forked)

    def launch(self) -> Launch:
        """The first frame of all: what to run."""
        return _launches.decode(self._body())

    def request(self) -> Request:
        """Wait for the next request. Raises ConnectionError when the debugger has gone."""
        request: Request = _requests.decode(self._body())
        return request

    @property
    def waiting(self) -> bool:
        """Whether another request has come already."""
        if self._read:
            return True
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def send_with_next(self, *messages: Message) -> None:
        """Send messages as the first of the next `send`, so that the debugger takes them in together. One must follow
        before the script goes on."""
        data = b"".join(map(frame, messages))
        with self._lock:
            self._kept_back += data

    def send(self, *messages: Message) -> None:
        """Send messages; nothing happens when the debugger has gone, since its end ends this process anyway."""
        data = b"".join(map(frame, messages))
        with self._lock:
            data, self._kept_back = self._kept_back + data, b""
            if self.closed or not data:
                return
            try:
                self._socket.sendall(data)
            except OSError:
                self.closed = True

    def _body(self) -> bytes:
        return self._exactly(body_length(self._exactly(HEADER.size)))

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionError("the debugger closed the connection")
            self._read += part
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def _forked(self) -> None:
        self.closed = True
        self._lock = threading.Lock()
        self._socket.close()
