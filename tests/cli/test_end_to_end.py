"""The installed command in a real terminal, as a person meets it."""

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal


def installed() -> str:
    """The command beside this interpreter, or wherever it is on the path."""
    beside = Path(sys.executable).with_name("stepper")
    assert beside.exists(), "install the package first: pip install -e '.[test]'"
    return str(beside)


def test_a_person_opens_the_app_steps_and_leaves() -> None:
    with Terminal([installed(), "numpy", "--preset", "small", "--seed", "0"], 120, 40) as terminal:
        terminal.wait_for("numpy", "h = x.dot(w1)", "statement 1/")
        terminal.press("n")
        terminal.wait_for("statement 2/")
        terminal.press("N")
        terminal.wait_for("statement 1/")
        terminal.press("i")
        terminal.wait_for("iteration 1/500")
        terminal.press("I")
        terminal.wait_for("iteration 0/500")
        terminal.press("q")
        assert terminal.wait_until_closed() == 0


def test_keys_typed_before_the_app_reads_any_do_what_they_mean_wherever_its_errors_go(tmp_path: Path) -> None:
    elsewhere = (
        f"exec {shlex.quote(installed())} numpy --preset small --seed 0 2>{shlex.quote(str(tmp_path / 'errors'))}"
    )
    with Terminal(["sh", "-c", elsewhere], 120, 40) as terminal:
        terminal.press("g7\r/grad_w1\r8>y")  # the terminal makes a newline of enter, and shows them
        terminal.wait_for("iteration 7/500", "Copied ")
        terminal.settle()
        assert "Go to" not in terminal.text
        copied = terminal.text.split("Copied ")[1].split(". ")[0]
        terminal.wait_for(f"] = {copied}")
        terminal.press(">")
        terminal.settle()
        assert f"] = {copied}" in terminal.text, "the largest"
        terminal.press("q")
        assert terminal.wait_until_closed() == 0


def test_the_app_is_suspended_and_comes_back_whole() -> None:
    with Terminal([installed(), "and-gate"], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        terminal.settle()
        terminal.press("\x1a")
        terminal.wait_until_stopped()
        assert bytes(terminal.written).rstrip().rfind(b"\x1b[?1049l") > bytes(terminal.written).rfind(b"statement")
        before = len(terminal.written)
        terminal.go_on()
        terminal.wait_until(
            lambda: all(word in terminal.written[before:] for word in (b"statement", b"Source", b"quit"))
        )
        terminal.press("n")
        terminal.wait_for("statement 2/")
        terminal.press("q")
        assert terminal.wait_until_closed() == 0


def test_the_app_comes_back_whole_from_a_stop_that_it_did_not_make() -> None:
    with Terminal([installed(), "and-gate"], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        terminal.settle()
        for _ in range(2):
            terminal.signal(signal.SIGSTOP)
            terminal.wait_until_stopped()
            terminal.written.clear()
            terminal.go_on()
            terminal.wait_until(lambda: all(word in terminal.written for word in (b"statement", b"Source", b"quit")))
        terminal.press("n")
        terminal.wait_until(lambda: b"2/" in terminal.written)
        terminal.press("q")
        assert terminal.wait_until_closed() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_app_that_is_told_to_end_gives_the_terminal_back_first(number: signal.Signals, tmp_path: Path) -> None:
    config = tmp_path / "stepper.toml"
    with Terminal([installed(), "and-gate", "--config", str(config)], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        terminal.press("5l")
        terminal.wait_for("Loss · log")
        terminal.settle()
        terminal.written.clear()
        terminal.signal(number)
        assert terminal.wait_until_closed() == -number
        assert 'loss = "log"' in config.read_text(encoding="utf-8"), "what is remembered is written down first"
        for mode in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h"):  # its screen, the mouse, the cursor
            assert mode in terminal.written


def test_the_app_is_drawn_in_utf_8_whatever_the_locale() -> None:
    with Terminal(["env", "PYTHONIOENCODING=ascii", installed(), "and-gate"], 120, 40) as terminal:
        terminal.wait_for("╭─ Source ─", "■ stopped")
        terminal.press("q")
        assert terminal.wait_until_closed() == 0


def test_a_terminal_that_can_do_nothing_gets_one_line() -> None:
    with Terminal(["env", "TERM=dumb", installed(), "and-gate"], 200, 24) as terminal:
        assert terminal.wait_until_closed() == 2
        said = bytes(terminal.written).decode().strip()
        assert said.startswith(
            "and-gate: the app needs a terminal that can do more than TERM=dumb says; use stepper run"
        )
        assert "\x1b" not in said


def test_misuse_in_a_terminal_is_one_line(tmp_path: Path) -> None:
    script = tmp_path / "straight.py"
    script.write_text("print('hello')\n")
    with Terminal([installed(), str(script)], 200, 24) as terminal:
        assert terminal.wait_until_closed() == 2
        # pyte has no second screen, so what the app had painted is still below the line
        assert f"{script}: no training loop" in terminal.text


def test_the_terminal_says_at_once_what_is_being_opened() -> None:
    with Terminal([installed(), "numpy"], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        assert b"stepper: opening numpy" in terminal.written[:100]
        assert "opening numpy" not in terminal.text


def test_what_cannot_be_opened_leaves_the_persons_own_screen() -> None:
    with Terminal([installed(), "nunpy"], 120, 24) as terminal:
        assert terminal.wait_until_closed() == 2
        assert "nunpy: " in terminal.text
        assert terminal.written.index(b"\x1b[?1049l") < terminal.written.index(b"nunpy: ")


def test_the_terminal_is_given_back_before_the_scripts_exit_handlers_have_ended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    script = tmp_path / "late.py"
    script.write_text(f"import atexit\natexit.register(lambda: open({str(tmp_path / 'go')!r}).read())\n"
                      "w = 1.0\nfor t in range(3):\n    loss = w * w\n    w -= 0.1 * w\n")  # fmt: skip
    with Terminal([installed(), str(script)], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        terminal.press("c")
        terminal.wait_for("ended")
        terminal.press("q")
        terminal.wait_until(lambda: b"waiting for the script's process to end" in terminal.written)
        assert b"\x1b[?1049l" in terminal.written
        with open(os.open(tmp_path / "go", os.O_RDWR), "w") as go:
            go.write("go")
            go.flush()
        assert terminal.wait_until_closed() == 0


def test_what_a_script_prints_at_its_exit_stands_in_the_terminal_when_the_app_is_closed(tmp_path: Path) -> None:
    script = tmp_path / "polite.py"
    script.write_text("import atexit\natexit.register(print, 'see', 'runs/7')\n"
                      "w = 1.0\nfor t in range(3):\n    loss = w * w\n    w -= 0.1 * w\nprint('over')\n")  # fmt: skip
    with Terminal([installed(), str(script)], 120, 40) as terminal:
        terminal.wait_for("statement 1/")
        terminal.press("c")
        terminal.wait_for("ended")
        terminal.press("q")
        assert terminal.wait_until_closed() == 0
        _, _, behind = bytes(terminal.written).partition(b"\x1b[?1049l")
        assert b"see runs/7" in behind and b"over" not in behind
