"""Gradients of parameters that are changed through parts of them, which have names of their own."""

import pytest

from stepper.engines.layout import Layout
from stepper.session.findings.sightings import Sightings
from tests.inferior.running import run

START = {
    "np": "import numpy as np; w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]); y = np.array([0.5, 3.0])",
    "torch": "import torch; w = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]); y = torch.tensor([0.5, 3.0])",
}


@pytest.mark.parametrize(
    ("library", "update"),
    [
        ("np", "row -= rate * g"),
        ("np", "row[:] = row - rate * g"),
        ("np", "np.subtract(row, rate * g, out=row)"),
        ("np", "row[0] -= rate * g[0]; row[1] -= rate * g[1]"),
        ("torch", "row -= rate * g"),
        ("torch", "row.sub_(rate * g)"),
        ("torch", "row.view(-1).sub_(rate * g)"),
        ("torch", "w[i].view(2).sub_(rate * g)"),
    ],
)
def test_of_a_row_that_is_changed_under_its_own_name_the_table_has_the_gradient(library: str, update: str) -> None:
    ran = run(
        f"""
        {START[library]}
        rate = 0.125
        for t in range(3):
            i = t % 3
            row = w[i]
            e = row - y
            loss = (e ** 2).sum()
            g = 2 * e
            {update}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "w" and parameter.sparse and parameter.grad is not None
    assert ran.array(parameter.grad, 1).tolist() == [[0.0, 0.0], [5.0, 2.0], [0.0, 0.0]]
    assert parameter.cosine == pytest.approx(-1.0)


@pytest.mark.parametrize("library", START)
def test_columns_that_are_changed_one_by_one_make_up_the_whole_gradient(library: str) -> None:
    ran = run(
        f"""
        {START[library]}
        rate = 0.125
        for t in range(2):
            e = w - y
            loss = (e ** 2).sum()
            for j in range(2):
                column = w[:, j]
                g = 2 * e[:, j]
                column -= rate * g
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.name == "w" and not parameter.sparse and parameter.grad is not None
    assert ran.array(parameter.grad).tolist() == [[1.0, -2.0], [5.0, 2.0], [9.0, 6.0]]


@pytest.mark.parametrize("library", START)
@pytest.mark.parametrize(
    ("update", "moved"),
    [
        ("w.T[0] -= rate * g[:, 0]", [True, False]),
        ("turned = w.T; turned -= rate * g.T", [True, True]),
        ("turned = w.T; turned[1] -= rate * g[:, 1]", [False, True]),
        ("flat = w.reshape(-1); flat -= rate * g.reshape(-1)", [True, True]),
    ],
)
def test_a_matrix_that_is_changed_in_another_order_has_the_gradient(
    library: str, update: str, moved: list[bool]
) -> None:
    ran = run(
        f"""
        {START[library]}
        rate = 0.125
        for t in range(2):
            e = w - y
            loss = (e ** 2).sum()
            g = 2 * e
            {update}
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.name == "w" and parameter.grad is not None and parameter.cosine == pytest.approx(-1.0)
    gradient = [[1.0, -2.0], [5.0, 2.0], [9.0, 6.0]]
    there = [[each if is_moved else 0.0 for each, is_moved in zip(row, moved, strict=True)] for row in gradient]
    assert ran.array(parameter.grad).tolist() == there


@pytest.mark.parametrize(
    "update",
    [
        "row -= rate * g; row -= rate * g",  # twice: no one of them is the gradient
        "both = w[1:]; row -= rate * g; both -= rate * g",  # one in the other
        "row -= rate * g; w[0] = 0",  # and a part that is set
    ],
)
def test_parts_that_are_changed_twice_or_beside_others_have_no_gradient_together(update: str) -> None:
    ran = run(
        f"""
        {START["np"]}
        rate = 0.125
        for t in range(2):
            row = w[1]
            e = row - y
            loss = (e ** 2).sum()
            g = 2 * e
            {update}
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.name == "w" and parameter.grad is None


def test_parts_that_overlap_have_no_gradient_that_could_be_put_together() -> None:
    ran = run(
        """
        import numpy as np
        w = np.arange(1.0, 4.0)
        for t in range(2):
            loss = (w**2).sum()
            g = 2 * w
            a, b, ga, gb = w[:2], w[1:], g[:2].copy(), g[1:].copy()
            a -= 0.1 * ga
            b -= 0.1 * gb
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is None


def test_a_part_of_what_has_gaps_has_no_place_in_it() -> None:
    part = Layout(8, 8, (2,), (8,))
    assert Layout(0, 8, (4,), (8,)).of_part(part) == (1, (1,))
    assert Layout(0, 8, (4,), (16,)).of_part(part) is None


@pytest.mark.parametrize("start", ["np.arange(1.0, 7.0).reshape(3, 2).T", "np.arange(1.0, 7.0).reshape(2, 3)"])
def test_rows_of_a_transposed_array_have_their_gradients_where_the_rows_are(start: str) -> None:
    ran = run(
        f"""
        import numpy as np
        w = {start}
        for t in range(2):
            e = w[:, 1] - 1.0
            loss = (e**2).sum()
            for k in range(2):
                w[k][1] -= 0.125 * (2 * e[k])
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None
    moved = ran.array(parameter.update, 1)
    assert moved[:, 1].all() and (ran.array(parameter.grad, 1) * -0.125 == moved).all()


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("np", "row -= 1.0"),
        ("np", "w[1] -= 1.0"),
        ("np", "w.reshape(-1)[2:4] -= 1.0"),
        ("torch", "row.sub_(1.0)"),
        ("torch", "w.view(-1)[2:4] -= 1.0"),
        ("lists", "row[:] = [row[0] - 1.0, 3.0]"),
    ],
)
def test_what_lies_in_memory_that_another_name_changed_is_known_as_it_is_since(start: str, change: str) -> None:
    lists = "w = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]"
    ran = run(
        f"""
        {START.get(start, lists)}
        for t in range(2):
            top, row, seen = w[0], w[1], w
            turned = {"[w[1]]" if start == "lists" else "w.T"}
            loss = float(row[0] * row[0])
            {change}
        """
    )
    record = ran.record(0)
    known = Sightings(record)
    changing = next(event for event in record.events if event.text == change)
    now = {label: known.last(label, changing) for label in ("w", "seen", "row", "turned", "top")}
    held = {label: ran.array(each.value, 0).tolist() for label, each in now.items() if each is not None}
    assert held.pop("turned") == ([[2.0, 3.0]] if start == "lists" else [[1.0, 2.0, 5.0], [2.0, 3.0, 6.0]])
    whole = [[1.0, 2.0], [2.0, 3.0], [5.0, 6.0]]
    assert held == {"w": whole, "seen": whole, "row": [2.0, 3.0], "top": [1.0, 2.0]}
    ahead = next(event for event in record.events if event.text.startswith("loss"))
    assert now["top"] == known.last("top", ahead), "none of its numbers is another"


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize(
    "update",
    [
        "helper(both)",  # its head has `ps[0]`: what was handed to it
        "helper([both[0], w])",  # an element that is read for it
        "one(both[0]); one(both[1])",
    ],
)
def test_what_a_function_was_handed_is_no_later_than_what_it_did_with_it(start: str, update: str) -> None:
    ran = run(
        f"""
        {START[start]}
        def one(p):
            p -= 0.5
        def helper(ps):
            for p in ps:
                p -= 0.5
        both = [y, w]
        for t in range(2):
            loss = (w ** 2).sum() + (both[0] ** 2).sum()
            {update}
        """
    )
    known = Sightings(ran.record(0))
    last = {label: ran.array(known.labels[label][-1].value, 0).tolist() for label in ("p", "w", "both[0]")}
    w = [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]]
    assert last == {"both[0]": [0.0, 2.5], "w": w, "p": w}


def test_an_element_that_a_statement_reads_is_known_when_it_was_read() -> None:
    ran = run(
        """
        import numpy as np
        both = [np.array([4.0, 8.0]), np.array([1.0, 2.0])]
        def step(ps):
            for p in ps:
                p -= 0.5
            return 0.0
        for t in range(2):
            loss = (both[0] ** 2).sum()
            r = step(both) + both[0]
        """
    )
    record = ran.record(0)
    known = Sightings(record)
    held = [ran.array(each.value, 0).tolist() for each in known.labels["both[0]"] if each.moment[0] > 4]
    assert held[0] == [3.5, 7.5] and held == [[3.5, 7.5]] * len(held)
    read = next(each for each in known.labels["both[0]"] if record.events[each.event].text.startswith("r ="))
    step = next(event for event in record.events if event.kind == "call")
    assert read.moment > known.completion(step), "it was read when the step was over"


@pytest.mark.parametrize(
    "update",
    [
        "head.sub_(0.5)",
        "for p in model.parameters(): p.sub_(0.5)",
        "optimizer.step(); head.sub_(0.5)",
    ],
)
def test_a_parameter_of_a_layer_is_known_under_its_other_names(update: str) -> None:
    ran = run(
        f"""
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for t in range(2):
            head = model.weight
            loss = (model(torch.ones(3, 2)) + head.sum()).pow(2).sum()
            loss.backward()
            with torch.no_grad():
                {update}
        """
    )
    record = ran.record(0)
    (after,) = (each.after for each in record.parameters if each.name == "model.weight")
    known = Sightings(record).labels
    assert {known[label][-1].value.copy for label in ("model.weight", "head")} == {after.copy}
