"""`stepper check`: gradients against finite differences, for people and for programs, and its exit codes."""

import json
import os
import signal
from pathlib import Path

import pytest

from stepper.cli import main
from stepper.commands.check import _Telling
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.headless_check import check
from stepper.session.options import Options
from tests.session.support import script

WRONG = """
w = [1.0, -2.0]
for t in range(3):
    loss = (w[0] - 3) ** 2 + (w[1] - 1) ** 2
    grad = [w[0] - 3, w[1] - 1]
    w[0] -= 0.1 * grad[0]
    w[1] -= 0.1 * grad[1]
"""


def test_a_page_says_what_agrees(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepper.commands.check.QUIET", float("inf"))
    assert main(["check", "numpy", "--preset", "small", "--seed", "0", "--iteration", "2", "--entries", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert lines[0].startswith("numpy  iteration 2  loss 237.3")
    assert "w1  (10, 6)  agrees" in lines and "w2  (6, 3)  agrees" in lines
    assert lines[2] == "all 2 parameters agree"
    assert lines[4].startswith("a random direction through all 78 entries of 2 parameters  agrees: recorded 401.93")
    assert lines[7].split() == ["entry", "recorded", "finite", "difference", "give", "or", "take", "relative"]
    assert sum(line.endswith("  agrees") and line.startswith("  [") for line in lines) == 4


def test_one_that_differs_is_exit_code_one_and_json_says_by_what(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = script(tmp_path, WRONG)
    assert main(["check", path, "--format", "json"]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert (document["format"], document["target"], document["iteration"]) == (1, path, 0)
    assert document["agrees"] is False
    assert {each["factor"] for each in document["parameters"]} == {0.5}
    assert {each["verdict"] for each in document["parameters"]} == {"differs"}
    entries = [entry for each in document["parameters"] for entry in each["entries"]]
    assert all(entry["difference"] == pytest.approx(2 * entry["recorded"]) for entry in entries)
    assert all(entry["verdict"] == "differs" and entry["relative"] == pytest.approx(0.5) for entry in entries)


def test_a_failing_script_shows_its_own_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = script(tmp_path, WRONG + "    w[t] /= t - 1\n")
    assert main(["check", path, "--iteration", "1"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.rstrip().endswith("ZeroDivisionError: float division by zero")
    assert main(["check", path, "--iteration", "99"]) == 1, "it is not known that there would have been fewer"
    said = capsys.readouterr().err.rstrip().splitlines()
    assert "ZeroDivisionError" in said[-2] and "the script failed in iteration 1" in said[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--iteration", "80"], "there are only 80 iterations, 0 to 79"),
        (["--iteration", "setup"], "the setup has no loss"),
        (["--iteration", "-1"], "--iteration must be an iteration's number"),
        (["--entries", "0"], "--entries must be at least 1, not 0"),
        (["--parameter", "w11"], "no parameter is called w11; did you mean w1"),
        (["--parameter", "bias"], "no parameter is called bias; there are w1, w2, b"),
    ],
)
def test_a_misuse_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "and-gate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("and-gate: ") and said in captured.err


def test_only_the_parameters_that_are_named_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, names in (("w", ["w1", "w2"]), ("b", ["b"]), ("w2", ["w2"])):
        assert main(["check", "and-gate", "--format", "json", "--parameter", asked]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [each["name"] for each in told["parameters"]] == names


def test_how_far_a_check_is_is_told_within_a_parameter_too() -> None:
    heard: list[str] = []
    check("and-gate", Options(), 0, 1, lambda _, name: heard.append(name))
    assert heard[0] == "w1" and "w2, after " in "".join(heard)
    passes = [int(each.split()[2]) for each in heard if "after" in each]
    assert passes == sorted(passes) and len(set(passes)) > 3
    told = _Telling("some.py", 3)
    assert told.at == "on the way to iteration 3"


@pytest.mark.parametrize("seconds", [0.0, float("inf")])
def test_where_no_terminal_is_a_long_check_says_now_and_then_how_far_it_is(
    seconds: float, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stepper.commands.check.QUIET", seconds)
    target = script(tmp_path, WRONG)
    assert main(["check", target, "--format", "json"]) == 1
    captured = capsys.readouterr()
    said = captured.err.splitlines()
    assert json.loads(captured.out) and bool(said) is (seconds == 0)
    assert all(line.startswith(f"{target}: ") and line.endswith(" …") for line in said)
    assert not said or f"{target}: checking w (1 of 1) …" in said


def test_an_interrupt_prints_what_is_known_so_far(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ctrl+c does: while the second parameter is being checked."""
    asked = _Telling.__call__

    def interrupted(self: _Telling, found: GradientCheck, name: str) -> None:
        asked(self, found, name)
        if found.parameters:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_Telling, "__call__", interrupted)
    assert main(["check", "and-gate"]) == 130
    captured = capsys.readouterr()
    assert captured.err == "and-gate: interrupted at w2, after 8 passes: 1 of 3 parameters were checked\n"
    lines = captured.out.splitlines()
    assert lines[0].startswith("and-gate  iteration 0") and lines[-1] == "not checked yet: w2, b"
    assert sum("  agrees" in line and not line.startswith(" ") for line in lines) == 1
    assert main(["check", "and-gate", "--format", "json"]) == 130
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"] is False and told["unchecked"] == ["w2", "b"]


def test_an_interrupt_within_a_parameter_prints_its_entries_so_far(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _Telling.__call__

    def interrupted(self: _Telling, found: GradientCheck, name: str) -> None:
        asked(self, found, name)
        if found.begun is not None and len(found.begun.entries) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_Telling, "__call__", interrupted)
    command = ["check", "numpy", "--preset", "small", "--seed", "0", "--parameter", "w1"]
    assert main(command) == 130
    text = capsys.readouterr().out.splitlines()
    assert any(line.startswith("w1 ") and line.endswith("not done yet; so far:") for line in text), text
    assert sum(line.endswith("  agrees") for line in text) >= 2 and text[-1] == "not checked yet: w1"
    assert main([*command, "--format", "json"]) == 130
    told = json.loads(capsys.readouterr().out)
    assert not told["parameters"] and told["unchecked"] == ["w1"]
    assert [entry["verdict"] for entry in told["begun"]["entries"]] == ["agrees", "agrees"]
