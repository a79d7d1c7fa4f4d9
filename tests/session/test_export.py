"""The JSON of a trace: strict, and with the fields that the contract promises."""

import json
from pathlib import Path
from typing import Any

import pytest

from stepper.session import Misuse, Options, ScriptFailed
from stepper.session.export import encode, nested, number, trace_document
from stepper.session.headless import trace
from tests.session.support import script

TRACE = {"format", "versions", "target", "engines", "device", "threads", "seed", "settings", "iteration", "loss"}
TRACE |= {"losses", "events", "gates", "parameters"}
EVENT = {"id", "parent", "kind", "phase", "file", "line", "column", "end_line", "end_column", "occurrence", "text"}
EVENT |= {"values", "error"}
SUMMARY = {"kind", "type", "shape", "dtype", "device", "min", "max", "mean", "std", "l2", "neginf", "negative", "zero"}
SUMMARY |= {"positive", "inf", "nan"}
GATE = {"label", "op", "event", "line", "axis", "h", "grad_before", "grad_after", "active", "blocked", "dead_units"}
PARAMETER = {"name", "shape", "before", "after", "grad", "update"}

BROKEN = """
import numpy as np
x = np.array([[1.0, -1.0], [np.inf, np.nan]])
w = np.array([[-np.inf, 2.0], [0.0, 3.0]])
big = np.zeros((100, 100))
mark = 2 ** 100
for i in range(2):
    h = x * 2
    a = np.maximum(h, 0)
    large = big + 1
    loss = float((w * a).sum())
    g = 2 * w * a
    g[h < 0] = 0
    w -= 0.1 * g
"""


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document as another program reads it; a constant such as NaN is not JSON."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    read: dict[str, Any] = json.loads(encode(document), parse_constant=refuse)
    return read


def values_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = [value for event in document["events"] for value in event["values"]]
    for gate in document["gates"]:
        found += [gate[name] for name in ("h", "grad_before", "grad_after") if gate[name] is not None]
    for parameter in document["parameters"]:
        found += [parameter[name] for name in ("before", "after", "grad", "update") if parameter[name] is not None]
    return found


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    target = script(tmp_path_factory.mktemp("export"), BROKEN)
    return strict(trace_document(trace(target, Options(seed=3), 1), values=True))


def test_every_promised_field_is_there(document: dict[str, Any]) -> None:
    assert document.keys() >= TRACE and document["format"] == 1 and document["iteration"] == 1
    assert document["seed"] == 3 and document["engines"][:1] == ["python"] and "numpy" in document["versions"]
    for event in document["events"]:
        assert event.keys() >= EVENT
    for value in values_of(document):
        assert value.keys() >= {"label", "role", "when", "summary"}
        assert value["summary"].keys() >= SUMMARY
    assert [gate.keys() >= GATE for gate in document["gates"]] == [True]
    assert [each.keys() >= PARAMETER for each in document["parameters"]] == [True]


def test_what_is_not_finite_is_a_text(document: dict[str, Any]) -> None:
    assert document["loss"] == "nan"
    h = next(value for value in values_of(document) if value["label"] == "h" and value["when"] == "result")
    assert h["data"] == [[2.0, -2.0], ["inf", "nan"]]
    assert (h["summary"]["inf"], h["summary"]["nan"], h["summary"]["max"]) == (1, 1, 2.0)
    loss = next(value for value in values_of(document) if value["label"] == "loss")
    assert loss["summary"]["kind"] == "scalar" and loss["summary"]["value"] == "nan" == loss["data"]


def test_data_comes_with_small_values_only(document: dict[str, Any]) -> None:
    large = next(value for value in values_of(document) if value["label"] == "large")
    assert "data" not in large and large["summary"]["positive"] == 10_000


def test_without_values_there_is_no_data(tmp_path: Path) -> None:
    found = strict(trace_document(trace(script(tmp_path, BROKEN), Options(), None)))
    assert found["iteration"] is None and found["loss"] is None
    assert not any("data" in value for value in values_of(found))


def test_numbers_and_nesting() -> None:
    assert [number(value) for value in (1, 0.5, float("inf"), float("-inf"), float("nan"), "x", None)] == [
        1, 0.5, "inf", "-inf", "nan", "x", None,
    ]  # fmt: skip
    assert nested([1, 2, 3, 4], (2, 2)) == [[1, 2], [3, 4]]
    assert nested([7], ()) == 7
    assert nested([], (0, 3)) == [] and nested([], (2, 0)) == [[], []]


def test_an_iteration_past_the_end_is_misuse_and_a_failing_one_a_failure(tmp_path: Path) -> None:
    target = script(tmp_path, BROKEN)
    with pytest.raises(Misuse, match="there are 2 iterations"):
        trace(target, Options(), 2)
    failing = script(tmp_path, "w = 1.0\nfor i in range(3):\n    loss = w\n    w = w / (1 - i)\n", "failing.py")
    assert trace(failing, Options(), 0).failure is None
    failure = trace(failing, Options(), 1).failure
    assert failure is not None and failure.traceback.endswith("ZeroDivisionError: float division by zero\n")
    with pytest.raises(ScriptFailed):
        trace(failing, Options(), 2)
