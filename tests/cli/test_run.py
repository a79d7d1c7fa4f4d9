"""`stepper run`: a loss a line, strictly, and nothing else on stdout."""

import io
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from stepper.cli import main

STEPPER = [sys.executable, "-m", "stepper"]
ENDLESS = "x = 1.0\nwhile True:\n    loss = x * x\n    x -= 0.1 * x\n"


def script(folder: Path, *lines: str) -> str:
    """A script of these lines."""
    path = folder / "train.py"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def strict(lines: Iterable[str]) -> list[Any]:
    """Each line as strict JSON, in which NaN and Infinity do not exist."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in lines]


def test_jsonl_is_one_strict_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "relu-class", "--seed", "0", "--iterations", "9", "--format", "jsonl"]) == 0
    captured = capsys.readouterr()
    rows = strict(captured.out.splitlines())
    assert [set(row) for row in rows] == [{"iteration", "loss"}] * 9
    assert [row["iteration"] for row in rows] == list(range(9))
    assert rows[0]["loss"] == pytest.approx(266691.11533339304, rel=1e-9)
    assert [row["loss"] for row in rows[6:]] == ["inf", "nan", "nan"]
    first = "relu-class: the loss is inf in iteration 6, the first that is not finite; "
    assert captured.err == f"{first}stepper trace, with --iteration 6, tells where that began\n"


def test_text_has_the_same_losses_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "and-gate", "--format", "jsonl"]) == 0
    rows = strict(capsys.readouterr().out.splitlines())
    assert main(["run", "and-gate"]) == 0
    text = capsys.readouterr().out.splitlines()
    assert len(rows) == 80
    assert [line.split() for line in text] == [[str(row["iteration"]), str(row["loss"])] for row in rows]


@pytest.mark.parametrize(("asked", "count"), [("1", 1), ("7", 7), ("80", 80), ("1000", 80)])
def test_iterations_end_the_run(asked: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "and-gate", "--iterations", asked]) == 0
    assert len(capsys.readouterr().out.splitlines()) == count


def test_an_iteration_without_a_loss_is_null(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = script(tmp_path, "w = 1.0", "for step in range(2):", "    w = w * 0.5")
    assert main(["run", target, "--format", "jsonl"]) == 0
    assert strict(capsys.readouterr().out.splitlines()) == [
        {"iteration": 0, "loss": None},
        {"iteration": 1, "loss": None},
    ]


def test_settings_change_the_run_and_the_last_word_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "and-gate", "--preset", "long", "--set", "epochs=3", "--set", "learning_rate=0.5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12


def test_what_the_script_prints_is_shown_on_stderr_when_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = script(
        tmp_path, "print('begins')", "w = 1.0", "for step in range(2):", "    loss = w * w", "    w -= 0.1 * w"
    )
    assert main(["run", target]) == 0
    captured = capsys.readouterr()
    assert "begins" not in captured.out + captured.err
    assert main(["run", target, "--output"]) == 0
    captured = capsys.readouterr()
    assert "begins" not in captured.out
    assert captured.err == "begins\n"


def test_unbuffered_lines_keep_their_order_among_native_writes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    target = script(
        tmp_path,
        "import os",
        "w = 1.0",
        "for step in range(2):",
        "    loss = w * w",
        "    print('printed', step)",
        "    os.write(1, b'written\\n')",
        "    w -= 0.1 * w",
        "print('end', end='')",
    )
    assert main(["run", target, "--output"]) == 0
    assert capsys.readouterr().err == "printed 0\nwritten\nprinted 1\nwritten\nend"


def test_the_collector_of_cycles_works_and_has_nothing_of_ours_to_look_at(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = script(
        tmp_path,
        "import gc",
        "assert gc.isenabled()",
        "ours = [found for found in gc.get_objects() if type(found).__module__.startswith('stepper')]",
        "assert not ours, ours",
        "w = 1.0",
        "for step in range(2):",
        "    loss = w * w",
        "    w -= 0.1 * w",
    )
    assert main(["run", target]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_what_follows_two_dashes_is_the_scripts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = script(
        tmp_path,
        "import sys",
        "assert sys.argv[1:] == ['--seed', '7', '--help', '--', '-x'], sys.argv",
        "w = 1.0",
        "for step in range(2):",
        "    loss = w * w",
        "    w -= 0.1 * w",
    )
    assert main(["run", target, "--", "--seed", "7", "--help", "--", "-x"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_script_that_fails_shows_its_own_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = script(
        tmp_path,
        "def invert(value):",
        "    return 1 / value",
        "",
        "w = 2.0",
        "for step in range(9):",
        "    loss = invert(w)",
        "    w -= 1.0",
    )
    assert main(["run", target]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    lines = captured.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("ZeroDivisionError: ")
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    assert places == [f'File "{target}", line 6, in <module>', f'File "{target}", line 2, in invert']
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["run", target]) == 1
    assert f"{target}: the script failed in iteration 2; trace --iteration 2 shows how\n" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_a_script_that_asks_for_input_at_a_terminal_is_told_to_pipe_it(
    terminal: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = io.StringIO()
    monkeypatch.setattr(keyboard, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdin", keyboard)
    monkeypatch.setattr(sys, "__stdin__", None)  # nothing is piped
    script = tmp_path / "asks.py"
    script.write_text("w = 1.0\nfor t in range(3):\n    w -= 0.1 * float(input())\n")
    assert main(["run", str(script)]) == 1
    said = capsys.readouterr().err
    assert "EOFError: EOF when reading a line" in said
    assert (f"echo ANSWER | stepper run {script}" in said.splitlines()[-1]) is terminal


def test_a_script_that_fails_in_its_setup(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = script(tmp_path, "data = open('/nowhere')", "w = 1.0", "for step in range(2):", "    w -= 0.1 * w")
    assert main(["run", target]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f'File "{target}", line 1, in <module>' in captured.err
    assert "FileNotFoundError" in captured.err


def test_a_script_whose_process_dies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = script(tmp_path, "import os", "w = 1.0", "for step in range(2):", "    w -= 0.1 * w", "    os._exit(9)")
    assert main(["run", target]) == 1
    assert "9" in capsys.readouterr().err


def read_a_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready, "no output in 60 seconds"
    return process.stdout.readline()


def test_an_interrupt_ends_the_run_and_says_how_far_it_came(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    with subprocess.Popen(
        [*STEPPER, "run", str(tmp_path / "endless.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert read_a_line(process).startswith("0  ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.fullmatch(rf"{tmp_path}/endless.py: interrupted after [1-9]\d* iterations?\n", errors)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    with subprocess.Popen(
        [*STEPPER, "run", str(tmp_path / "endless.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert read_a_line(process).startswith("0  ")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


def test_a_progress_bar_is_drawn_where_stderr_is_a_terminal(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen([*STEPPER, "run", "and-gate"], stdout=subprocess.PIPE, stderr=theirs, text=True)
        os.close(theirs)
        losses, _ = process.communicate(timeout=60)
        drawn = b""
        while select.select([terminal], [], [], 1.0)[0]:
            try:
                drawn += terminal.read(4096)
            except OSError:  # the other end is closed
                break
    assert process.returncode == 0
    assert len(losses.splitlines()) == 80
    assert b"80/80" in drawn


def test_what_a_script_that_leaves_has_said_is_shown(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        "import argparse",
        "parser = argparse.ArgumentParser()",
        "parser.add_argument('--epochs', type=int, default=3)",
        "options = parser.parse_args()",
        "w = 1.0",
        "for epoch in range(options.epochs):",
        "    loss = w * w",
        "    w -= 0.2 * w",
    )
    done = subprocess.run([*STEPPER, "run", path, "--", "--bogus"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "unrecognized arguments: --bogus" in done.stderr
    assert done.stderr.endswith(
        f"{path}: the script left by itself with status 2 (SystemExit), at line 4, in the setup\n"
    )


def test_a_script_reads_what_is_piped_to_it(tmp_path: Path) -> None:
    path = script(tmp_path, "n = int(input())", "w = 1.0", "for t in range(n):", "    loss = w * w", "    w -= 0.2 * w")
    done = subprocess.run([*STEPPER, "run", path], input="4\n", capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4)


def test_a_loop_that_is_never_entered_is_said_not_to_have_been(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "and-gate", "--set", "epochs=0"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "and-gate: the script ended without a pass through the training loop\n"


def test_what_other_processes_are_handed_is_said_not_to_be_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = [
        "def train(rank):",
        "    w = 1.0",
        "    for t in range(3):",
        "        loss = w * w",
        "        w -= 0.2 * w",
    ]
    start = ["workers = [Process(target=train, args=(rank,)) for rank in range(1)]", "for each in workers:"]
    begin = ["    each.start()", "for each in workers:", "    each.join()"]
    seeds = ["import numpy as np", "count = 2", "np.random.SeedSequence(0).spawn(count)"]
    path = script(tmp_path, "from multiprocessing import Process", *seeds, *train, *start, *begin)
    told = "line 10 hands train to other processes, which are not watched"
    assert main(["run", path]) == 0
    assert f"without a pass through the training loop; {told}" in capsys.readouterr().err


def test_the_other_loops_are_named_where_the_script_comes_to_one_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["    w = 1.0", "    for t in range(3):", "        loss = w * w", "        w -= 0.2 * w"]
    path = script(tmp_path, "def a():", *train, "def b():", *train, "{'a': a, 'b': b}['b']()")
    named = "line 3 (for t in range(3)) is taken as the training loop; line 8 (for t in range(3)) trains, too"
    assert main(["run", path]) == 0
    assert f"{path}: {named}: --loop names one\n" in capsys.readouterr().err
    assert main(["trace", path, "--iteration", "0"]) == 2
    assert f"the loop was never entered; {named}: --loop names one" in capsys.readouterr().err
    path = script(tmp_path, "def a():", *train, "def b():", *train, "a()", "b()")
    assert main(["run", path]) == 0
    assert capsys.readouterr().err == f"{path}: {named}: --loop names one\n"


LATE = ["w, seen = 1.0, 0", "for t in range(3):", "    seen += 1", "    if seen > 2:", "        {} = (w - 3.0) ** 2",
        "        w -= 0.2 * (w - 3.0)"]  # fmt: skip


@pytest.mark.parametrize("name", ["objective", "loss"])
def test_where_no_iteration_has_a_loss_it_is_said_what_was_looked_for(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path, *(line.format(name) for line in LATE))
    assert main(["run", path]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[:2] == ["0  no loss", "1  no loss"] and (lines[2] == "2  no loss") == (name == "objective")
    assert ("neither a .backward() nor a number called loss" in captured.err) == (name == "objective")
    assert ("stepper trace may tell which" in captured.err) == (name == "objective")
    assert main(["run", path, "--iterations", "2", "--loss", "[w]"]) == 0
    assert "no iteration so far has a loss: [w] is no single number" in capsys.readouterr().err
