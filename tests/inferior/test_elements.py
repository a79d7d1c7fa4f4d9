"""Gradients of parameters that are updated element by element, put together of the parts."""

import pytest

from tests.inferior.running import run


@pytest.mark.parametrize(
    ("start", "element", "update"),
    [
        ("[0.5, -0.25, 0.75]", "w[{}]", "w[j] -= rate * delta * x[j]"),
        ("[0.5, -0.25, 0.75]", "w[{}]", "w[j] = w[j] - rate * delta * x[j]"),
        ("[0.5, -0.25, 0.75]", "w[{}]", "w[j] += -rate * (delta * x[j])"),
        ("np.array([0.5, -0.25, 0.75])", "w[{}]", "w[j] -= rate * delta * x[j]"),
        ("np.array([[0.5, -0.25, 0.75]])", "w[0, {}]", "w[0, j] -= rate * delta * x[j]"),
        ("{'w': [0.5, -0.25, 0.75], 'delta': 0.0}", "w['w'][{}]", "w['w'][j] -= rate * w['delta'] * x[j]"),
    ],
)
def test_what_elements_are_updated_by_one_by_one_is_put_together(start: str, element: str, update: str) -> None:
    ran = run(
        f"""
        import numpy as np
        w, rate = {start}, 0.125
        for x, y in zip([[1.0, 3.0], [2.0, -0.3]], [1.0, -1.0]):
            out = {element.format(2)}
            for j in range(2):
                out += {element.format("j")} * x[j]
            loss = (out - y) ** 2
            delta = 2 * (out - y)
            if isinstance(w, dict):
                w["delta"] = delta
            for j in range(2):
                {update}
            {element.format(-1)} -= rate * delta
        """
    )
    (parameter,) = (each for each in ran.record(1).parameters if each.shape)
    assert parameter.grad is not None and parameter.grad.label.endswith(", delta")
    before = ran.array(parameter.before, 1).ravel()
    delta = 2 * (before[2] + before[0] * 2.0 + before[1] * -0.3 + 1.0)
    assert ran.array(parameter.grad, 1).ravel().tolist() == [delta * 2.0, delta * -0.3, delta]


@pytest.mark.parametrize(
    ("kept", "updates", "gradient"),
    [
        ("[w]", "kept[0][0] -= rate * delta; kept[0][1] -= rate * delta * 2", [4.5, 9.0]),
        ("{'w': w}", "kept['w'][0] -= rate * delta; kept['w'][1] -= rate * delta * 2", [4.5, 9.0]),
        # the whole array, and this twice: as of w -= …, one number moves all of it
        ("[w]", "kept[0] -= rate * delta; kept[-1] -= rate * delta * 2", 6.5),
    ],
)
def test_elements_of_what_a_container_keeps_are_put_together_and_its_own_are_not(
    kept: str, updates: str, gradient: list[float] | float
) -> None:
    ran = run(
        f"""
        import numpy as np
        w, rate = np.array([0.5, -0.25]), 0.125
        kept = {kept}
        for y in [1.0, -1.0]:
            out = w[0] + 2 * w[1] - y
            loss = out ** 2
            delta = 2 * out
            {updates}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and ran.array(parameter.grad, 1).tolist() == gradient


@pytest.mark.parametrize(
    ("start", "before"),
    [
        ("[0.5, -0.25]", "w[0] -= rate * delta"),
        ("[0.5, -0.25]", "w[j] -= rate * delta"),
        ("[0.5, -0.25]", "w[j] = 0.5 * delta"),
        ("np.array([0.5, -0.25])", "w[j] = 0.5 * delta"),
        ("[0.5, -0.25]", "w[1] -= rate * delta; w[0] -= rate * delta"),
    ],
)
def test_elements_that_are_left_out_changed_twice_or_set_have_no_gradient_together(start: str, before: str) -> None:
    ran = run(
        f"""
        import numpy as np
        w, rate = {start}, 0.125
        for y in [1.0, -1.0]:
            delta = w[0] + 2 * w[1] - y
            loss = delta ** 2
            for j in range(1):
                {before}
                w[0] -= rate * delta
        """
    )
    (parameter,) = (each for each in ran.record(1).parameters if each.shape)
    assert parameter.grad is None


def test_parts_of_a_complex_array_are_not_put_together_without_their_imaginary_parts() -> None:
    ran = run(
        """
        import numpy as np
        w, x, rate = np.array([1 + 1j, 0.5j]), np.array([2 - 1j, 1j]), 0.125
        for t in range(2):
            delta = 2 * ((w * x).sum() - 1)
            loss = abs(delta) ** 2
            w[1:] -= rate * (delta * x[1:])
            w[:1] -= rate * (delta * x[:1])
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is None


@pytest.mark.parametrize(
    "update",
    [
        "for i in range(3): w[i] -= rate * delta[i] * x[i]",
        "for i, d in enumerate(delta): w[i] -= rate * d * x[i]",
        "for i in range(3): w[i] = w[i] - rate * delta[i] * x[i]",
    ],
)
def test_a_list_of_the_parameters_shape_is_no_gradient_where_its_elements_are_factors(update: str) -> None:
    ran = run(
        f"""
        w, rate = [0.5, -0.25, 0.75], 0.125
        for x, y in zip([[1.0, 3.0, -1.0], [2.0, -0.5, 4.0]], [1.0, -1.0]):
            delta = [2 * (a * b - y) for a, b in zip(w, x)]
            loss = sum((a * b - y) ** 2 for a, b in zip(w, x))
            {update}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None
    before, x = ran.array(parameter.before, 1), [2.0, -0.5, 4.0]
    expected = [2 * (a * b + 1.0) * b for a, b in zip(before.tolist(), x, strict=True)]
    assert ran.array(parameter.grad, 1).tolist() == pytest.approx(expected)


def test_a_square_matrix_is_stepped_by_the_product_of_elements_and_not_by_the_row_beside_it() -> None:
    ran = run(
        """
        w, rate = [[0.5, -0.25], [0.75, 0.125]], 0.125
        for x, y in zip([[1.0, 3.0], [2.0, -0.5]], [[1.0, -1.0], [0.5, 2.0]]):
            out = [x[0] * w[0][k] + x[1] * w[1][k] for k in range(2)]
            loss = sum((a - b) ** 2 for a, b in zip(out, y))
            dout = [2 * (a - b) for a, b in zip(out, y)]
            for j in range(2):
                for k in range(2):
                    w[j][k] -= rate * dout[k] * x[j]
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None and parameter.grad.label == "dout[k] * x[j]"
    before, x, y = ran.array(parameter.before, 1), [2.0, -0.5], [0.5, 2.0]
    out = before.T @ x
    assert ran.array(parameter.grad, 1).tolist() == [[2 * (out[k] - y[k]) * x[j] for k in range(2)] for j in range(2)]


@pytest.mark.parametrize(
    "update", ["w[j] += 0.5 * change + 0.25 * kept[j]", "w[j] = w[j] + 0.25 * kept[j] + 0.5 * change"]
)
def test_of_a_step_and_what_is_kept_of_the_one_before_the_step_is_the_gradient(update: str) -> None:
    ran = run(
        f"""
        w, kept = [0.5, -0.25], [0.0, 0.0]
        for x, y in zip([[1.0, 3.0], [2.0, -0.5]], [1.0, -1.0]):
            out = w[0] * x[0] + w[1] * x[1]
            loss = (y - out) ** 2
            delta = 2 * (y - out)
            for j in range(2):
                change = delta * x[j]
                {update}
                kept[j] = change
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.grad is not None
    before = ran.array(parameter.before, 1)
    delta = 2 * (-1.0 - before[0] * 2.0 + before[1] * 0.5)
    assert ran.array(parameter.grad, 1).tolist() == [delta * 2.0, delta * -0.5]


TABLE = """
import numpy as np
numbers = np.random.default_rng(0)
table, lr = numbers.normal(size=(6, 2)), 0.5
for ids in np.array([[0, 3, 5, 1, 4, 2], [4, 1, 1, 1, 2, 2], [4, 0, 0, 0, 3, 3]]):
    loss = (table[ids] ** 2).sum() / 2
    d_rows = table[ids] * 1.0
    {update}
"""


@pytest.mark.parametrize(
    ("update", "last"),
    [
        ("np.add.at(table, ids, -lr * d_rows)", False),
        ("np.subtract.at(table, ids, lr * d_rows)", False),
        ("table[ids] -= lr * d_rows", True),  # as many rows as the table has
        ("table[ids, :] = table[ids, :] - lr * d_rows", True),
        ("np.add.at(table, [3, 3], -lr * (0 * d_rows)[:2]); table[ids] -= lr * d_rows", True),  # a row beside
    ],
)
def test_of_rows_that_are_picked_the_gradient_is_what_the_step_used(update: str, last: bool) -> None:
    ran = run(TABLE.format(update=update))
    (table,) = ran.record(1).parameters
    before, notes = ran.array(table.before, 1), [event.note for event in ran.record(1).events]
    used = [[min(count, 1) if last else count] for count in (0, 3, 2, 0, 1, 0)]
    assert table.grad is not None and "d_rows" in table.grad.label and table.sparse
    assert ran.array(table.grad, 1).tolist() == (before * used).tolist()
    lost = [note for note in notes if note.startswith("an index has places more than once: 6 numbers are lost")]
    assert len(lost) == last
    assert not ran.parameter("table", 0).sparse


@pytest.mark.parametrize("whole", ["grad[ids]", "picked"])
def test_rows_of_a_gradient_that_was_added_up_before_are_lost_nowhere(whole: str) -> None:
    summed = "grad = np.zeros_like(table); np.add.at(grad, ids, d_rows); picked = grad[ids]"
    ran = run(TABLE.format(update=f"{summed}; table[ids] -= lr * {whole}"))
    assert not any("more than once" in event.note for event in ran.record(1).events)


@pytest.mark.parametrize(
    ("update", "last"),
    [
        ("w[ids] -= rate * rows", True),
        ("w.index_add_(0, ids, -rate * rows)", False),
        ("w.index_add_(0, ids, rows, alpha=-rate)", False),
        ("w.index_put_((ids,), -rate * rows, accumulate=True)", False),
        ("w.scatter_add_(0, ids[:, None].expand(-1, 2), -rate * rows)", False),
    ],
)
def test_of_rows_of_a_tensor_that_are_picked_the_gradient_is_what_the_step_used(update: str, last: bool) -> None:
    ran = run(
        f"""
        import torch
        rate, ids = 0.125, torch.tensor([2, 0, 2])
        w, y = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([[1.0, 1.0], [0.5, 2.0], [-1.0, 3.0]])
        for t in range(2):
            e = w[ids] - y
            loss = (e ** 2).sum()
            rows = 2 * e
            {update}
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.grad is not None and parameter.sparse and parameter.lost == (5 if last else None)
    first = [12.0, 6.0] if last else [20.0, 16.0]
    assert ran.array(parameter.grad).tolist() == [[1.0, 0.0], [0.0, 0.0], first]


@pytest.mark.parametrize(
    ("update", "gradient", "said"),
    [
        ("w[1] -= rate * e.sum()", [[0.0, 0.0], [3.0, 3.0], [0.0, 0.0]], "() → (2,), one number for all of w[1]"),
        ("w[1:] -= rate * g", [[0.0, 0.0], [2.0, 1.0], [2.0, 1.0]], ""),
        ("w[np.array([0, 2])] -= rate * g", [[2.0, 1.0], [0.0, 0.0], [2.0, 1.0]], ""),  # a mean of several words
    ],
)
def test_what_a_step_stretches_to_the_rows_that_it_moves_is_the_gradient_of_each(
    update: str, gradient: list[list[float]], said: str
) -> None:
    ran = run(
        f"""
        import numpy as np
        w, rate = np.array([[1.0, -0.5], [0.5, 0.75], [0.5, 0.25]]), 0.125
        for t in range(2):
            e = w.sum(axis=0)
            loss = (e ** 2).sum() / 2
            g = e * np.array([1.0, 2.0])
            e = e + np.array([0.0, 0.5])
            {update}
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.sparse and parameter.grad is not None and ran.array(parameter.grad).tolist() == gradient
    assert ran.event(update).note == (f"broadcast: {said}" if said else "")


def test_one_number_is_the_gradient_of_each_element_that_an_index_picks() -> None:
    ran = run(
        """
        import numpy as np
        w, rate = np.array([0.5, -0.25, 0.75, 1.0]), 0.125
        for ids in (np.array([0, 2]), np.array([3, 1])):
            delta = 2 * (w[ids].sum() - 1.0)
            loss = (w[ids].sum() - 1.0) ** 2
            w[ids] -= rate * delta
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.sparse and ran.array(parameter.grad).tolist() == [0.5, 0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("update", "places", "rows"),
    [
        ("w[t % 2] -= rate * g[0]", ([1, 1], [0, 1]), [0, 1]),
        ("w[int(t + 0.5) // 1] -= rate * g[0]", ([1, 1], [0, 1]), [0, 1]),
        ("w.flat[t % 2 + 2] -= rate * g[t, 0]", ([1], [1]), [2]),
        ("w.flat[t:3] = w.flat[t:3] - rate * g.flat[t:3]", ([0, 1], [1, 0]), [1, 2]),
    ],
)
def test_elements_are_picked_by_an_index_that_is_worked_out_and_of_all_one_after_the_other(
    update: str, places: tuple[list[int], list[int]], rows: list[int]
) -> None:
    ran = run(
        f"""
        import numpy as np
        w, rate = np.array([[0.5, -0.25], [0.75, 1.0]]), 0.125
        for t in range(2):
            loss = (w ** 2).sum()
            g = 2 * w
            {update}
        """
    )
    (parameter,) = ran.record(1).parameters
    assert parameter.name == "w" and parameter.sparse
    gradient = 2 * ran.array(parameter.before, 1)
    found = ran.array(parameter.grad, 1)
    assert found[places].tolist() == gradient.ravel()[rows].tolist()
    found[places] = 0.0
    assert not found.any()


@pytest.mark.parametrize(
    ("update", "found"),
    [
        ("w[i] -= rate * (g * v)", True),
        ("w[i] -= rate * g * v", True),
        ("w[i] -= rate * (w[i] @ v) * v", False),  # of what an earlier one moved
        ("h = w[i] @ v; w[i] -= rate * h * v", False),
    ],
)
def test_a_row_that_is_moved_twice_by_what_was_made_ahead_has_both_in_its_gradient(update: str, found: bool) -> None:
    ran = run(
        f"""
        import numpy as np
        w, v, rate = np.array([[0.5, -0.5], [0.75, 1.0]]), np.array([2.0, 4.0]), 0.125
        for t in range(2):
            h = w[0] @ v
            loss = h ** 2
            g = h * 1.0
            for i in [0, 0]:
                {update}
        """
    )
    (parameter,) = ran.record(0).parameters
    assert parameter.name == "w" and (parameter.grad is not None) == found
    if found:  # h is 0.5 * 2 - 0.5 * 4
        assert ran.array(parameter.grad).tolist() == [[-4.0, -8.0], [0.0, 0.0]]
    moved = ran.array(ran.parameter("w", 1).update, 1)
    if found:
        assert (moved == -0.125 * ran.array(ran.parameter("w", 1).grad, 1)).all()
