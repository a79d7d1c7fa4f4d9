"""A backward pass by hand that masks by something else than the gate's own input is pointed out; a right one is not."""

import re
from pathlib import Path

import numpy
import pytest

import stepper
from tests.inferior.running import Ran, run
from tests.session.support import script

NETWORK = """
import numpy as np
np.random.seed(0)
x = np.random.randn(8, 5); y = np.random.randn(8, 2)
w1 = np.random.randn(5, 6); w2 = np.random.randn(6, 6); w3 = np.random.randn(6, 2)
for t in range(2):
    h1 = x @ w1
    a1 = np.maximum(h1, 0)
    h2 = a1 @ w2
    a2 = {relu}
    y_pred = a2 @ w3
    loss = ((y_pred - y) ** 2).sum()
    g = 2 * (y_pred - y)
    g3 = a2.T @ g
    ga2 = g @ w3.T
    {second}
    g2 = a1.T @ gh2
    ga1 = gh2 @ w2.T
    {first}
    g1 = x.T @ gh1
    w1 -= 1e-4 * g1
    w2 -= 1e-4 * g2
    w3 -= 1e-4 * g3
"""
FIRST, SECOND = "gh1 = ga1.copy(); gh1[h1 < 0] = 0", "gh2 = ga2 * (h2 > 0)"


def notes(folder: Path, *, relu: str = "np.maximum(h2, 0)", first: str = FIRST, second: str = SECOND) -> dict[str, str]:
    """What is said of each gate of iteration 0."""
    with stepper.open(script(folder, NETWORK.format(relu=relu, first=first, second=second))) as run:
        return {gate.label: gate.gate.note for gate in run.iteration(0).gates}


@pytest.mark.parametrize(
    ("relu", "first", "second"),
    [
        ("np.maximum(h2, 0)", FIRST, SECOND),
        ("h2 * (h2 > 0)", "gh1 = ga1 * (a1 > 0)", "gh2 = np.where(h2 <= 0, 0, ga2)"),
        ("np.where(h2 > 0, h2, 0)", "mask = h1 >= 0; gh1 = ga1 * mask", "gh2 = ga2.copy(); gh2[a2 <= 0] = 0"),
    ],
)
def test_right_masks_are_passed_over(tmp_path: Path, relu: str, first: str, second: str) -> None:
    assert notes(tmp_path, relu=relu, first=first, second=second) == {"h1": "", "h2": ""}


def test_a_mask_of_the_next_layer_is_told_at_the_gate_that_has_none(tmp_path: Path) -> None:
    found = notes(tmp_path, first="gh1 = ga1.copy(); gh1[h2 < 0] = 0")
    assert found["h1"] == (
        "no gradient is masked by h1; one is by h2 < 0 (line 19), which is of h2, and not h1 < 0 in 28 of 48 entries"
    )
    assert found["h2"] == ""


@pytest.mark.parametrize("mask", ["a1 < 0", "h1 > 1", "h1 < 0.5"])
def test_a_mask_that_is_not_the_operations_own_is_told_with_how_many_differ(tmp_path: Path, mask: str) -> None:
    found = notes(tmp_path, first=f"gh1 = ga1.copy(); gh1[{mask}] = 0")
    assert found["h1"].startswith(f"backward masks by {mask} (line 19), which is not h1 < 0 in ")
    assert found["h1"].endswith(" of 48 entries") and " 0 of" not in found["h1"]
    assert found["h2"] == ""


def test_two_values_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = """
        import numpy as np
        np.random.seed(0)
        x = np.random.randn(8, 5); y = np.random.randn(8, 2)
        w1 = np.random.randn(5, 6); w2 = np.random.randn(6, 2)
        for t in range(2):
            h = x @ w1
            h = np.maximum(h, 0)
            g = 2 * (h @ w2 - y)
            loss = (g ** 2).sum() / 4
            gh = g @ w2.T
            gh[h < 0] = 0
            w2 -= 1e-4 * h.T @ g
            w1 -= 1e-4 * x.T @ gh
    """
    with stepper.open(script(tmp_path, text)) as run:
        (gate,) = run.iteration(0).gates
        negative = int((gate.h.array < 0).sum())
    assert gate.gate.note == (
        "backward masks by h < 0 (line 12), where h is the gate's output; that is not where the gate's input "
        f"(h on line 8) is < 0 in {negative} of 48 entries"
    )


def test_two_gates_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = NETWORK.replace("a1 = np.maximum(h1, 0)", "h = h1; a1 = np.maximum(h, 0)").replace(
        "{relu}", "np.maximum(h, 0)"
    )
    text = text.replace("    a2 =", "    h = h2\n    a2 =").replace("{second}", "gh2 = ga2 * (h > 0)")
    with stepper.open(script(tmp_path, text.replace("{first}", "gh1 = ga1.copy(); gh1[h < 0] = 0"))) as run:
        first, second = (gate.gate for gate in run.iteration(0).gates)
    assert (first.label, second.label, second.note) == ("h", "h", "")
    told = (
        "no gradient is masked by this h; one is by h < 0 (line 20), which is of another gate's h, and not this h < 0"
    )
    assert first.note.startswith(f"{told} in ")


@pytest.mark.parametrize(
    "second", ["gh2 = ga2.copy(); gh2[h1 < 0] = 0", "gh2 = ga2 * (h1 > 0)", "gh2 = ga2 * (a1 > 0)"]
)
def test_a_mask_of_the_layer_before_is_told_though_that_has_its_own_turn_later(tmp_path: Path, second: str) -> None:
    with stepper.open(script(tmp_path, NETWORK.format(relu="np.maximum(h2, 0)", first=FIRST, second=second))) as run:
        gates = {gate.label: gate for gate in run.iteration(0).gates}
    mask = "h1 < 0" if "<" in second else second.rpartition("(")[2].removesuffix(")")
    rule = f"h2 {mask[3:]}"  # in the sense of the script's mask
    assert gates["h2"].gate.note == (
        f"no gradient is masked by h2; one is by {mask} (line 16), which is of h1, and not {rule} in 28 of 48 entries"
    )
    assert gates["h1"].gate.note == "" and gates["h2"].grad_before is None
    before = gates["h1"].gate.grad_before
    assert before is not None and before.label in ("gh1", "ga1")


def test_two_masks_that_are_swapped_are_told_at_both_gates(tmp_path: Path) -> None:
    found = notes(tmp_path, first="gh1 = ga1 * (h2 > 0)", second="gh2 = ga2 * (h1 > 0)")
    assert found["h1"] == (
        "the masks of h1 (line 8) and h2 (line 10) are swapped: backward masks by h2 > 0 (line 19), which is not this "
        "h1 > 0 in 28 of 48 entries"
    )
    assert found["h2"].startswith(
        "the masks of h1 (line 8) and h2 (line 10) are swapped: backward masks by h1 > 0 (line 16)"
    )


@pytest.mark.parametrize("first", ["gh1 = ga1 * (h2 > 0)", "gh1 = ga1.copy(); gh1[h2 <= 0] = 0"])
def test_masks_that_are_the_same_are_not_swapped_whatever_they_are_of(tmp_path: Path, first: str) -> None:
    text = NETWORK.format(relu="np.maximum(h2, 0)", first=first, second="gh2 = ga2 * (h1 > 0)")
    with stepper.open(script(tmp_path, text.replace("np.random.randn(6, 6)", "np.eye(6)"))) as run:
        gates = run.iteration(0).gates
    assert gates[0].blocked == gates[1].blocked > 0 and not any("swapped" in each.gate.note for each in gates)


BRANCHES = """
import numpy as np
np.random.seed(0)
x = np.random.randn(8, 5); y = np.random.randn(8, 2)
w1 = np.random.randn(5, 6); w2 = np.random.randn(5, 6); w3 = np.random.randn(6, 2)
for t in range(2):
    h1 = x @ w1
    a1 = np.maximum(h1, 0)
    h2 = x @ w2
    a2 = np.maximum(h2, 0)
    g = 2 * ((a1 + a2) @ w3 - y)
    loss = (g ** 2).sum() / 4
    ga = g @ w3.T
    gh1 = ga * (h1 > 0)
    gh2 = ga * (h2 > 0)
    w1 -= 1e-4 * x.T @ gh1
    w2 -= 1e-4 * x.T @ gh2
    w3 -= 1e-4 * (a1 + a2).T @ g
"""


def test_branches_that_lie_side_by_side_may_be_masked_in_any_order(tmp_path: Path) -> None:
    with stepper.open(script(tmp_path, BRANCHES)) as run:
        assert [gate.gate.note for gate in run.iteration(0).gates] == ["", ""]


def test_a_derivative_that_goes_forward_through_the_gates_is_no_swap(tmp_path: Path) -> None:
    tangent = "gh2 = ga2 * (h2 > 0); u = (np.ones((8, 5)) @ w1 * (h1 > 0)) @ w2; v = u * (h2 > 0)"
    assert notes(tmp_path, second=tangent) == {"h1": "", "h2": ""}


def test_a_gate_whose_input_has_the_signs_of_anothers_is_no_masking_by_that_one() -> None:
    ran = run(
        """
        import numpy as np
        np.random.seed(0)
        x, w, scale = np.random.randn(8, 5), np.random.randn(5, 6), np.random.rand(8, 6) + 0.5
        for t in range(1):
            h1 = x @ w
            a1 = np.maximum(h1, 0)
            h2 = h1 * scale
            a2 = np.maximum(h2, 0)
            loss = ((a1 + a2) ** 2).sum()
            ga = 2 * (a1 + a2)
            w -= 1e-4 * x.T @ (ga + ga * scale)
        """
    )
    assert [(gate.label, gate.note) for gate in ran.record(0).gates] == [("h1", ""), ("h2", "")]


# A mask that is no comparison itself: cast, scaled, stored, kept, or made by a function.
MADE = {
    "cast": "g = ga * (h > 0).astype(float)",
    "product": "g = ga * ((h > 0) * 1.0)",
    "where": "g = ga * np.where(h > 0, 1.0, 0.0)",
    "step function": "g = ga * np.heaviside(h, 0)",
    "written into itself": "g = ga\nnp.multiply(g, h > 0, out=g)",
    "function": "g = ga * slope(h)",
    "function not looked into": "g = ga * steep(h)",
    "backward not looked into": "g = uncut(ga, h)",
    "kept": "kept = {'mask': (h > 0).astype(float)}\ng = ga * kept['mask']",
    "indices": "g = ga.copy()\ng[np.nonzero(h <= 0)] = 0",
}
MADE_HEAD = """
import numpy as np
def slope(z):
    return (z > 0).astype(z.dtype)
steep = np.vectorize(lambda v: 1.0 if v > 0 else 0.0)
uncut = lambda dout, z: dout * (z > 0)
np.random.seed(3)
x, w = np.random.randn(9, 5), np.random.randn(5, 5)
for t in range(1):
"""


def pairs_of_gates(masked_by: dict[int, int]) -> str:
    """Two layers for each way to make a mask, no two pairs of one shape; `masked_by`: which h masks at which layer."""
    lines = ["loss = 0.0"]
    for k, mask in enumerate(MADE.values()):
        backward = {layer: _numbered(mask, layer, masked_by[layer]) for layer in (1, 2)}
        lines += [
            f"p{k}, q{k} = np.random.randn(5, {k + 3}), np.random.randn({k + 3}, {k + 3})",
            f"h1_{k} = x @ w @ p{k}",
            f"a1_{k} = np.maximum(h1_{k}, 0)",
            f"h2_{k} = a1_{k} @ q{k}",
            f"a2_{k} = np.maximum(h2_{k}, 0)",
            f"loss = loss + (a2_{k} ** 2).sum() / 2",
            f"ga2_{k} = a2_{k} - 1",
            *backward[2].replace("#", str(k)).splitlines(),
            f"ga1_{k} = g2_{k} @ q{k}.T",
            *backward[1].replace("#", str(k)).splitlines(),
            f"w = w - 1e-3 * x.T @ g1_{k} @ p{k}.T",
        ]
    return MADE_HEAD + "".join(f"    {line}\n" for line in lines)


def _numbered(mask: str, layer: int, source: int) -> str:
    for name, number in (("h", source), ("ga", layer), ("g", layer), ("kept", layer)):
        mask = re.sub(rf"\b{name}\b", f"{name}{number}_#", mask)
    return mask


@pytest.fixture(scope="module", params=[{1: 1, 2: 2}, {1: 2, 2: 2}, {1: 1, 2: 1}, {1: 2, 2: 1}], ids=str)
def masked(request: pytest.FixtureRequest) -> tuple[dict[int, int], Ran]:
    ran = run(pairs_of_gates(request.param))
    assert ran.error is None
    return request.param, ran


@pytest.mark.parametrize("k", range(len(MADE)), ids=list(MADE))
def test_a_mask_is_known_by_what_it_was_made_of(masked: tuple[dict[int, int], Ran], k: int) -> None:
    masked_by, ran = masked
    swapped = masked_by == {1: 2, 2: 1}
    hs = {layer: ran.array(ran.values(f"h{layer}_{k}")[0]) for layer in (1, 2)}
    for layer in (1, 2):
        gate = ran.gate(f"h{layer}_{k}")
        assert numpy.array_equal(ran.array(gate.h), hs[layer])
        if masked_by[layer] == layer:
            assert gate.note == ""
        else:
            told = "are swapped" if swapped else "no gradient is masked by"
            # Each count is of the comparison as it is told; a mask of indices says what is blocked
            other, own = hs[masked_by[layer]], hs[layer]
            blocks = list(MADE)[k] in ("backward not looked into", "indices")
            rule, differ = ("< 0", (other <= 0) != (own < 0)) if blocks else ("> 0", (other > 0) != (own > 0))
            assert told in gate.note
            assert gate.note.endswith(f"h{layer}_{k} {rule} in {int(differ.sum())} of {own.size} entries")
        if masked_by[layer] == layer or swapped:
            before = ran.array(ran.values(f"ga{layer}_{k}", when="result")[0])
            masks_by = hs[masked_by[layer]] > 0
            assert numpy.array_equal(ran.array(gate.grad_before), before)
            assert numpy.array_equal(ran.array(gate.grad_after), before * masks_by)
        else:
            assert gate.grad_before is None


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        ("ga * (h > 0)", "backward masks by h > 0 (line 8), and passes nothing where h < 0; the operation 0.1"),
        ("ga * np.where(h > 1, 1, 0.1)", "backward masks by np.where(h > 1, 1, 0.1) (line 8), which is not h > 0 in "),
        ("np.where(h > 0, ga, 0.1 * ga)", ""),
    ],
)
def test_a_mask_that_is_not_of_a_leaky_gate_is_told(mask: str, told: str) -> None:
    ran = run(
        f"""
        import numpy as np
        np.random.seed(0)
        w = np.random.randn(6, 4)
        for t in range(1):
            h = w * 2
            a = np.where(h > 0, h, 0.1 * h); ga = a - 1; loss = (ga ** 2).sum() / 2
            g = {mask}
            w -= 0.1 * g
        """
    )
    (gate,) = ran.record().gates
    assert gate.soft and gate.note.startswith(told) and bool(gate.note) == bool(told)


def test_a_threshold_that_stops_nothing_is_no_mask_of_a_gate_that_it_was_not_made_of() -> None:
    ran = run(
        """
        import numpy as np
        np.random.seed(0)
        x, w = np.random.randn(6, 6), np.random.randn(6, 6)
        for t in range(1):
            h = x @ w
            a = np.maximum(h, 0)
            loss = (a**2).sum()
            w -= 1e-3 * (x.T @ (2 * a * (h > 0)))
            s = np.maximum(np.abs(w), 0)
            w = np.where(np.abs(w) > 1e-9, w, 0)
        """
    )
    assert [(gate.note, gate.grad_before is None) for gate in ran.record().gates] == [("", False), ("", True)]


def test_a_mask_that_lets_pass_what_is_largest_in_its_row_is_not_one_of_the_gate_by_itself() -> None:
    """It stops all that the gate does, and so may stand for both; no number divides what it passes from the rest."""
    ran = run(
        """
        import numpy as np
        np.random.seed(0)
        x, w = np.random.randn(6, 4), np.random.randn(4, 5)
        for t in range(1):
            h = x @ w
            a = np.maximum(h, 0)
            large = a > a.mean(1, keepdims=True)
            b = a * large
            loss = (b**2).sum()
            w -= 1e-3 * (x.T @ (2 * b * large))
        """
    )
    assert [gate.note for gate in ran.record().gates if gate.label == "h"] == [""]


@pytest.mark.parametrize(
    ("first", "mask", "which"),
    [
        ("gh1 = ga1 * (ga1 > 0)", "ga1 > 0", "the sign of the gradient itself, and"),
        ("gh1 = np.maximum(ga1, 0)", "np.maximum(ga1, 0)", "the sign of the gradient itself, and"),
        ("gh1 = ga1 * ((ga1 > 0) & (h1 > 0))", "(ga1 > 0) & (h1 > 0)", "which is"),
        ("gh1 = ga1 * (x @ w1 + 1 > 0)", "x @ w1 + 1 > 0", "which is"),
    ],
)
def test_a_mask_that_is_of_no_gate_is_told_where_it_stands_for_the_gates_own(first: str, mask: str, which: str) -> None:
    ran = run(NETWORK.format(relu="np.maximum(h2, 0)", first=first, second=SECOND))
    gate = ran.gate("h1")
    h1, came, left = (ran.array(ran.values(label)[0]) for label in ("h1", "ga1", "gh1"))
    differ = int(((left == 0) != (h1 <= 0)).sum())
    assert gate.note == f"backward masks by {mask} (line 19), {which} not h1 > 0 in {differ} of 48 entries"
    assert ran.gate("h2").note == "" and len(ran.record().gates) == 2
    assert numpy.array_equal(ran.array(gate.grad_before), came) and numpy.array_equal(ran.array(gate.grad_after), left)
    assert gate.blocked == int((h1 < 0).sum())


def test_gradients_that_are_masked_by_their_own_signs_throughout_stand_at_each_gate(tmp_path: Path) -> None:
    found = notes(tmp_path, first="gh1 = ga1 * (ga1 > 0)", second="gh2 = ga2.copy(); gh2[ga2 < 0] = 0")
    assert found["h1"].startswith(
        "backward masks by ga1 > 0 (line 19), the sign of the gradient itself, and not h1 > 0"
    )
    assert found["h2"].startswith(
        "backward masks by ga2 < 0 (line 16), the sign of the gradient itself, and not h2 < 0"
    )


@pytest.mark.parametrize(
    ("first", "second", "gate"),
    [
        ("gh1 = ga1 * (h1 > 0); gx = gh1 @ w2.T; gx = gx * (gx > 0)", "gh2 = ga2 * 1.5", "h2"),
        ("gh1 = ga1 * 1.5", "gh2 = ga2 * (h2 > 0); aside = ga2 * (ga2 > 0)", "h1"),
    ],
)
def test_a_mask_on_another_way_than_the_gates_is_not_told_there(first: str, second: str, gate: str) -> None:
    note = run(NETWORK.format(relu="np.maximum(h2, 0)", first=first, second=second)).gate(gate).note
    assert note.startswith(f"no gradient is masked by {gate} > 0: what comes back to ")


def test_a_mask_of_the_forward_pass_is_no_gates(tmp_path: Path) -> None:
    found = notes(
        tmp_path,
        relu="np.maximum(h2, 0); kept = np.random.rand(8, 6) > 0.5; a2 = a2 * kept",
        first="gh1 = ga1 * (h1 > 0)",
        second="gh2 = ga2 * kept",
    )
    assert found["h1"] == "" and found["h2"].startswith("no gradient is masked by h2 > 0: what comes back to ")


@pytest.mark.parametrize("mask", ["x[:, :1] > 0", "(h2.sum(0) > 0) * 1.0"])
def test_a_mask_of_another_shape_is_told_where_it_stands_for_the_gates_own(mask: str) -> None:
    ran = run(NETWORK.format(relu="np.maximum(h2, 0)", first=f"m = {mask}; gh1 = ga1 * m", second=SECOND))
    h1, m = (ran.array(ran.values(label)[0]) for label in ("h1", "m"))
    differ = int(((m == 1) != (h1 > 0)).sum())
    assert ran.gate("h1").note == (
        f"no gradient is masked by h1; one is by m (line 19), which is stretched from {m.shape}, and not h1 > 0 "
        f"in {differ} of 48 entries"
    )
    assert ran.gate("h2").note == ""


SMOOTH = "gh1 = ga1 / (1 + np.exp(-9 * h1)); pad = {pad}; gh1 = gh1 * pad"


@pytest.mark.parametrize(
    ("relu", "first"),
    [
        # A padding, beside the gate's own mask; beside one that is the gate's and another; one of the forward pass
        ("np.maximum(h2, 0)", "ga1 = ga1 * (x[:, :1] > 0); gh1 = ga1 * (h1 > 0)"),
        ("np.maximum(h2, 0)", "ga1 = ga1 * (x[:, :1] > 0); gh1 = ga1 * ((h1 > 0) & (x > 0)[:, [0, 1, 2, 3, 4, 0]])"),
        ("np.maximum(h2, 0); pad = x[:, :1] > 0; a2 = a2 * pad", SMOOTH.format(pad="pad")),
        ("np.maximum(h2, 0)", SMOOTH.format(pad="x[:, :1] < 9")),  # it stops nothing
        ("np.maximum(h2, 0)", "gh1 = ga1 / (1 + np.exp(-9 * h1)); told = a1 * (x[:, :1] > 0)"),  # no gradient
        (  # another gate's turn
            "np.maximum(h2, 0); h3 = a2 - 0.3; a2 = np.maximum(h3, 0)",
            "gh2 = gh2 / (1 + np.exp(-9 * h2)); gh1 = (gh2 @ w2.T) * (h1 > 0); gh1 = gh1 * (x[:, :1] > 0)",
        ),
    ],
)
def test_a_mask_of_another_shape_beside_the_gates_own_is_passed_over(tmp_path: Path, relu: str, first: str) -> None:
    second = "gh2 = ga2 * (h3 > 0)" if "h3" in relu else SECOND
    assert set(notes(tmp_path, relu=relu, first=first, second=second).values()) == {""}


ONE_AT_A_TIME = """
import numpy as np
rng = np.random.default_rng(3)
w1 = rng.normal(size=(3, 4)); w2 = rng.normal(size=(4, 4)); w3 = rng.normal(size=(4, 4)); w4 = rng.normal(size=(4, 2))
b1 = np.array([[1.0, {b1}, 0.5, 1.0]]); b2 = np.full((1, 4), -99.0); b3 = rng.normal(size=(1, 4))
x = rng.normal(size=(1, 3)); y = rng.normal(size=(1, 2))
for t in range(1):
    h1 = x @ w1 + b1
    a1 = np.maximum(h1, 0)
    h2 = a1 @ w2 + b2
    a2 = np.maximum(h2, 0)
    h3 = {third}
    a3 = np.tanh(h3)
    y_pred = a3 @ w4
    loss = ((y_pred - y) ** 2).sum()
    g = 2 * (y_pred - y)
    g4 = a3.T @ g
    gh3 = (1 - a3 ** 2) * (g @ w4.T)
    g3 = a2.T @ gh3
    ga2 = gh3 @ w3.T + gh3
    gh2 = {second}
    g2 = a1.T @ gh2
    ga1 = gh2 @ w2.T
    gh1 = {first}
    w1 -= 0.01 * (x.T @ gh1); w2 -= 0.01 * g2; w3 -= 0.01 * g3; w4 -= 0.01 * g4
    b1 -= 0.01 * gh1; b2 -= 0.01 * gh2; b3 -= 0.01 * gh3
"""


@pytest.mark.parametrize(
    ("third", "second", "first", "b1"),
    [
        ("a2 @ w3 + b3", "ga2 * (1.0 - 1.0 * (h2 <= 0))", "ga1 * (h1 > 0)", -0.2),  # what adds zeros, in either pass
        ("b3 + a1 * a2", "ga2 * (h2 > 0)", "ga1 * (h1 > 0)", -9),  # a product of the forward pass
        ("a2 @ w3 + b3", "ga2 * (h2 > 0).astype(float)", "(h1 > 0).astype(float) * ga1", -0.2),  # a gradient of zeros
        ("a2 @ w3 + b3", "ga2 * (h2 > 0).astype(float)", "(h1 > 0).astype(float) * ga1", -9),
    ],
)
def test_zeros_that_a_dead_layer_leaves_are_no_masks(third: str, second: str, first: str, b1: float) -> None:
    ran = run(ONE_AT_A_TIME.format(third=third, second=second, first=first, b1=b1))
    for name, came in (("h1", "ga1"), ("h2", "ga2")):
        gate = ran.gate(name)
        assert gate.note == "" and gate.blocked == int((ran.array(ran.values(name)[0]) < 0).sum())
        for found, label in ((gate.grad_before, came), (gate.grad_after, came.replace("a", "h"))):
            assert numpy.array_equal(ran.array(found), ran.array(ran.values(label)[0]))


def test_a_mask_of_zeros_is_no_masked_gradient() -> None:
    text = """
        import numpy as np
        np.random.seed(0)
        x = np.random.randn(1, 5); y = np.random.randn(1, 2)
        w1 = np.random.randn(5, 6); w2 = np.random.randn(6, 2)
        for t in range(1):
            h = x @ w1 + 99
            a = np.maximum(h, 0)
            g = 2 * (a @ w2 - y)
            loss = (g ** 2).sum() / 4
            ga = g @ w2.T
            m = (h <= 0) * 1.0
            gh = np.where(m, 0, ga)
            w2 -= 1e-4 * a.T @ g
            w1 -= 1e-4 * x.T @ gh
    """
    gate = run(text).gate("h")
    assert gate.note == "" and (gate.grad_after is None or gate.grad_after.label != "m")
