"""What is exported, read by readers that are not ours, is what the plain script computes, to the bit."""

from __future__ import annotations

import csv
import io
import json
import math
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepper
from stepper.cli import main
from stepper.session.files import losses_csv, npy, record_json
from stepper.session.notebook import Run
from tests.session.support import script

SOURCE = """
import numpy as np
import torch
w = np.ones(3)
losses = []
for i in range(4):
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308]) * (i + 1)
    single = np.array([[0.1, 1e-45], [3.4e38, -0.0]], dtype=np.float32)
    half = np.array([1.5, np.nan, 65504, 6e-8], dtype=np.float16)
    brain = torch.tensor([1.0, float("nan"), 3.0e38, 1e-40], dtype=torch.bfloat16)
    pair = np.array([[1 + 2j, complex(np.nan, -np.inf)]], dtype=np.complex64)
    wide = torch.tensor([0.1 + 0.2j], dtype=torch.complex128)
    long = np.array([2**63 - 1, -(2**63)])
    unsigned = np.array([2**64 - 1, 0], dtype=np.uint64)
    small = np.array([-128, 127], dtype=np.int8)
    flags = np.array([[True], [False]])
    none = np.zeros((0, 3))
    nothing = torch.zeros(2, 0, dtype=torch.int16)
    point = np.array(3.5)
    dot = torch.tensor(2)
    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    other_end = np.array([1.0, 2.0], dtype=">f8")
    a, b, c, d, e = 3, float("inf"), True, 0.1 + 1j, 10**30
    loss = float("nan") if i == 1 else float((w ** 2).sum()) * (float("inf") if i == 2 else 0.1)
    losses.append(loss)
    w = w * 0.9
"""
ARRAYS = (
    *("odd", "single", "half", "brain", "pair", "wide", "long", "unsigned", "small", "flags", "none", "nothing"),
    *("point", "dot", "turned", "other_end"),
)
LAST = 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return script(tmp_path_factory.mktemp("read back"), SOURCE)


@pytest.fixture(scope="module")
def plain(path: str) -> dict[str, Any]:
    """What the names are bound to when the plain script is over, tensors as arrays of the same bits."""
    return runpy.run_path(path)


@pytest.fixture(scope="module")
def run(path: str) -> Iterator[Run]:
    with stepper.open(path) as opened:
        opened.iteration(LAST)
        opened.run()
        opened.iteration(LAST)
        yield opened


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """A value as NumPy has it; bfloat16 as float32, which holds each of its numbers."""
    if isinstance(value, np.ndarray):
        return value.astype(value.dtype.newbyteorder("="))
    found: np.ndarray[Any, Any] = (value.float() if "bfloat" in str(value.dtype) else value).numpy()
    return found


def same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("name", ARRAYS)
def test_numpy_loads_the_bits_of_every_array(name: str, run: Run, plain: dict[str, Any]) -> None:
    value = run.iteration(LAST)[name]
    assert value.value.copy is not None
    assert same(value.array, array_of(plain[name]))
    data = npy(run._array(LAST, value.value.copy))
    assert same(np.load(io.BytesIO(data), allow_pickle=False), array_of(plain[name]))


def test_scalars_are_what_they_were(run: Run, plain: dict[str, Any]) -> None:
    for name in "abcde":
        found = run.iteration(LAST)[name].array
        assert found.shape == () and found.item() == plain[name], name


def test_losses_are_read_back_by_a_reader_of_csv(run: Run, plain: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(losses_csv(run.losses).decode())))
    assert [int(row["iteration"]) for row in rows] == [0, 1, 2, 3]
    assert np.array([float(row["loss"]) for row in rows]).tobytes() == np.array(plain["losses"]).tobytes()


def strict(text: str | bytes) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def read(data: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The `data` of a value, by the README alone: names for what is not finite, a pair for a complex number."""
    flat: list[Any] = []

    def walk(part: Any, depth: int) -> None:
        if depth:
            for each in part:
                walk(each, depth - 1)
        elif dtype.kind == "c":
            flat.append(complex(number(part[0]), number(part[1])))
        else:
            flat.append(number(part))

    walk(data, len(shape))
    return np.array(flat, dtype=dtype).reshape(shape)


def test_json_has_every_element_to_the_bit(
    path: str, plain: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", path, "--iteration", str(LAST), "--values", "--format", "json"]) == 0
    trace = strict(capsys.readouterr().out)
    found = {value["label"]: value for event in trace["events"] for value in event["values"]}
    for name in ARRAYS:
        expected, told = array_of(plain[name]), found[name]
        assert tuple(told["summary"]["shape"]) == expected.shape
        assert same(read(told["data"], expected.dtype, expected.shape), expected), name
        finite = expected[np.isfinite(expected)]
        counts = [told["summary"][count] or 0 for count in ("neginf", "negative", "zero", "positive", "inf", "nan")]
        assert sum(counts) == expected.size
        if finite.size and finite.dtype.kind in "fiu":
            assert number(told["summary"]["min"]) == float(finite.min())
            assert number(told["summary"]["max"]) == float(finite.max())
    assert [found[name]["data"] for name in "abcde"] == [3, "inf", True, "0.1+1j", str(10**30)]
    assert trace["loss"] == pytest.approx(plain["loss"])


def test_the_record_the_app_saves_is_that_of_the_command(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.iteration(LAST)
    saved = strict(record_json(run.session))
    assert main(["trace", run.session.target, "--iteration", str(LAST), "--format", "json"]) == 0
    printed = strict(capsys.readouterr().out)
    for each in (saved, printed):
        for event in each["events"]:
            event.pop("duration_ns")
    assert saved == printed
    assert math.isclose(saved["loss"], run.losses[LAST] or 0.0, rel_tol=0.0)


def test_a_complex_parameter_has_an_update(tmp_path: Path) -> None:
    source = """
    import numpy as np
    w = np.array([1 + 1j, 2.0])
    for i in range(3):
        loss = float((abs(w) ** 2).sum())
        grad = 2 * w
        w -= 0.1 * grad
    """
    with stepper.open(script(tmp_path, source)) as run:
        it = run.iteration(1)
        assert it.record.faults == []
        (w,) = it.parameters
        assert w.update.array.dtype == np.complex128
        assert np.array_equal(w.update.array, w.after.array - w.before.array)
        assert w.update.summary.max == pytest.approx(float(abs(w.update.array).max()))
