"""The Python face: records by iteration, values by label."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

import stepper
from stepper.session.errors import Misuse, ScriptFailed
from stepper.session.notebook import Run
from tests.session.support import script


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with stepper.open("numpy", preset="small", seed=0) as opened:
        yield opened


def test_an_iteration_gives_its_loss_its_values_and_its_gates(run: Run) -> None:
    it = run.iteration(3)
    assert it.iteration == 3 and it.loss == run.losses[3]
    h, gate = it["h"].array, it.gates[0]
    assert h.shape == (4, 6) and h.dtype == numpy.float64
    assert gate.blocked == int((h < 0).sum()) and gate.blocked + gate.active == h.size
    assert numpy.array_equal(it["grad_h"].array, numpy.where(h < 0, 0, it["grad_h_relu"].array))
    assert gate.grad_after is not None
    assert numpy.array_equal(gate.grad_after.array, it["grad_h"].array)


def test_all_values_of_a_label_come_in_order_and_the_last_is_the_one_by_name(run: Run) -> None:
    it = run.iteration(0)
    found = it.all("w1")
    assert len(found) > 1 and {value.when for value in found} >= {"before", "after"}
    assert numpy.array_equal(found[-1].array, it["w1"].array)
    assert it["loss"].array.shape == () and float(it["loss"].array) == it.loss


def test_parameters_show_before_after_and_update(run: Run) -> None:
    it = run.iteration(1)
    w1 = next(each for each in it.parameters if each.name == "w1")
    assert w1.grad is not None
    assert numpy.array_equal(w1.update.array, w1.after.array - w1.before.array)
    assert numpy.array_equal(w1.after.array, w1.before.array - 1e-6 * w1.grad.array)


def test_the_setup_is_there_with_the_settings_of_the_preset(run: Run) -> None:
    assert run.setup.iteration is None and run.setup.loss is None
    assert run.setup["x"].array.shape == (4, 10)


def test_an_unknown_label_names_those_that_are_near(run: Run) -> None:
    it = run.iteration(0)
    for asked, told in (
        ("grad_hh", "did you mean grad_h, "),
        ("Grad_H", "did you mean grad_h, "),
        ("loss_", "did you mean loss? "),
        ("pred", "did you mean y_pred, y_pred - y, grad_y_pred or "),
        ("nope", f"there are t, x, w1, h, h_relu and {len(it.labels) - 5} more, in .labels"),
        ("", f"there are t, x, w1, h, h_relu and {len(it.labels) - 5} more, in .labels"),
    ):
        with pytest.raises(KeyError) as raised:
            it[asked]
        assert f"no value '{asked}' in this record" in str(raised.value) and told in str(raised.value)
    with pytest.raises(TypeError, match="by label"):
        it[0]  # type: ignore[index]


def test_iterations_beyond_either_end_are_index_errors(run: Run) -> None:
    with pytest.raises(IndexError, match="count from 0"):
        run.iteration(-1)
    with pytest.raises(IndexError, match="499"):
        run.iteration(10_000)
    for number, said in ((10**30, "at most 10\\^18"), (-1, "count from 0")):
        with pytest.raises(IndexError, match=said):
            run.iteration(number)
        with pytest.raises(IndexError, match=said):
            run.run(number)
    with pytest.raises(TypeError, match="integer"):
        run.iteration(1.5)  # type: ignore[arg-type]
    assert run.iteration(numpy.int64(2)).iteration == 2  # type: ignore[arg-type]


def test_a_misuse_is_raised_at_once() -> None:
    with pytest.raises(Misuse, match="unknown variant"):
        stepper.open("nump")
    with pytest.raises(Misuse, match="preset"):
        stepper.open("numpy", preset="huge")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("threads", 0),
        ("threads", 10**10),
        ("memory", 0),
        ("memory", -5),
        ("memory", 2**70),
    ],
)
def test_numbers_out_of_range_are_refused(option: str, value: int) -> None:
    with pytest.raises(Misuse, match=f"^numpy: --{option} must be .*, not {value}$"):
        stepper.open("numpy", **{option: value})  # type: ignore[arg-type]


def test_a_seed_may_be_an_integer_of_numpy_and_nothing_else() -> None:
    with stepper.open("numpy", preset="small", seed=numpy.int64(0)) as run:  # type: ignore[arg-type]
        assert run.iteration(0).loss == pytest.approx(237.49354290915844)
    with pytest.raises(TypeError, match="integer"):
        stepper.open("numpy", seed=1.5)  # type: ignore[arg-type]


def test_closing_twice_is_closing_once() -> None:
    opened = stepper.open("and-gate")
    opened.close()
    opened.close()


def test_breakpoints_stop_a_run_and_lead_back() -> None:
    with stepper.open("numpy", preset="small", seed=0) as run:
        assert run.toggle_breakpoint(35)
        stops = []
        for move in (run.run, run.run, run.reverse):
            move()
            iteration, event = run.here
            assert event is not None
            stops.append((iteration, event.text))
        assert stops == [(0, "grad_h[h < 0] = 0"), (1, "grad_h[h < 0] = 0"), (0, "grad_h[h < 0] = 0")]
        assert len(run.losses) == 2
        with pytest.raises(LookupError, match="no statement begins on line 1"):
            run.toggle_breakpoint(1)


def test_what_is_shown_of_a_run_and_its_records_is_short(run: Run) -> None:
    it = run.iteration(0)
    assert repr(run) == "<run of numpy: stopped at iteration 0, line 20>"
    assert repr(run.here) == "(0, <statement 0, line 20: for t in range(iterations)>)"
    shown = [*it.events, *it.gates, *it.parameters, it, it.record, it.record.gates[0], it.record.parameters[0]]
    shown += [value for event in it.events for value in event.values]
    assert max(len(repr(each)) for each in shown) < 120 and all("\n" not in repr(each) for each in shown)


def test_a_failure_says_what_the_script_said_and_where(tmp_path: Path) -> None:
    target = script(tmp_path, "w = 1.0\nfor i in range(9):\n    loss = w * w\n    w = w / (2 - i)\n")
    with stepper.open(target) as run:
        with pytest.raises(ScriptFailed) as raised:
            run.iteration(5)
        assert str(raised.value) == f"{target}: ZeroDivisionError: float division by zero (line 4)"
        assert raised.value.traceback.startswith("Traceback")
        assert "failed with ZeroDivisionError" in repr(run.iteration(2).events)
        assert run.iteration(2).error == "ZeroDivisionError: float division by zero"
        assert run.iteration(1).error is None


def test_what_the_package_offers_is_listed_before_it_is_loaded(run: Run) -> None:
    assert {"open", "__version__"} <= set(dir(stepper))
    assert all(parameter.cosine is not None and parameter.cosine < 0 for parameter in run.iteration(0).parameters)


def test_a_run_that_is_closed_says_so(tmp_path: Path) -> None:
    target = script(tmp_path, "w = 1.0\nfor i in range(9):\n    loss = w * w\n    w = w - 0.1 * loss\n")
    with stepper.open(target) as run:
        losses = run.losses
    with pytest.raises(RuntimeError, match=r"script\.py: this run is closed"):
        run.iteration(0)
    run.close()
    assert run.losses == losses == [1.0]


def test_a_run_that_is_forgotten_or_left_open_ends_quietly(tmp_path: Path) -> None:
    target = script(tmp_path, "w = 1.0\nfor i in range(9):\n    loss = w * w\n    w = w - 0.1 * loss\n")
    source = f"""
import stepper
def open_one():
    run = stepper.open({target!r})
    run.iteration(2)
    return run
open_one()
over = open_one()
over.run()
kept = open_one()
print(over.losses[0], kept.iteration(1).loss)
"""
    # Not "-X dev", with which asyncio tells of every step that took longer than 0.1 s: on a slow machine some do
    done = subprocess.run([sys.executable, "-W", "always", "-c", source], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0 0.81\n", "")


def test_an_interrupt_stops_the_script_and_the_run_can_be_used(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    source = f"""
    w = 1.0
    while True:
        loss = w * w
        w = w - 1e-9
        if w < 0.99999:
            open({str(begun)!r}, "w").close()
    """
    with stepper.open(script(tmp_path, source)) as run:

        def interrupt() -> None:
            while not begun.exists():
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run.run()
        assert run.iteration(1).loss == run.losses[1]
        done = len(run.losses)
        assert run.iteration(0).iteration == 0 and len(run.losses) == done, "it runs no more"


def test_what_has_another_type_is_refused_plainly(run: Run, tmp_path: Path) -> None:
    for options, told in (
        ({"settings": ["N=3"]}, "settings are values by name"),
        ({"arguments": "--epochs"}, "arguments are a list of texts"),
        ({"arguments": [1]}, "each of arguments is a text"),
        ({"loss": 3}, "loss is a text"),
    ):
        with pytest.raises(TypeError, match=told):
            stepper.open("numpy", **options)
    with stepper.open(Path(script(tmp_path, "w = 1.0\nfor i in range(2):\n    loss = w\n    w -= 0.1\n"))) as other:
        assert other.losses == [1.0]
    it = run.iteration(0)
    assert "loss" in it and "los" not in it
    with pytest.raises(TypeError, match="not iterable"):
        list(it)  # type: ignore[call-overload]


NAMES = """
import numpy as np
x, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([1.0, 2.0])
w, b = np.zeros(2), np.zeros(1)
params = [w, b]
for t in range(2):
    h = x + t
    h = None
    k = x + 7
    k += 1
    d = x @ w + b - y
    loss = (d ** 2).mean()
    for p, g in zip(params, [x.T @ d, d.sum(keepdims=True)]):
        p -= 0.01 * g
"""


def test_a_label_has_what_its_object_holds_whatever_name_it_was_changed_under(tmp_path: Path) -> None:
    plain: dict[str, numpy.ndarray] = {}
    exec(NAMES.replace("range(2)", "range(1)"), plain)
    with stepper.open(script(tmp_path, NAMES)) as run:
        it = run.iteration(0)
        for name in ("w", "b", "p"):
            assert it[name].array.tolist() == plain[name].tolist(), name
        assert it["w"].label == "w" and it.all("w")[0].array.tolist() == [0.0, 0.0], "a record is a copy"
        assert it["h"].array.tolist() == [[1.0, 2.0], [3.0, 5.0]], "k lies where it lay, and is no name of it"


def test_a_parameter_holds_what_a_view_of_it_was_changed_to(tmp_path: Path) -> None:
    source = """
import numpy as np
x, table = np.array([1.0, 2.0]), np.ones((3, 2))
for t in range(2):
    row = table[1]
    d = row @ x - 1.0
    loss = d ** 2
    row -= 0.01 * 2 * d * x
"""
    with stepper.open(script(tmp_path, source)) as run:
        it = run.iteration(0)
        assert it["table"].array.tolist() == it.parameters[0].after.array.tolist() != it.all("table")[-1].array.tolist()
