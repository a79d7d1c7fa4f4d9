"""Gradients that the script changes before the update uses them: clipped, scaled, decayed, under another name."""

from pathlib import Path

from stepper.record import STRETCHED
from stepper.session.check.gradient_check import Verdict
from tests.session.checks import named, opened, verdicts


def test_a_gradient_that_was_changed_under_another_name_is_compared_as_it_was_made(tmp_path: Path) -> None:
    text = """
        import {library} as lib
        rng = __import__("numpy").random.default_rng(0)
        make = {make}
        x, y = make(rng.normal(size=(6, 3))), make(3 * rng.normal(size=(6, 2)))
        P = {{"w": make(rng.normal(size=(3, 2))), "b": make(rng.normal(size=2)), "one": make(rng.normal(size=1))}}
        Q = {{name: make(rng.normal(size=2)) for name in ("decayed", "five", "clipped", "wrong", "thrice")}}
        for t in range(2):
            e = x @ P["w"] + P["b"] + P["one"] + sum(Q.values()) - y
            loss = (e * e).sum()
            G = {{"w": 2 * x.T @ e, "b": (2 * e).sum(0), "one": (2 * e).sum().reshape(1)}}
            H = {{name: (dict(wrong=3, thrice=6).get(name, 2) * e).sum(0) for name in Q}}
            scale = min(1.0, 0.5 / float(sum((g * g).sum() for g in G.values()) ** 0.5))
            for k in P:
                g = G[k] * scale
                P[k] -= 0.1 * g
            grads = {{"decayed": H["decayed"] + 0.1 * Q["decayed"]}}
            grads["five"] = 5 * H["five"]
            grads["clipped"] = H["clipped"].clip(-0.1, 0.1)
            grads["wrong"] = H["wrong"] * scale
            grads["thrice"] = H["thrice"] + 0.1 * Q["thrice"]
            halves = {{name: 0.5 * H for name, H in grads.items()}}
            for name in Q:
                Q[name] -= 0.01 * halves[name]
    """
    for library, make in (("numpy", "lambda array: array"), ("torch", "lib.tensor")):
        with opened(tmp_path, text.format(library=library, make=make)) as run:
            found = named(run.check(1, entries=1))
            scale = run.iteration(1)["scale"].summary.value
        assert found.pop('Q["wrong"]').verdict is Verdict.DIFFERS  # also as it was made
        thrice = found.pop('Q["thrice"]')
        assert thrice.verdict is Verdict.DIFFERS
        assert thrice.note.startswith("× 3 of the finite difference: a factor 3 is extra, or 1/3 is missing; as it was")
        assert {each.verdict for each in found.values()} == {Verdict.AGREES} and len(found) == 6, found
        assert f"changed on line 15, and the update used {scale:.6g} × it" in found['P["w"]'].note
        assert "changed on line 17, before the update used it" in found['Q["decayed"]'].note
        assert "the update used 2.5 × it" in found['Q["five"]'].note


def test_a_factor_too_many_on_the_way_back_is_none_of_the_update(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        w1, b1, w2, b2 = rng.normal(size=(5, 4)), rng.normal(size=5), rng.normal(size=(3, 5)), rng.normal(size=3)
        x, y, c = rng.normal(size=4), rng.normal(size=3), 0.5
        for t in range(2):
            h = np.tanh(w1 @ x + b1)
            e = w2 @ h + b2 + c - y
            loss = (e * e).sum()
            dout = 2 * e
            half = np.outer(dout, h)
            dw2 = half * 3
            db2 = 2 * dout
            dz = (w2.T @ dout) * (1 - h * h)
            dw1 = 2 * np.outer(dz, x)
            db1 = np.sign(dz)
            whole = dout.sum()
            dc = max(-0.1, min(0.1, whole))
            w1 -= 0.01 * dw1
            b1 -= 0.01 * db1
            w2 -= 0.01 * dw2
            b2 -= 0.01 * db2
            c -= 0.01 * dc
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert found.pop("c").verdict is Verdict.AGREES
    assert {each.verdict for each in found.values()} == {Verdict.DIFFERS}, found
    assert found["w2"].note.endswith("a factor 3 is extra, or 1/3 is missing; line 12 multiplies by 3 what agrees")


def test_lists_that_were_changed_under_another_name_are_compared_as_they_were_made(tmp_path: Path) -> None:
    text = """
        w, b = [[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]], [0.5, -0.1]
        xs, ys = [[1.0, 2.0, 3.0], [0.0, -1.0, 2.0]], [[1.0, 0.0], [2.0, 1.0]]
        for t in range(2):
            d = [[sum(x[k] * w[k][j] for k in range(3)) + b[j] - y[j] for j in range(2)] for x, y in zip(xs, ys)]
            loss = sum(e * e for row in d for e in row)
            dw = [[sum(2 * xs[n][k] * d[n][j] for n in range(2)) for j in range(2)] for k in range(3)]
            db = [sum(2 * d[n][j] for n in range(2)) for j in range(2)]
            scale = 0.5 / sum(g * g for row in dw for g in row) ** 0.5
            gw = [[g * scale for g in row] for row in dw]
            gb = [g * scale for g in db]
            for k in range(3):
                for j in range(2):
                    w[k][j] -= 0.1 * gw[k][j]
            for j in range(2):
                b[j] -= 0.1 * gb[j]
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys("wb", Verdict.AGREES)
    assert "changed on line 10" in found["w"].note and "changed on line 11" in found["b"].note


def test_one_number_for_all_of_a_parameter_in_a_dict_is_its_gradient(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        params = {"w": rng.normal(size=(4, 3)), "b": np.zeros(3)}
        x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 3))
        for t in range(2):
            e = x @ params["w"] + params["b"] - y
            loss = (e * e).sum()
            grads = {"w": 2 * x.T @ e, "b": (2 * e).sum()}
            for k in params:
                params[k] -= 0.01 * grads[k]
    """
    with opened(tmp_path, text) as run:
        found = verdicts(run.check(1, entries=1))
        notes = [event.note for event in run.iteration(1).events]
    assert found == {'params["w"]': Verdict.AGREES, 'params["b"]': Verdict.DIFFERS}
    assert any(note.startswith(STRETCHED) and 'params["b"]' in note for note in notes)


def test_what_a_function_clips_before_it_returns_it_is_compared_as_it_was_made(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, y = 4 * rng.normal(size=(8, 3)), 4 * rng.normal(size=(8, 1))
        w1, w2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
        def backward():
            h = np.tanh(x @ w1)
            e = h @ w2 - y
            dw1 = x.T @ ((2 * e @ w2.T) * (1 - h * h))
            dw2 = 2 * h.T @ e
            for g in [dw1, dw2]:
                np.clip(g, -1, 1, out=g)
            return (e * e).sum(), dw1, dw2
        for t in range(2):
            loss, dw1, dw2 = backward()
            for w, g in zip([w1, w2], [dw1, dw2]):
                w -= 0.01 * g
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
    assert {each.verdict for each in found.values()} == {Verdict.AGREES} and len(found) == 2, found
    assert all("changed on line 12, before the update used it" in each.note for each in found.values()), found


def test_of_a_gradient_that_a_mask_made_zero_in_places_it_is_said_where_and_how_much(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 6))
        w, v, b = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), np.zeros(6)
        for t in range(2):
            e = x @ w + np.sin(x) @ v + b - y
            loss = (e * e).sum()
            dw = 2 * x.T @ e
            db = 2 * e.sum(0)
            dw *= np.abs(dw) > np.quantile(np.abs(dw), 0.25)
            dv = 2 * np.sin(x).T @ e
            keep = rng.random(dv.shape) < 0.5
            dv = dv * keep
            w -= 0.01 * dw
            v -= 0.01 * dv
            b -= 0.01 * db
    """
    with opened(tmp_path, text) as run:
        found = named(run.check(1, entries=1))
        zeros = run.iteration(1)["dv"].summary.zero
    assert {each.verdict for each in found.values()} == {Verdict.AGREES}
    assert "changed on line 11 (6 of 24 entries became 0), before" in found["w"].note  # though no entry shown is one
    assert f"changed on line 14 ({zeros} of 24 entries became 0), before" in found["v"].note
    assert not found["b"].note


def test_what_a_mask_takes_out_of_the_loss_has_no_gradient_but_where_it_is_set_anew_before(tmp_path: Path) -> None:
    text = """
        import numpy as np
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 6))
        w, b = rng.normal(size=(4, 6)), np.zeros(6)
        for t in range(2):
            keep = rng.random(w.shape) < 0.4
            {before}
            e = x @ (w * keep) + b - y
            loss = (e * e).sum()
            dw = 2 * x.T @ e {mask}
            db = 2 * e.sum(0)
            w -= 0.01 * dw
            b -= 0.01 * db
    """
    for before, mask, verdict, said in (
        ("", "", Verdict.DIFFERS, "however far they are moved"),
        ("", "* keep", Verdict.AGREES, ""),
        ("w *= keep", "", Verdict.UNKNOWN, "updated before the loss is computed"),
    ):
        with opened(tmp_path, text.format(before=before, mask=mask)) as run:
            found = named(run.check(1))
        assert (found["w"].verdict, found["b"].verdict) == (verdict, Verdict.AGREES), before or mask
        assert said in found["w"].note and bool(said) is bool(found["w"].note)
