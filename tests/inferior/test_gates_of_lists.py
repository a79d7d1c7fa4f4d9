"""Gates over Python's lists, in comprehensions and loops over elements, found with both gradients."""

import pytest

from tests.inferior.running import Ran, run

FORWARD = {
    "comprehension": "a = [max(0.0, v) for v in z]",
    "conditional": "a = [z[j] if z[j] > 0 else 0.0 for j in range(len(z))]",
    "function": "a = relu(z)",
    "function of a number": "a = [cut(v) for v in z]",
    "map": "a = list(map(cut, z))",
    "stored": "a = [0.0] * len(z)\nfor j in range(len(z)):\n    a[j] = max(z[j], 0.0)",
    "under a condition": "a = [0.0] * len(z)\nfor j in range(len(z)):\n    if z[j] > 0:\n        a[j] = z[j]",
    "in place": "a = z[:]\nfor j in range(len(a)):\n    if a[j] < 0:\n        a[j] = 0.0",
    "appended": "a = []\nfor v in z:\n    if v > 0:\n        a.append(v)\n    else:\n        a.append(0.0)",
    "a number on the way": "a = []\nfor v in z:\n    s = v if v > 0 else 0.0\n    a.append(s)",
    "while": "a, j = [0.0] * 4, 0\nwhile j < 4:\n    a[j] = z[j] * (z[j] > 0)\n    j += 1",
}
BACKWARD = {
    "zip": "dz = [g if v > 0 else 0.0 for g, v in zip(da, z)]",
    "product": "dz = [da[j] * (a[j] > 0) for j in range(len(da))]",
    "derivative": "dz = [g * slope(v) for g, v in zip(da, z)]",
    "stored": "dz = [0.0] * len(z)\nfor j in range(len(z)):\n    dz[j] = da[j] if z[j] > 0 else 0.0",
    "in place": "dz = da[:]\nfor j, v in enumerate(z):\n    if v <= 0:\n        dz[j] = 0.0",
    "appended": "dz = []\nfor g, v in zip(da, z):\n    if v > 0:\n        dz += [g]\n    else:\n        dz += [0]",
}


def trained(forward: str, backward: str, inputs: str = "[1.0, 0.5], [-1.0, 2.0]") -> Ran:
    """A script of a layer of four units, by these lines. Of the first input all units are open, of the second two."""
    lines = [
        "def relu(v):\n    return [max(0.0, x) for x in v]",
        "def cut(x):\n    return x if x > 0.0 else 0.0",
        "def slope(x):\n    return 1.0 if x > 0 else 0.0",
        "w = [[0.5, 0.75], [1.5, 0.5], [-0.25, 1.0], [0.5, 0.125]]",
        f"for x in [{inputs}]:",
    ]
    body = [
        "z = [sum(p * q for p, q in zip(row, x)) for row in w]",
        forward,
        "loss = sum(v * v for v in a)",
        "da = [2 * v + 1 for v in a]",
        backward,
        "for j in range(4):\n    for i in range(2):\n        w[j][i] -= 0.001 * dz[j] * x[i]",
    ]
    indented = [f"    {line}" for part in body for line in part.split("\n")]
    return run("\n".join([*lines, *indented]) + "\n")


@pytest.mark.parametrize("forward", FORWARD)
def test_a_relu_over_a_list_is_a_gate(forward: str) -> None:
    ran = trained(FORWARD[forward], BACKWARD["zip"])
    (gate,) = ran.record(1).gates
    assert (gate.h.label, gate.active, gate.dead_units, gate.note) == ("z", 2, [1, 3], "")
    assert gate.grad_before is not None and gate.grad_after is not None
    before, after = ran.array(gate.grad_before, 1), ran.array(gate.grad_after, 1)
    assert after.tolist() == [before[0], 0, before[2], 0] and (before != 0).all()


@pytest.mark.parametrize("forward", [each for each in FORWARD if each not in ("in place", "a number on the way")])
def test_it_is_one_also_where_all_units_are_open(forward: str) -> None:
    (gate,) = trained(FORWARD[forward], BACKWARD["stored"]).record(0).gates
    assert (gate.h.label, gate.active, gate.blocked) == ("z", 4, 0)
    assert gate.grad_before is not None and gate.grad_after is not None


@pytest.mark.parametrize("backward", BACKWARD)
def test_its_gradient_is_masked_in_a_comprehension_or_a_loop(backward: str) -> None:
    ran = trained(FORWARD["comprehension"], BACKWARD[backward])
    (gate,) = ran.record(1).gates
    assert gate.grad_before is not None and gate.grad_after is not None
    h, before, after = ran.array(gate.h, 1), ran.array(gate.grad_before, 1), ran.array(gate.grad_after, 1)
    assert (after == before * (h > 0)).all() and (before != 0).all() and gate.note == ""


@pytest.mark.parametrize("nested", ["comprehensions", "loops"])
def test_a_batch_is_one_gate_with_its_dead_units(nested: str) -> None:
    forward, backward = {
        "comprehensions": (
            "a = [[max(0.0, v) for v in row] for row in z]",
            "dz = [[g if v > 0 else 0.0 for g, v in zip(gs, row)] for gs, row in zip(da, z)]",
        ),
        "loops": (
            "a = [[0.0] * 3 for _ in z]\n    for i in range(2):\n        for j in range(3):\n"
            "            a[i][j] = max(0.0, z[i][j])",
            "dz = [[0.0] * 3 for _ in z]\n    for i in range(2):\n        for j in range(3):\n"
            "            dz[i][j] = da[i][j] if z[i][j] > 0 else 0.0",
        ),
    }[nested]
    ran = run(
        f"""
w, x = [[0.5, -0.25, -1.0], [0.25, 1.0, -0.5]], [[1.0, 0.5], [0.5, 2.0]]
for t in range(2):
    z = [[sum(p * q for p, q in zip(row, column)) for column in zip(*w)] for row in x]
    {forward}
    loss = sum(v * v for row in a for v in row)
    da = [[2 * v + 1 for v in row] for row in a]
    {backward}
    for i in range(2):
        for j in range(3):
            w[i][j] -= 0.001 * sum(x[n][i] * dz[n][j] for n in range(2))
"""
    )
    (gate,) = ran.record(1).gates
    assert (gate.h.label, gate.h.summary.shape, gate.blocked, gate.dead_units) == ("z", (2, 3), 2, [2])
    assert gate.grad_before is not None and gate.grad_after is not None
    h, before, after = ran.array(gate.h, 1), ran.array(gate.grad_before, 1), ran.array(gate.grad_after, 1)
    assert (after == before * (h > 0)).all() and (before != 0).all()


def test_what_is_chosen_by_another_sign_is_no_gate() -> None:
    ran = trained("y = [0.5, -1.0, 2.0, -0.5]\na = [v if t > 0 else 0.0 for v, t in zip(z, y)]", "dz = da")
    assert ran.record(1).gates == []


@pytest.mark.parametrize(
    ("backward", "note"),
    [
        ("dz = [g if v < 0 else 0.0 for g, v in zip(da, z)]", "which is not z > 0 in 4 of 4 entries"),
        (
            "da = [g * s for g, s in zip(da, (1, 1, -1, -1))]\ndz = [g if g > 0 else 0.0 for g in da]",
            "the sign of the gradient itself, and not z > 0 in 2 of 4 entries",
        ),
    ],
)
def test_a_mask_of_something_else_is_told(backward: str, note: str) -> None:
    (gate,) = trained(FORWARD["comprehension"], backward).record(1).gates
    assert gate.h.label == "z" and gate.note.endswith(note)


def test_layers_in_a_loop_keep_what_they_make_in_lists_of_lists_of_any_width() -> None:
    ran = run(
        """
        weights = [[[0.5, -1.0], [0.25, 0.5], [-0.5, 1.0]], [[1.0, -0.5, 0.25], [0.5, -1.0, 0.75]], [[0.5, -0.25]]]
        for x, y in [([1.0, 0.5], 1.0), ([0.5, 1.0], 0.5)]:
            kept, inputs = [x], []
            for l, w in enumerate(weights):
                z = [sum(a * b for a, b in zip(row, kept[-1])) for row in w]
                inputs.append(z)
                kept.append([max(0.0, v) for v in z] if l < 2 else z)
            loss = (kept[-1][0] - y) ** 2
            delta = [2 * (kept[-1][0] - y)]
            for l in (2, 1, 0):
                back = [sum(weights[l][j][i] * d for j, d in enumerate(delta)) for i in range(len(kept[l]))]
                for j in range(len(delta)):
                    for i in range(len(kept[l])):
                        weights[l][j][i] -= 0.125 * delta[j] * kept[l][i]
                if l > 0:
                    delta = [g if v > 0 else 0.0 for g, v in zip(back, inputs[l - 1])]
        """
    )
    gates = ran.record(1).gates
    assert [(gate.h.label, gate.units, gate.note) for gate in gates] == [("z", 3, ""), ("z", 2, "")]
    for gate in gates:
        assert gate.grad_before is not None and gate.grad_after is not None
        h, before, after = ran.array(gate.h, 1), ran.array(gate.grad_before, 1), ran.array(gate.grad_after, 1)
        assert (after == before * (h > 0)).all()
