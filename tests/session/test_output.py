"""What was printed belongs to the statement that printed it."""

import subprocess
import sys
from pathlib import Path

import stepper
from stepper.inferior.protocol import Stop
from stepper.record import Spot
from stepper.session.stops import Sought, first_stop

SOURCE = """
import numpy as np
w = np.ones(3)
for t in range(2):
    low = np.log(w * 0)
    root = np.sqrt(-w)
    loss = (w ** 2).sum()
    w -= 0.01 * 2 * w
    print("end", t)
"""


def test_a_warning_belongs_to_the_line_that_warned_though_it_calls_nothing_that_prints(tmp_path: Path) -> None:
    path = tmp_path / "warns.py"
    path.write_text(SOURCE)
    with stepper.open(str(path)) as run:
        text = run.session.output().encode()
        events = [event for event in run.iteration(0).events if event.kind == "statement"]
        said = {event.line: text[slice(*event.output)].decode() for event in events}
    assert "divide by zero" in said[5] and "invalid value" in said[6]
    assert said[7] == said[8] == "" and said[9] == "end 0\n"


OUTERMOST = """
import sys, warnings
sys.stderr = sys.stdout
def step(level):
    global w
    warnings.warn(f"of level {level}", stacklevel=level)
    w -= 0.1 * w
w = 3.0
for level in range(1, 9):
    loss = w * w
    step(level)
try:
    raise ValueError(w)
except ValueError:
    import traceback
    traceback.print_exc()
"""


def test_a_warning_that_looks_for_a_caller_beneath_the_script_finds_none(tmp_path: Path) -> None:
    path = tmp_path / "outermost.py"
    path.write_text(OUTERMOST)
    plain = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True).stdout
    with stepper.open(str(path)) as run:
        run.run()
        assert run.session.output() == plain and plain.count("sys:1: UserWarning: of level") == 6


FROM_A_HOOK = """
import sys, torch, warnings
sys.stderr = sys.stdout
w = torch.ones(3, requires_grad=True)
def warn(gradient):
    for level in range(1, 8):
        warnings.warn(f"of level {level}", stacklevel=level)
w.register_hook(warn)
for t in range(2):
    loss = (w * w).sum()
    w.grad = None
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
"""


def test_a_warning_that_looks_for_a_caller_beyond_the_backward_pass_finds_the_one_of_plain_python(
    tmp_path: Path,
) -> None:
    path = tmp_path / "from_a_hook.py"
    path.write_text(FROM_A_HOOK)
    plain = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True).stdout
    with stepper.open(str(path)) as run:
        run.iteration(1)
        run.run()
        assert run.session.output() == plain and "loss.backward()" in plain


CALLED = """
import numpy as np
import sys

def train(epoch):
    global w
    for i in range(2):
        loss = (w ** 2).sum()
        w -= 0.2 * w
    print("trained", epoch)

def fit():
    for epoch in range(2):
        print("epoch", epoch, train(epoch), flush=True)
    if epoch:
        return print("fitted")

w = np.ones(3)
if w is not None:
    print("all", fit(), file=sys.stderr)
"""


def test_what_a_statement_prints_after_the_loop_that_it_called_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "called.py"
    path.write_text(CALLED)
    with stepper.open(str(path)) as run:
        for number in range(4):
            run.iteration(number)
        records = [run.session.records[number] for number in range(4)]
        text = run.session.output().encode()
    said = [
        [
            (event.line, event.resumed, text[slice(*event.output)].decode())
            for event in record.events
            if event.output[0] < event.output[1]
        ]
        for record in records
    ]
    assert said == [
        [],
        [(10, False, "trained 0\n"), (14, True, "epoch 0 None\n")],
        [],
        [(10, False, "trained 1\n"), (14, True, "epoch 1 None\n"), (16, False, "fitted\n"), (20, True, "all None\n")],
    ]
    stops = Sought((Stop(Spot("", 14)), Stop(Spot("", 20))))
    assert first_stop(records[3], stops) is None, "the run came to those lines before"


LEFT = """
import contextlib

def loud():
    print("loud")
    raise ValueError

def train(w):
    for i in range(2):
        loss = w * w
        w -= 0.2 * w
    loud()

def safe(w):
    with contextlib.suppress(ValueError):
        train(w)

print("all", safe(1.0))
"""


def test_what_is_printed_behind_a_statement_that_failed_is_not_its_own(tmp_path: Path) -> None:
    path = tmp_path / "left.py"
    path.write_text(LEFT)
    with stepper.open(str(path)) as run:
        record = run.iteration(1).record
        text = run.session.output().encode()
    said = [
        (event.line, text[slice(*event.output)].decode())
        for event in record.events
        if event.output[1] > event.output[0]
    ]
    assert said == [(12, "loud\n"), (5, "loud\n"), (18, "all None\n")]


LIBRARY = """
class Run:
    def __enter__(self):
        print("enter")
        return self

    def __exit__(self, *raised):
        print("exit")

    def __iter__(self):
        for i in range(2):
            print("item", i)
            yield i
        print("items over")
"""
HEADS = """
from library_that_prints import Run
w = 1.0
for t in range(2):
    with Run() as r:
        for i in r:
            loss = w * w
            w -= 0.2 * w
    w -= 0.1 * w
    with Run() as r:
        for k in r:
            if k:
                continue
            print("body")
"""


def test_what_a_library_prints_between_two_statements_is_printed_by_the_head_that_called_it(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "library_that_prints.py").write_text(LIBRARY)
    path = tmp_path / "heads.py"
    path.write_text(f"import sys; sys.path.append({str(installed)!r})" + HEADS)
    with stepper.open(str(path)) as run:
        record = run.iteration(1).record
        text = run.session.output().encode()
    said = [
        (event.line, event.resumed, text[slice(*event.output)].decode())
        for event in record.events
        if event.output[1] > event.output[0]
    ]
    assert said[:9] == [
        (6, True, "items over\n"),
        (5, True, "exit\n"),
        (10, False, "enter\n"),
        (11, False, "item 0\n"),
        (14, False, "body\n"),
        (11, True, "item 1\n"),
        (11, True, "items over\n"),
        (10, True, "exit\n"),
        (5, False, "enter\n"),
    ]
    assert record.events[0].line == 6 and record.events[0].output[0] == record.events[0].output[1]
