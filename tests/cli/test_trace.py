"""`stepper trace`: one iteration, for programs and for people."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from stepper.cli import main

TOP = {
    "format",
    "versions",
    "target",
    "engines",
    "device",
    "threads",
    "seed",
    "settings",
    "iteration",
    "loss",
    "losses",
    "events",
    "gates",
    "parameters",
}
EVENT = {
    "id",
    "parent",
    "kind",
    "phase",
    "file",
    "line",
    "column",
    "end_line",
    "end_column",
    "occurrence",
    "text",
    "values",
    "error",
}
SUMMARY = {"kind", "type", "shape", "dtype", "device", "min", "max", "mean", "std", "l2"} | {
    "neginf",
    "negative",
    "zero",
    "positive",
    "inf",
    "nan",
}
GATE = {"label", "op", "event", "line", "axis", "h", "grad_before", "grad_after", "active", "blocked", "dead_units"}
PARAMETER = {"name", "shape", "before", "after", "grad", "update"}


def traced(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The document that `trace --format json` prints, read strictly."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert main(["trace", *arguments, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document: dict[str, Any] = json.loads(captured.out, parse_constant=refuse)
    return document


def test_json_has_the_fields_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "numpy", "--preset", "small", "--seed", "0", "--iteration", "3", "--values")
    assert set(document) >= TOP
    assert document["format"] == 1
    assert document["target"] == "numpy"
    assert document["iteration"] == 3
    assert document["seed"] == 0
    assert document["settings"]["N"] == 4
    assert document["losses"] == [document["loss"]]
    assert all(set(event) >= EVENT for event in document["events"])
    assert [event["id"] for event in document["events"]] == list(range(len(document["events"])))
    values = [value for event in document["events"] for value in event["values"]]
    assert all(set(value) >= {"label", "role", "when", "summary"} for value in values)
    assert all(set(value["summary"]) >= SUMMARY for value in values)
    (gate,) = document["gates"]
    assert set(gate) >= GATE
    assert gate["active"] + gate["blocked"] == 24
    assert [parameter["name"] for parameter in document["parameters"]] == ["w1", "w2"]
    assert all(set(parameter) >= PARAMETER for parameter in document["parameters"])


def test_the_gate_is_what_the_arrays_say(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "numpy", "--preset", "small", "--seed", "0", "--values")
    (gate,) = document["gates"]
    h, before, after = (gate[name]["data"] for name in ("h", "grad_before", "grad_after"))
    blocked = [[cell < 0 for cell in row] for row in h]
    assert gate["blocked"] == sum(map(sum, blocked))
    assert after == [
        [0.0 if stop else gradient for stop, gradient in zip(*rows, strict=True)]
        for rows in zip(blocked, before, strict=True)
    ]
    assert gate["dead_units"] == [unit for unit in range(6) if all(row[unit] for row in blocked)]


def test_without_values_there_are_no_elements(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "numpy", "--preset", "small", "--seed", "0")
    assert not any("data" in value for event in document["events"] for value in event["values"])


WATCH = ("--watch", "(h > 0).sum(0)", "--watch", "grad_w.sum()", "--watch", "loss * 2")


def test_watched_expressions_are_worked_out_of_what_the_iteration_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    found = traced(capsys, "numpy", "--preset", "small", "--seed", "0", "--values", *WATCH)
    opened, unknown, doubled = found["watched"]
    h = next(value["data"] for event in found["events"] for value in event["values"] if value["label"] == "h")
    assert opened["value"]["data"] == [sum(row[unit] > 0 for row in h) for unit in range(6)]
    assert unknown["value"] is None and unknown["problem"].startswith("nothing here is called grad_w; did you mean")
    assert doubled["value"]["data"] == 2 * found["loss"]


def test_the_text_begins_with_what_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "numpy", "--preset", "small", "--seed", "0", *WATCH]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("(h > 0).sum(0)  (6,)  int64")
    assert any(line.startswith("! grad_w.sum(): nothing here is called grad_w") for line in lines[:8])


def test_an_interrupt_says_which_expression_was_worked_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr("stepper.session.headless.End.evaluated", interrupted)
    assert main(["trace", "and-gate", "--watch", "w1 + 1"]) == 130
    assert capsys.readouterr().err == "and-gate: interrupted while w1 + 1 was worked out, after 1 iteration\n"


def test_what_is_no_expression_cannot_be_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "numpy", "--watch", "h ="]) == 2
    assert capsys.readouterr().err == "numpy: h = is not a Python expression: invalid syntax\n"


def test_large_values_have_no_elements(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "numpy", "--seed", "0", "--values")
    for event in document["events"]:
        for value in event["values"]:
            shape = value["summary"]["shape"]
            if shape == [64, 1000]:
                assert "data" not in value
            elif shape == [64, 10]:
                assert len(value["data"]) == 64
    (gate,) = document["gates"]
    assert gate["h"]["summary"]["shape"] == [64, 100]
    assert "data" not in gate["h"]


def test_the_setup_is_a_record_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "numpy", "--preset", "small", "--iteration", "setup")
    assert document["iteration"] is None
    assert document["loss"] is None
    assert {event["phase"] for event in document["events"]} == {"setup"}
    labels = {value["label"] for event in document["events"] for value in event["values"]}
    assert {"x", "y", "w1", "w2"} <= labels


def test_what_is_not_finite_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    document = traced(capsys, "relu-class", "--seed", "0", "--iteration", "6")
    assert document["loss"] == "inf"


def test_text_reads_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "numpy", "--preset", "small", "--seed", "0"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0].startswith("numpy  iteration 0  loss 237.4935")
    assert "seed 0" in lines[1]
    assert any(line.split()[:4] == ["22", "forward", "h", "="] for line in lines)
    assert "h  (4, 6)  float64" in text
    assert "mask (█ the gradient passes, · it is blocked)" in text
    places = [text.index(part) for part in ("Gate ", "mask (", "    h: ", "gradient before: ", "gradient after: ")]
    assert places == sorted(places)
    assert "update/parameter" in text


@pytest.mark.parametrize(
    ("iteration", "began"),
    [
        (0, []),
        (1, ["first not finite: g, line 7: 1 nan, 1 inf"]),
        (2, ["first not finite: p['w'], line 6: 1 nan, 1 -inf, as it was before this iteration"]),
    ],
)
def test_the_text_says_where_something_first_became_nan_or_infinite(
    iteration: int, began: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "spoiled.py"
    script.write_text(
        "import numpy as np\n"
        "best, p = float('inf'), {'w': np.array([1.0, 0.0])}\n"
        "for t in range(3):\n"
        "    low = np.array([-np.inf, -np.inf])\n"
        "    top = np.maximum(low, 0.0)\n"
        "    loss = (p['w'] ** 2).sum() + top.sum()\n"
        "    g = p['w'] / (np.zeros(2) if t == 1 else 1.0)\n"
        "    p['w'] -= 0.1 * g\n"
    )
    assert main(["trace", str(script), "--iteration", str(iteration)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("first not finite")] == began
    assert lines[2:3] == (began or [""]), "at the head of the page"


def test_what_is_pointed_out_stands_at_the_head_of_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "stretched.py"
    script.write_text(
        "import numpy as np\n"
        "x, y, w = np.eye(3), np.ones(3), np.zeros((3, 1))\n"
        "for t in range(2):\n"
        "    loss = ((x @ w - y) ** 2).mean()\n"
        "    w -= 0.1 * x.T @ (x @ w - y[:, None])\n"
    )
    assert main(["trace", str(script)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["! line 4: broadcast: (3, 1) − (3,) → (3, 3), larger than both", ""]


def test_the_text_says_which_epoch_an_iteration_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "and-gate", "--iteration", "13"]) == 0  # four updates an epoch
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[lines.index(["epoch", "3", "int"]) + 1] == ["k", "1", "int"]


def test_the_text_pictures_large_gates_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "numpy", "--seed", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    mask = lines.index("    mask (█ the gradient passes, · it is blocked)")
    assert len(lines[mask + 1].strip()) == 100
    assert set(lines[mask + 1].strip()) == {"█", "·"}
    assert lines[mask + 17].strip() == "… 48 more rows"


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ("1k", "No gate is told: elements that would tell are past --memory."),
        ("100k", "    gradient before: none was seen, elements are past --memory"),
    ],
)
def test_gates_that_there_was_no_room_for_are_not_told_as_gates_that_did_not_run(
    memory: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "numpy", "--seed", "0", "--memory", memory]) == 0
    assert told in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("variant", ["autograd", "custom-function", "nn", "module"])
def test_the_hidden_layer_is_seen_where_it_has_no_name(variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    preset = {"autograd": "N=4"}.get(variant, "N=5")
    document = traced(capsys, variant, "--seed", "0", "--set", preset)
    (gate,) = document["gates"]
    rows = int(preset.removeprefix("N="))
    for name in ("h", "grad_before", "grad_after"):
        assert gate[name]["summary"]["shape"] == [rows, 100]
    assert gate["active"] + gate["blocked"] == rows * 100


def test_a_script_that_fails_before_the_iteration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "train.py"
    target.write_text("w = 2.0\nfor step in range(9):\n    loss = 1 / w\n    w -= 1.0\n")
    assert main(["trace", str(target), "--iteration", "5"]) == 1
    captured = capsys.readouterr()
    assert f'File "{target}", line 3, in <module>' in captured.err
    assert captured.out == ""


def test_an_iteration_that_kills_the_process_is_shown_up_to_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "dies.py"
    lines = ["import os", "w = 1.0", "for step in range(5):", "    loss = w * w", "    if step == 2:"]
    path.write_text("\n".join([*lines, "        os.kill(os.getpid(), 9)", "    w = w - 0.1 * loss", ""]))
    assert main(["trace", str(path), "--iteration", "2", "--format", "json"]) == 1
    captured = capsys.readouterr()
    shown = json.loads(captured.out)
    assert [event["line"] for event in shown["events"]] == [3, 4, 5, 6] and shown["events"][-1]["error"]
    assert shown["error"] == "the script's process was ended by SIGKILL at line 6, in iteration 2"
    assert captured.err == f"{path}: {shown['error']}\n"


def test_the_iteration_that_fails_is_shown_up_to_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text("w = 1.0\nfor step in range(5):\n    loss = w * w\n    w = w / (1 - step)\n")
    assert main(["trace", str(path), "--iteration", "1", "--format", "json"]) == 1
    captured = capsys.readouterr()
    events = json.loads(captured.out)["events"]
    assert [(event["line"], event["error"]) for event in events if event["line"] > 2] == [
        (3, None),
        (4, "ZeroDivisionError: float division by zero"),
    ]
    assert captured.err.startswith("Traceback (most recent call last):\n") and "line 4, in <module>" in captured.err
    assert main(["trace", str(path), "--iteration", "1"]) == 1
    assert "Ended by ZeroDivisionError" in capsys.readouterr().out
    for command in ("trace", "check"):
        assert main([command, str(path), "--iteration", "3"]) == 1
        told = f"{path}: iteration 3 was not reached: the script failed in iteration 1; trace --iteration 1 shows how"
        assert capsys.readouterr().err.splitlines()[-1] == told


def test_a_module_is_traced_under_the_name_that_was_typed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    source = "from . import rate\nw = 1.0\nfor t in range(3):\n    loss = w * w\n    w = w - rate.rate * 2 * w\n"
    for name, text in {"train": source, "rate": "rate = 0.1\n"}.items():
        (tmp_path / "lab" / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    document = traced(capsys, "-m", "lab.train", "--iteration", "1")
    assert (document["target"], document["loss"]) == ("-m lab.train", 0.6400000000000001)
    assert {event["file"] for event in document["events"]} == {str(tmp_path / "lab" / "train.py")}
    assert main(["trace", "-m", "lab.train"]) == 0
    assert capsys.readouterr().out.startswith("-m lab.train  iteration 0  loss 1.0\n")
    assert main(["run", "-mlab.train", "--iterations", "2"]) == 0
    assert capsys.readouterr().out == "0  1.0\n1  0.6400000000000001\n"
