"""Whether a copy of a process does anything that another would notice, as the system tells; how many have room."""

import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from stepper.inferior import alone, forks
from stepper.inferior.alone import Silence, room
from stepper.inferior.forks import Forks, Told
from stepper.inferior.protocol import Tried

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what a process has written")


def kept_after(act: Callable[[], object], *open_before: int) -> bool:
    """Whether a process that is forked off, and does this, is as if it had not been."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        for descriptor in list(alone.descriptors()):
            if descriptor > 2 and descriptor not in (writing, *open_before):
                with suppress(OSError):  # the listing itself
                    os.close(descriptor)  # of whoever runs the tests
        silence = Silence(None, alone.reads_together())
        held = act()
        os.write(writing, b"yes" if silence.kept else b"no")
        del held
        os._exit(0)
    os.close(writing)
    told = os.read(reading, 3)
    os.close(reading)
    os.waitpid(process, 0)
    return told == b"yes"


@linux
def test_what_is_printed_or_only_read_is_noticed_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert kept_after(lambda: None)
    assert kept_after(lambda: os.write(1, b"out" * 1000) + os.write(2, b"err"))
    assert kept_after(lambda: (tmp_path / "file").read_text())


@linux
def test_what_another_process_could_come_across_is_seen(tmp_path: Path) -> None:
    assert not kept_after(lambda: (tmp_path / "file").write_text("text"))
    assert not kept_after(lambda: subprocess.run(["sh", "-c", f"echo text > {tmp_path / 'other'}"], check=True))
    assert not kept_after(lambda: socket.socketpair())
    assert not kept_after(lambda: mmap.mmap(-1, 4096))


@linux
def test_a_file_that_was_open_before_is_read_at_a_place_that_others_move_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")

    def again() -> None:
        os.lseek(file, 0, os.SEEK_SET)
        os.read(file, 4)

    file = os.open(tmp_path / "file", os.O_RDONLY)
    os.read(file, 4)
    reading, writing = os.pipe()
    os.write(writing, b"text")
    try:
        assert kept_after(lambda: None, file, reading), "only that they are open"
        assert not kept_after(again, file), "it is where it was, at the end"
        assert not kept_after(lambda: os.read(reading, 1), reading)
    finally:
        for descriptor in (file, reading, writing):
            os.close(descriptor)


@linux
def test_where_nothing_is_counted_or_no_more_files_can_be_opened_nothing_is_taken_for_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(*_: object) -> None:
        raise OSError(24, "Too many open files")

    assert not kept_after(lambda: setattr(os, "listdir", no_more))
    monkeypatch.setattr(os, "memfd_create", no_more)
    assert not kept_after(lambda: None)


def test_there_is_room_for_as_many_as_processors_and_half_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(alone, "_shared_text", lambda: 0)
    monkeypatch.setattr(alone, "_free_memory", lambda: 1000)
    assert [room(each) for each in (1, 100, 250, 400, 5000)] == [8, 5, 2, 1, 1]
    monkeypatch.setattr(alone, "_free_memory", lambda: None)
    assert room(1) == 1, "nobody knows"


def test_a_limit_of_the_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "max").write_text("5000\n")
    (tmp_path / "current").write_text("3000\n")
    (tmp_path / "info").write_text("MemTotal:       9 kB\nMemAvailable:       8 kB\n")
    monkeypatch.setattr(alone, "MEMORY", str(tmp_path / "info"))
    monkeypatch.setattr(alone, "LIMITS", ((str(tmp_path / "max"), str(tmp_path / "current")),))
    assert alone._free_memory() == 2000
    (tmp_path / "max").write_text("max\n")
    assert alone._free_memory() == 8 * 1024


def test_copies_run_at_the_same_time_and_are_told_of_in_order() -> None:
    """The first waits for what the second says."""
    reading, writing = os.pipe()
    told: list[Told] = []
    with Forks(os.fork, 2) as forks:
        for number in range(3):
            if forks.full:
                told.append(forks.finished())
            pipe = forks.fork()
            if pipe is not None:
                if number == 0:
                    os.read(reading, 1)
                elif number == 1:
                    os.write(writing, b"!")
                os.write(pipe, alone_and_well(float(number)))
                os._exit(0)
        while forks.running:
            told.append(forks.finished())
    assert [each.tried.number for each in told] == [0.0, 1.0, 2.0]
    assert all(each.bytes > 0 for each in told)
    os.close(reading)
    os.close(writing)


def test_a_copy_that_moves_where_a_file_is_read_at_is_not_alone_and_the_place_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text")
    file = os.open(tmp_path / "file", os.O_RDONLY)
    # not those of the files that this process has open beside it, where what is captured goes
    monkeypatch.setattr(forks, "places", lambda: {file: os.lseek(file, 0, os.SEEK_CUR)})
    told: list[Told] = []
    os.lseek(file, 1, os.SEEK_SET)
    with Forks(os.fork, 1) as begun:
        for number in range(2):
            pipe = begun.fork()
            if pipe is not None:
                os.lseek(file, 1 + number, os.SEEK_SET)
                os.write(pipe, alone_and_well(float(number)))
                os._exit(0)
            told.append(begun.finished())
    assert [each.alone for each in told] == [True, False]
    assert os.lseek(file, 0, os.SEEK_CUR) == 1
    os.close(file)


def test_none_is_left_where_something_fails_meanwhile() -> None:
    reading, writing = os.pipe()
    begun: list[int] = []

    def fork() -> int:
        begun.append(os.fork())
        return begun[-1]

    with pytest.raises(KeyError), Forks(fork, 2) as forks:
        for _ in range(2):
            if forks.fork() is not None:
                os.close(writing)
                os.read(reading, 1)  # for ever, while the other end is open elsewhere
                os._exit(0)
        raise KeyError
    assert len(begun) == 2
    for each in begun:
        with pytest.raises(ChildProcessError):
            os.waitpid(each, os.WNOHANG)
    os.close(reading)
    os.close(writing)


def alone_and_well(number: float) -> bytes:
    import msgspec

    return msgspec.msgpack.encode(Told(Tried(number, [1.0]), alone=True))
