"""Phases and roles where no number of the pass is called a loss, or no value a gradient."""

import pytest

from stepper.program.program import analyse
from tests.program.test_knowledge import labels, phases


def test_a_return_of_rewards_is_no_gradient_ahead_of_the_one_that_is_made_of_the_parameters() -> None:
    source = """
import numpy as np
def policy(s):
    p = np.exp(theta[s])
    return p / p.sum()
for s, a, r in episode:
    G = r + 0.9 * G
    grad = -policy(s)
    grad[a] += 1
    theta[s] += 0.1 * G * grad
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"theta"} and program.roles["grad"] == "gradient"
    assert phases(program)["grad[a] += 1"] == "backward"


def test_what_is_worked_out_anew_has_no_way_back() -> None:
    source = """
import numpy as np
for it in range(9):
    resp = pi * np.exp(-(X - mu) ** 2)
    ll = np.log(resp.sum(1)).sum()
    resp /= resp.sum(1, keepdims=True)
    Nk = resp.sum(0)
    mu = (resp * X).sum(0) / Nk
    pi = Nk / len(X)
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"mu", "pi"} and program.roles["Nk"] == "activation"
    assert phases(program)["Nk = resp.sum(0)"] == "forward" and phases(program)["pi = Nk / len(X)"] == "update"


def test_a_list_of_gradients_is_made_on_the_way_back_and_its_loop_takes_the_steps() -> None:
    source = """
for t in range(9):
    loss = (w ** 2).sum() + (b ** 2).sum()
    grads = [w * 2.0, b * 4.0]
    for p, g in zip([w, b], grads):
        p -= 0.1 * g
"""
    program = analyse(source, "s.py")
    assert program.loop is not None and program.sites[program.loop.site].line == 2
    assert phases(program)["grads = [w * 2.0, b * 4.0]"] == "backward" and program.roles["g"] == "gradient"


def test_a_count_of_visits_that_scales_the_step_is_a_part_of_it_and_a_gradient_that_is_added_to_is_none() -> None:
    source = """
for s, a, r in episode:
    td_error = r - Q[s, a]
    visits[s, a] += 1
    Q[s, a] += td_error / visits[s, a]
"""
    program = analyse(source, "s.py")
    assert phases(program)["visits[s, a] += 1"] == "update" and phases(program)["td_error = r - Q[s, a]"] == "backward"
    assert labels(program, "parameter") == {"Q"} and program.roles["visits"] == "other"
    source = """
for x, y in rows:
    loss = (w - y) ** 2
    dw[0] += 1
    dw[1] += x * (w - y)
    w -= 0.1 * dw
"""
    assert phases(analyse(source, "s.py"))["dw[0] += 1"] == "backward"


def test_behind_the_step_of_one_sample_the_next_one_begins_with_a_forward_pass() -> None:
    source = """
def learn(x, y):
    out = x * w[0] + w[1]
    err = y - out
    w[0] += 0.1 * err * x
    w[1] += 0.1 * err
for t in range(9):
    learn(0, 1)
    learn(1, 0)
"""
    found = phases(analyse(source, "s.py"))
    assert found["out = x * w[0] + w[1]"] == found["learn(1, 0)"] == "forward" and found["err = y - out"] == "backward"


def test_what_the_script_itself_calls_gradient_may_be_the_training() -> None:
    source = """
def gradient(x, y):
    w = 0.5
    for t in range(9):
        w = w - 0.1 * (x * (w * x - y)).sum()
    return w
print(gradient(x, y))
"""
    program = analyse(source, "s.py")
    assert program.loop is not None and program.sites[program.loop.site].line == 4


def test_the_same_layer_of_another_value_is_no_gradient() -> None:
    source = """
import numpy as np
sigmoid = lambda z: 1 / (1 + np.exp(-z))
for v in batches:
    h = sigmoid(v @ w)
    r = sigmoid(h @ w.T)
    k = sigmoid(r @ w)
    near, far = v.T @ h, r.T @ k
    w += 0.1 * (near - far) + 0.5 * last
    last = near - far
    err = ((v - r) ** 2).sum()
"""
    program = analyse(source, "s.py")
    assert phases(program)["k = sigmoid(r @ w)"] == "forward" and program.roles["k"] == "activation"
    assert program.roles["r"] == "activation" and labels(program, "parameter") == {"w"}


def test_what_is_made_of_a_difference_to_data_and_of_what_led_there_is_a_gradient_whatever_it_is_called() -> None:
    source = """
import numpy as np
for t in range(9):
    z = x @ a
    q = np.maximum(z, 0)
    r = q @ b
    s = r - y
    u = q.T @ s
    v = s @ b.T
    v[z < 0] = 0
    k = x.T @ v
    a -= 0.01 * k
    b -= 0.01 * u
"""
    program = analyse(source, "s.py")
    assert labels(program, "activation") == {"z", "q", "r", "s"} and labels(program, "gradient") == {"u", "v", "k"}
    assert phases(program)["s = r - y"] == "forward" and phases(program)["u = q.T @ s"] == "backward"
    centred = source.replace("s = r - y", "s = r - r.mean()")  # of the forward pass alone
    assert labels(analyse(centred, "s.py"), "gradient") == set()


def test_what_is_called_after_the_parameter_that_it_steps_begins_the_way_back() -> None:
    source = """
for t in range(9):
    Y_pred = m * X + c
    D_m = (-2 / n) * sum(X * (Y - Y_pred))
    dc = (-2 / n) * sum(Y - Y_pred)
    m = m - L * D_m
    c -= L * dc
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert [found["D_m = (-2 / n) * sum(X * (Y - Y_pred))"], found["Y_pred = m * X + c"]] == ["backward", "forward"]
    assert program.roles["dc"] == program.roles["D_m"] == "gradient" and program.roles["Y_pred"] == "activation"


def test_what_units_keep_of_themselves_is_made_by_the_forward_pass_and_no_step_nor_parameter() -> None:
    source = """
def forward(row):
    for layer in net:
        kept = []
        for unit in layer:
            unit["out"] = sum(a * b for a, b in zip(unit["w"], row))
            kept.append(unit["out"])
        row = kept
def slope(y):
    return y * (1 - y)
def back(aim):
    for i in reversed(range(len(net))):
        layer = net[i]
        errors = []
        for j, unit in enumerate(layer):
            if i:
                errors.append(aim - unit["out"])
            else:
                errors.append(sum(each["w"][j] * each["delta"] for each in net[1]))
        for unit, error in zip(layer, errors):
            unit["delta"] = error * slope(unit["out"])
def step(row):
    for layer in net:
        for unit in layer:
            for j in range(len(row)):
                unit["w"][j] += 0.1 * unit["delta"] * row[j]
        row = [unit["out"] for unit in layer]
for row, aim in rows:
    forward(row)
    back(aim)
    step(row)
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert [found[line] for line in ("forward(row)", "back(aim)", "step(row)")] == ["forward", "backward", "update"]
    assert found["layer = net[i]"] == found["errors = []"] == "backward" and program.roles["y"] == "activation"


def test_a_function_that_hands_back_what_it_stepped_takes_the_step_whatever_is_told_of_that_later() -> None:
    source = """
import numpy as np
def update(params, grads):
    params["w"] -= 0.1 * grads["dw"]
    return params
params = {"w": np.zeros(3)}
for t in range(9):
    out = x @ params["w"]
    grads = {"dw": x.T @ (out - y)}
    params = update(params, grads)
    loss = ((out - y) ** 2).mean()
    test_loss = ((a @ params["w"] - b) ** 2).mean()
"""
    assert phases(analyse(source, "s.py"))["params = update(params, grads)"] == "update"


def test_ahead_of_the_first_gradient_with_a_name_the_way_back_begins_at_the_difference_to_data() -> None:
    source = """
import numpy as np
for t in range(9):
    a = np.maximum(x @ w1, 0)
    b = a @ w2
    t1 = np.multiply(-(y - b), b > 0)
    t2 = (t1 @ w2.T) * (a > 0)
    dw1 = x.T @ t2
    dw2 = a.T @ t1
    w1 -= 0.1 * dw1
    w2 -= 0.1 * dw2
"""
    program = analyse(source, "s.py")
    found = phases(program)
    assert found["t1 = np.multiply(-(y - b), b > 0)"] == found["t2 = (t1 @ w2.T) * (a > 0)"] == "backward"
    assert labels(program, "gradient") == {"t1", "t2", "dw1", "dw2"} and labels(program, "activation") == {"a", "b"}
    gated = source.replace("-(y - b), b > 0", "-(a.mean() - b), b > 0")  # compares no data: a layer of the forward pass
    assert labels(analyse(gated, "s.py"), "gradient") == {"dw1", "dw2"}


def test_the_place_in_a_grid_that_an_environment_keeps_is_no_parameter_and_a_cell_that_is_asked_for_no_end() -> None:
    source = """
import numpy as np
class Lake:
    def step(self, move):
        row = min(3, self.at[0] + move[0])
        column = min(3, self.at[1] + move[1])
        self.at = (row, column)
        cell = grid[row][column]
        if cell == "hole":
            reward = -1
        else:
            reward = 0
        return self.at[0] * 4 + self.at[1], reward
lake = Lake()
while True:
    action = np.argmax(Q[state])
    following, reward = lake.step(moves[action])
    Q[state, action] += 0.5 * (reward + 0.9 * np.max(Q[following]) - Q[state, action])
    state = following
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"Q"} and labels(program, "gradient") == set()
    assert phases(program)["following, reward = lake.step(moves[action])"] == "forward"


@pytest.mark.parametrize("begun", ["w", "w.copy()", "0.1 * w"])
def test_a_gradient_that_begins_as_the_penaltys_part_of_it_leads_to_the_parameter(begun: str) -> None:
    source = f"""
for t in range(9):
    grad = {begun}
    for i in range(len(x)):
        if 1 - y[i] * (w @ x[i]) > 0:
            grad = grad - c * y[i] * x[i]
    w = w - grad / (t + 1)
"""
    program = analyse(source, "s.py")
    assert labels(program, "parameter") == {"w"} and labels(program, "gradient") == {"grad"}


@pytest.mark.parametrize("g", ["1 / (1 + np.exp(-z))", "-z"])
def test_the_g_that_a_sigmoid_works_out_or_is_taken_of_is_no_gradient(g: str) -> None:
    source = f"""\
import numpy as np
def hypothesis(z):
    g = {g}
    return g
for i in range(9):
    p = hypothesis(x @ w)
    h = {"p" if "exp" in g else "1 / (1 + np.exp(p))"}
    w = w - 0.1 / m * (x.T @ (h - y))
"""
    program = analyse(source, "s.py")
    assert "backward" not in phases(program).values() and program.roles["p"] == "activation"


def test_what_is_only_added_to_a_history_ends_the_forward_pass_ahead_of_slopes_without_a_name() -> None:
    source = """
import numpy as np
history = []
for i in range(9):
    n = w @ p
    e = t - v @ n**2
    mse = np.mean(e**2)
    history.append(mse)
    s2 = -2 * e
    s1 = (v.T @ s2) * 2 * n
    dv = s2 @ (n**2).T
    dw = s1 @ p.T
    v = v - 0.01 * dv
    w = w - 0.01 * dw
"""
    found = phases(analyse(source, "s.py"))
    assert [found[each] for each in ("e = t - v @ n**2", "s2 = -2 * e", "s1 = (v.T @ s2) * 2 * n")] == [
        *("forward", "backward", "backward")
    ]
