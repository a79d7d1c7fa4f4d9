"""Streams that are full, closed, not UTF-8, or read by someone who goes away; signals in the midst."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STEPPER = [sys.executable, "-m", "stepper"]
DEADLINE = 60.0
ENDLESS = """
import fcntl, subprocess, sys, time
hold = "import fcntl, time; f = open({lock!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(300)"
child = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
child.stdout.readline()
w = 1.0
i = 0
open({begun!r}, "w").close()
while True:
    loss = w * w
    w = w - 1e-9
    i += 1
"""


def until(condition: object, what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.01)


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock, that is, whether the process that does has ended."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("arguments", [("run",), ("trace", "--iteration", "1000000000"), ("run", "--output")])
@pytest.mark.parametrize(
    ("sent", "code"), [("SIGINT", 130), ("SIGTERM", -signal.SIGTERM), ("SIGKILL", -signal.SIGKILL)]
)
def test_a_signal_in_the_midst_ends_all_processes_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], sent: str, code: int
) -> None:
    lock, begun, script = tmp_path / "lock", tmp_path / "begun", tmp_path / "script.py"
    script.write_text(ENDLESS.format(lock=str(lock), begun=str(begun)))
    command, *options = arguments
    with subprocess.Popen(
        [*STEPPER, command, str(script), *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        until(begun.exists, "the script has not begun")
        assert not is_free(lock)
        process.send_signal(getattr(signal, sent))
        _, errors = process.communicate(timeout=DEADLINE)
    said = errors.decode().splitlines()
    assert process.returncode == code
    assert len(said) == (sent == "SIGINT") and all(each.startswith(f"{script}: interrupted ") for each in said)
    until(lambda: is_free(lock), "a process that the script started is left")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("run", "and-gate"), ("trace", "and-gate", "--format", "json"), ("list",)])
def test_a_full_disk_is_said_in_one_line(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*STEPPER, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
    target = "stepper" if arguments[0] == "list" else "and-gate"
    assert (done.returncode, done.stderr) == (2, f"{target}: cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize("command", ["run", "trace"])
def test_closed_streams_are_empty_ones(command: str) -> None:
    shell = f'"$@" {command} and-gate <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", shell, "sh", *STEPPER], timeout=DEADLINE).returncode == 0


def test_a_misuse_that_cannot_be_said_is_one_all_the_same() -> None:
    assert subprocess.run(["sh", "-c", '"$@" run nope 2>&-', "sh", *STEPPER], timeout=DEADLINE).returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_streams_encoding_lacks_is_written_otherwise(encoding: str, tmp_path: Path) -> None:
    script = tmp_path / "größe.py"
    script.write_text(
        "import numpy as np\nü = np.ones(3)\nfor i in range(3):\n    h = np.maximum(ü * (-1.0) ** i, 0)\n"
        "    loss = float((h ** 2).sum())\n    ü -= 0.1 * ü\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def out(*arguments: str) -> str:
        done = subprocess.run(
            [*STEPPER, *arguments, str(script)], capture_output=True, env=environment, timeout=DEADLINE, check=True
        )
        assert done.stderr == b""
        return done.stdout.decode(encoding)

    text = out("trace", "--values", "--iteration", "1")
    assert "mask" in text and (("█" in text) if encoding == "utf-8" else ("# the gradient passes" in text))
    assert ("ü" in text) == (encoding != "ascii") and ("\\xfc" in text) == (encoding == "ascii")
    assert json.loads(out("trace", "--format", "json"))["events"][0]["text"] == "for i in range(3)"


def test_of_much_output_nothing_is_lost_and_nothing_stops_the_script(tmp_path: Path) -> None:
    script = tmp_path / "loud.py"
    script.write_text(
        "import os, sys\nw = 1.0\nfor i in range(3):\n    loss = w * w\n    print('x' * 400000)\n"
        "    print('e' * 400000, file=sys.stderr)\n    os.write(1, b'\\xff' * 200000)\n    w -= 0.1\n"
    )
    done = subprocess.run([*STEPPER, "run", str(script), "--output"], capture_output=True, timeout=DEADLINE, check=True)
    assert done.stdout.count(b"\n") == 3
    assert done.stderr.count(b"x") == done.stderr.count(b"e") == 1200000
    assert done.stderr.count("\N{REPLACEMENT CHARACTER}".encode()) == 600000
    done = subprocess.run([*STEPPER, "trace", str(script), "--iteration", "2"], capture_output=True, timeout=DEADLINE)
    assert done.returncode == 0 and b"xxx" not in done.stdout + done.stderr
