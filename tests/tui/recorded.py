"""Records of a small network, computed here, statement by statement, for the panels' tests.

Its data are small whole numbers and its learning rate a power of two, so that every figure is exact on every machine.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from stepper.record import (
    Event,
    Gate,
    Parameter,
    Phase,
    Record,
    Role,
    Summary,
    Units,
    Value,
    When,
)

SCRIPT = '''"""A two-layer ReLU network in NumPy, forward and backward by hand."""

import numpy as np

N, D_in, H, D_out = 8, 6, 10, 3
learning_rate = 2.0**-12
x, y = data(N, D_in), data(N, D_out)
w1, w2 = data(D_in, H), data(H, D_out)

for t in range(20):
    # Forward: compute the prediction
    h = x.dot(w1)
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2)

    # Loss: the sum of squared errors
    loss = np.square(y_pred - y).sum()
    print(t, loss)

    # Backward: gradients of the loss
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_h = grad_h_relu.copy()
    grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)

    # Update
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
'''

TOTAL = 20
SIZES = "8, 6, 10, 3"
_LINES: tuple[tuple[Phase, tuple[int, ...]], ...] = (
    ("forward", (12, 13, 14)),
    ("loss", (17, 18)),
    ("backward", (21, 22, 23, 24, 25, 26)),
    ("update", (29, 30)),
)
PHASES: dict[int, Phase] = {line: phase for phase, lines in _LINES for line in lines}
ROLES: dict[str, Role] = {
    "x": "data", "y": "data", "w1": "parameter", "w2": "parameter", "h": "activation", "h_relu": "activation",
    "y_pred": "activation", "loss": "loss", "learning_rate": "setting", "t": "other",
}  # fmt: skip


def summary(value: Any) -> Summary:
    """What the recorder would say of a value."""
    if not isinstance(value, np.ndarray):
        number = float(value)
        known = number if math.isfinite(number) else None
        kind = "int" if isinstance(value, int) else "float64"
        return Summary(
            kind="scalar", type=kind, value=value if isinstance(value, int) else number,
            min=known, max=known, mean=known,
            nan=int(math.isnan(number)), inf=int(math.isinf(number)),
        )  # fmt: skip
    array: np.ndarray[Any, Any] = value.astype(float)
    finite = array[np.isfinite(array)]
    statistics = {
        name: float(function(finite)) if finite.size else None
        for name, function in (("min", np.min), ("max", np.max), ("mean", np.mean), ("std", np.std))
    }
    return Summary(
        kind="tensor", type="numpy.ndarray", shape=value.shape, dtype=str(value.dtype), device="cpu",
        min=statistics["min"], max=statistics["max"], mean=statistics["mean"], std=statistics["std"],
        l2=float(np.sqrt(np.square(finite).sum())) if finite.size else None,
        neginf=int(np.sum(array == -math.inf)), negative=int(np.sum(finite < 0)), zero=int(np.sum(array == 0)),
        positive=int(np.sum(finite > 0)), inf=int(np.sum(array == math.inf)), nan=int(np.sum(np.isnan(array))),
    )  # fmt: skip


class Recorder:
    """Runs the script's loop body one statement at a time and notes what each read, changed and made."""

    def __init__(
        self, source: str, plant: Callable[[int, int, dict[str, Any]], None] | None, gates: bool, parameters: bool
    ) -> None:
        self.source = source
        self.copies: list[np.ndarray] = []
        self.plant, self.gates, self.parameters = plant, gates, parameters
        numbers = np.random.default_rng(7)
        self.names: dict[str, Any] = {
            "np": np, "data": lambda *shape: numbers.integers(-3, 4, shape).astype(float), "print": lambda *_: None,
        }  # fmt: skip
        tree = ast.parse(source)
        loop = tree.body[-1]
        assert isinstance(loop, ast.For)
        self.setup, self.body = tree.body[1:-1], loop.body

    def value(self, label: str, when: When, value: Any) -> Value:
        role = ROLES.get(label, "gradient" if label.startswith("grad") else "other")
        copy = None
        if isinstance(value, np.ndarray):
            copy = len(self.copies)
            self.copies.append(value.copy())
        return Value(label, role, when, summary(value), copy)

    def record(self, iteration: int | None) -> Record:
        if iteration is not None:
            self.names["t"] = iteration
        before = {name: self.names[name].copy() for name in ("w1", "w2") if name in self.names}
        events: list[Event] = []
        error = None
        for statement in self.setup if iteration is None else self.body:
            event = self.run(statement, len(events), iteration)
            events.append(event)
            if event.error:
                error = event.error
                break
        finished = iteration is not None and error is None
        return Record(
            iteration=iteration,
            loss=float(self.names["loss"]) if finished else None,
            losses=[float(self.names["loss"])] if finished else [],
            events=events,
            gates=[self.gate(events)] if finished and self.gates else [],
            parameters=[self.parameter(name, before[name]) for name in before] if finished and self.parameters else [],
            error=error,
        )

    def run(self, statement: ast.stmt, number: int, iteration: int | None) -> Event:
        read = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        made = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        changed = [
            n.value.id
            for n in ast.walk(statement)
            if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)
        ]
        if isinstance(statement, ast.AugAssign):
            changed, made = made, []
        known = [
            n
            for n in ("x", "w1", "y", "w2", *self.names)
            if n in read and isinstance(self.names.get(n), np.ndarray | float)
        ]
        values = [self.value(name, "operand", self.names[name]) for name in dict.fromkeys(known) if name not in changed]
        values += [self.value(name, "before", self.names[name]) for name in changed]
        error = None
        try:
            if self.plant and iteration is not None:
                self.plant(iteration, statement.lineno, self.names)
            with np.errstate(all="ignore"):
                exec(compile(ast.Module([statement], []), "numpy.py", "exec"), self.names)
            values += [self.value(name, "after", self.names[name]) for name in changed]
            made = [name for name in made if isinstance(self.names[name], np.ndarray | float | int)]
            values += [self.value(name, "result", self.names[name]) for name in made]
        except ArithmeticError as raised:
            error = f"{type(raised).__name__}: {raised}"
        text = ast.get_source_segment(self.source, statement) or ""
        return Event(
            number, None, "statement", "setup" if iteration is None else PHASES[statement.lineno], "numpy.py",
            statement.lineno, statement.col_offset, statement.end_lineno or 0, statement.end_col_offset or 0, 0, text,
            values, error,
        )  # fmt: skip

    def gate(self, events: list[Event]) -> Gate:
        def found(line: int, label: str, when: str) -> Value:
            event = next(event for event in events if event.line == line)
            return next(value for value in event.values if (value.label, value.when) == (label, when))

        mask = self.names["h"] < 0
        dead = [int(unit) for unit in np.flatnonzero(mask.all(axis=0))]
        return Gate(
            "h", "maximum", events[1].id, 13, 1, found(12, "h", "result"), found(25, "grad_h", "before"),
            found(25, "grad_h", "after"), int((~mask).sum()), int(mask.sum()),
            dead, mask.shape[1], self.value("h < 0", "result", mask), layer=Units(1, mask.shape[1], dead, "matmul"),
        )  # fmt: skip

    def parameter(self, name: str, before: np.ndarray) -> Parameter:
        after = self.names[name]
        kept = [self.value(name, "before", before), self.value(name, "after", after)]
        update = self.value("update", "result", after - before)
        gradient = self.value(f"grad_{name}", "operand", self.names[f"grad_{name}"])
        whole, step = kept[0].summary.l2, update.summary.l2
        ratio = step / whole if whole and step is not None else None
        return Parameter(name, before.shape, kept[0], kept[1], gradient, update, ratio, used=True)
