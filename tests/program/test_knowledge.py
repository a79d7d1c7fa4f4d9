"""Phases, roles, losses and what flows from pass to pass."""

import re
from pathlib import Path

import pytest

from stepper.program.program import Program, analyse
from stepper.program.vocabulary import names_gradient, names_loss

CORPUS = Path(__file__).parent / "corpus"


def program_of(name: str) -> Program:
    return analyse((CORPUS / f"{name}.txt").read_text(), f"{name}.py")


def phases(program: Program) -> dict[str, str]:
    """Phase by source text of a line."""
    lines = program.source.split("\n")
    return {lines[line - 1].split("#")[0].strip(): phase for line, phase in program.lines.items()}


def labels(program: Program, role: str) -> set[str]:
    return {label for label, found in program.roles.items() if found == role}


MARK = re.compile(r"# <-- (forward|loss|backward|update)$", re.MULTILINE)
MARKED = sorted(path.stem for path in CORPUS.glob("*.txt") if MARK.search(path.read_text()))


@pytest.mark.parametrize("name", MARKED)
def test_marked_lines_have_their_phase(name: str) -> None:
    program = program_of(name)
    for number, line in enumerate(program.source.split("\n"), 1):
        if found := MARK.search(line):
            assert (line, program.lines[number]) == (line, found[1])


@pytest.mark.parametrize(
    "name",
    [
        "dW1",
        "db",
        "dloss_dw",
        "dloss_fn",
        "dl_dw1",
        "dhraw",
        "d_weights2",
        "dlogits",
        "grad_h",
        "delta",
        "nabla_w",
        "dZ",
        "dgamma",
        "dbeta",
        "g",
        "gw",
        "error_signal",
        "output_error_term",
    ],
)
def test_names_of_gradients(name: str) -> None:
    assert names_gradient(name) and not names_loss(name)


@pytest.mark.parametrize(
    "name",
    [
        "data",
        "dropout",
        "done",
        "device",
        "d_loss",
        "g_loss",
        "d_model",
        "ds",
        "gamma",
        "generator",
        "no_grad",
        "D_x",
        "db_path",
    ],
)
def test_names_that_only_look_like_gradients(name: str) -> None:
    assert not names_gradient(name)


def test_what_goes_through_a_layer_that_is_called_like_a_view_is_data() -> None:
    roles = program_of("quickstart").roles  # self.flatten = nn.Flatten()
    assert (roles["X"], roles["y"]) == ("data", "data")


def test_what_a_function_with_a_capital_returns_is_no_object() -> None:
    assert program_of("cached_layers").roles["grads"] == "gradient"


def test_what_a_pass_takes_out_of_its_cache_keeps_its_role() -> None:
    roles = program_of("solver_evaluates").roles
    assert [roles[name] for name in ("x", "hat", "std", "dhat", "dgamma", "dw")] == ["activation"] * 3 + [
        "gradient"
    ] * 3


def test_what_is_handed_back_through_the_nodes_of_an_lstm_is_a_gradient() -> None:
    roles = program_of("lstm_nodes").roles
    assert [roles[name] for name in ("diff_h", "top_diff_h", "top_diff_s")] == ["gradient"] * 3


def test_what_was_made_of_parameters_is_none_whatever_names_it_had_on_its_way() -> None:
    assert program_of("cached_layers").roles["linear_cache"] == "activation"
    assert program_of("neurons_keep_outputs").roles["activation"] == "activation"


def test_the_cell_state_of_an_lstm_is_no_parameter() -> None:
    assert labels(program_of("lstm_nodes"), "parameter") == {f"self.{name}" for name in ("wg", "wi", "wo")} | {
        f"self.weights.{name}" for name in ("wg", "wi", "wo")
    }


def test_what_arrays_in_a_list_are_only_made_from_is_not_held_by_it() -> None:
    assert labels(program_of("states_in_place"), "parameter") == {"self.tables"}


def test_a_tensor_of_any_type_is_a_value_and_no_object() -> None:
    program = analyse(
        "import torch\nids, model = torch.LongTensor([1]), torch.nn.Embedding(3, 2)\n"
        "words = torch.IntTensor([2])\nopt = torch.optim.SGD(model.parameters(), 0.1)\n"
        "for t in range(3):\n    loss = model(ids + words).sum()\n    loss.backward()\n    opt.step()\n",
        "s.py",
    )
    assert [program.roles[name] for name in ("ids", "words", "model")] == ["data", "data", "other"]


def test_what_hands_out_batches_is_no_model_though_it_is_called() -> None:
    roles = program_of("batches_from_objects").roles
    assert [roles[name] for name in ("batch", "batch.data", "batch.targets")] == ["data"] * 3


def test_what_an_optimizer_keeps_from_its_first_step_on_is_no_gradient() -> None:
    roles = program_of("state_at_first_step").roles
    assert [roles[name] for name in ("self.pace", "self.seen", "grads", "params")] == ["other"] * 2 + [
        "gradient",
        "parameter",
    ]


@pytest.mark.parametrize(
    "learn",
    [
        "dw = 2 * x.T @ (x @ w - y); lr = 0.1 if t < 3 else decay; half = lr / 2; w -= half * dw",
        "loss.backward(); lr = 0.1 if t < 3 else decay; half = lr / 2; w.data -= half * w.grad",
    ],
)
def test_a_rate_that_is_worked_out_behind_the_gradients_belongs_to_the_step(learn: str) -> None:
    body = ["decay = 0.9**t", "loss = ((x @ w - y) ** 2).sum()", *learn.split("; ")]
    found = phases(analyse("import torch\nfor t in range(5):\n    " + "\n    ".join(body) + "\n", "s.py"))
    assert [found[line] for line in body] == ["forward", "loss", "backward", "update", "update", "update"]


def test_the_state_of_an_environment_is_no_parameter_beside_the_table_that_is_learnt() -> None:
    assert labels(program_of("table_without_error"), "parameter") == {"table"}


def test_what_comes_back_to_a_state_that_passes_add_up_is_a_gradient() -> None:
    roles = program_of("state_added_up").roles
    assert [roles[name] for name in ("self.h", "z", "dh", "self.dW")] == ["activation"] * 2 + ["gradient"] * 2


def test_roles_by_hand() -> None:
    program = program_of("numpy_by_hand")
    assert labels(program, "parameter") >= {"w1", "w2"}
    assert labels(program, "activation") >= {"h", "h_relu", "y_pred"}
    assert labels(program, "gradient") == {"grad_y_pred", "grad_w2", "grad_h_relu", "grad_h", "grad_w1"}
    assert labels(program, "data") >= {"x", "y", "learning_rate"}
    assert labels(program, "loss") == {"loss"}
    assert program.flows == ("w1", "w2")


def test_roles_do_not_hang_on_spelling() -> None:
    source = (CORPUS / "numpy_by_hand.txt").read_text()
    for old, new in (
        ("grad_y_pred", "q1"),
        ("grad_h_relu", "q3"),
        ("grad_h", "q4"),
        ("grad_w1", "q5"),
        ("grad_w2", "q2"),
    ):
        source = source.replace(old, new)
    program = analyse(source.replace("h_relu", "p1"), "s.py")
    assert labels(program, "gradient") == {"q1", "q2", "q3", "q4", "q5"}
    assert labels(program, "activation") >= {"h", "p1", "y_pred"}


def test_phases_by_hand() -> None:
    found = phases(program_of("numpy_by_hand"))
    assert found["x = np.random.randn(N, D_in)"] == "setup"
    assert found["h = x.dot(w1)"] == found["y_pred = h_relu.dot(w2)"] == "forward"
    assert found["loss = np.square(y_pred - y).sum()"] == found["print(t, loss)"] == "loss"
    assert found["grad_y_pred = 2.0 * (y_pred - y)"] == found["grad_h[h < 0] = 0"] == "backward"
    assert found["w1 -= learning_rate * grad_w1"] == "update"


def test_attributes_by_name_are_what_the_text_says() -> None:
    program = program_of("attributes_by_name")
    assert program.loop is not None and program.loop.line == 22
    assert {"self.W", "self.b"} <= labels(program, "parameter")
    assert {"g", "step"} <= labels(program, "gradient")


def test_phases_with_autograd() -> None:
    program = program_of("autograd")
    found = phases(program)
    assert program.uses_backward
    assert found["loss = (y_pred - y).pow(2).sum()"] == "loss"
    assert found["loss.backward()"] == "backward"
    assert found["with torch.no_grad():"] == found["w1.grad.zero_()"] == "update"
    assert program.roles["w1.grad"] == "gradient"


def test_what_autograd_grad_returns_are_gradients_whatever_they_are_for() -> None:
    assert program_of("autograd_grad").roles["q"] == "gradient"
    assert program_of("autograd_grad").roles["loss"] == "loss"
    assert program_of("gradient_penalty").roles["slopes"] == "gradient"


def test_without_a_name_gradients_are_what_no_end_of_the_pass_is_made_of() -> None:
    assert labels(program_of("attention_by_hand"), "gradient") == {"gO", "gA", "gV", "gS", "gQ", "gK"}


def test_a_dict_of_gradients_and_the_moments_under_a_loops_name() -> None:
    assert program_of("lstm_by_hand").roles["grads"] == "gradient"
    assert program_of("min_char_rnn").roles["mem"] == "other"
    assert program_of("total_of_losses").roles["loss"] == "loss"


def test_what_the_forward_pass_kept_is_an_activation_in_a_loop_backward_too() -> None:
    program = analyse(
        """
import numpy as np
for n in range(5):
    h, tape = np.zeros(4), []
    for t in range(5):
        new = np.tanh(W @ h + xs[t])
        tape.append((h, new))
        h = new
    loss = ((h - target) ** 2).sum()
    dh, dW = 2 * (h - target), np.zeros_like(W)
    for before, after in reversed(tape):
        dz = dh * (1 - after ** 2)
        dW += np.outer(dz, before)
        dh = W.T @ dz
    W -= 0.1 * dW
""",
        "s.py",
    )
    assert (program.roles["before"], program.roles["after"]) == ("activation", "activation")
    assert labels(program, "gradient") == {"dh", "dW", "dz"}


def test_what_containers_of_layers_make_is_an_activation() -> None:
    program = program_of("containers_of_layers")
    assert (program.roles["hidden"], program.roles["batch"]) == ("activation", "data")


def test_a_state_that_is_bound_anew_beside_an_error_signal_is_no_parameter() -> None:
    assert labels(program_of("temporal_difference"), "parameter") == {"Q"}


def test_zeroing_the_gradients_before_backward_belongs_to_backward() -> None:
    found = phases(program_of("optim_module"))
    assert found["optimizer.zero_grad()"] == "backward"
    assert found["optimizer.step()"] == "update"


def test_methods_have_phases_of_their_own_where_they_compute_gradients() -> None:
    program = program_of("relu_class")
    own = {(site.function, site.text): site.phase for site in program.sites if site.kind == "statement"}
    assert own["ReluNet.back_propagation", "grad_h[h < 0] = 0"] == "backward"
    assert own["ReluNet.back_propagation", "self.w1 -= self.learning_rate * grad_w1"] == "update"
    assert (
        own["ReluNet.forward", "h = self.x.dot(self.w1)"] == own["ReluNet.loss", "y_pred = self.forward()"] == "forward"
    )
    assert own["ReluNet.loss", "return np.square(y_pred - self.y).sum()"] == "loss"
    assert own["", "model.back_propagation()"] == "backward"
    assert own["", "print(t, model.loss())"] == "loss"


@pytest.mark.parametrize("name", ["dw", "grad"])
def test_a_layer_that_keeps_its_gradient_computes_it_in_the_backward_phase(name: str) -> None:
    source = f"""
import numpy as np
class Linear:
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, e):
        self.{name} = 2 * self.x.T @ e
layer = Linear()
layer.w = np.zeros(3)
for t in range(20):
    e = layer.forward(x) - y
    loss = (e ** 2).sum()
    layer.backward(e)
    layer.w -= 0.05 * layer.{name}
"""
    found = phases(analyse(source, "layer.py"))
    assert found[f"self.{name} = 2 * self.x.T @ e"] == found["layer.backward(e)"] == "backward"
    assert found["loss = (e ** 2).sum()"] == "loss"


def test_a_hand_written_recurrent_network_is_sorted() -> None:
    program = program_of("min_char_rnn")
    found = phases(program)
    assert found["ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))"] == "forward"
    assert found["dWhy += np.dot(dy, hs[t].T)"] == "backward"
    assert found["mem += dparam * dparam"] == "update"
    assert labels(program, "parameter") >= {"Wxh", "Whh", "Why", "bh", "by", "param"}
    assert {"Wxh", "mWxh", "n", "p", "smooth_loss"} <= set(program.flows)


def test_without_a_loss_forward_is_what_precedes_the_first_gradient() -> None:
    program = program_of("eleven_lines")
    found = phases(program)
    assert found["l1 = 1/(1+np.exp(-(np.dot(X,syn0))))"] == "forward"
    assert found["l1_delta = l2_delta.dot(syn1.T) * (l1 * (1-l1))"] == "backward"
    assert found["syn0 += X.T.dot(l1_delta)"] == "update"


def test_what_lies_around_the_loop_is_setup_or_between() -> None:
    found = phases(program_of("epochs_batches"))
    assert found['best = float("inf")'] == "setup"
    assert found["val_loss = 0.0"] == found["print(epoch, running_loss / len(loader), val_loss)"] == "between"


OPTIMIZER = """\
import numpy as np
class Descent:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self, grads):
        for p, g in zip(self.params, grads):
            p -= self.lr * g
def main():
    x, y, w = np.ones((4, 3)), np.ones(4), np.zeros(3)
    opt = Descent([w], 0.1)
    for i in range(3):
        error = x @ w - y
        loss = (error ** 2).mean()
        slope = x.T @ error
        opt.step([slope])
main()
"""


def test_what_an_optimizer_of_the_script_keeps_is_a_parameter() -> None:
    program = analyse(OPTIMIZER, "s.py")
    assert [program.roles[name] for name in ("w", "p", "slope", "x")] == ["parameter", "parameter", "gradient", "data"]
    assert program.lines[7] == "update"


OWN_CLASS = """\
import numpy as np
class Net:
    def __init__(self):
        self.params = {"w": np.zeros(3)}
    def loss(self, x, y=None):
        w = self.params["w"]
        scores = x @ w
        if y is None:
            return scores
        loss = ((scores - y) ** 2).mean()
        grads = {}
        dscores = 2 * (scores - y)
        grads["w"] = x.T @ dscores
        return loss, grads
    def train(self, x, y, rate=0.1):
        for i in range(3):
            loss, grads = self.loss(x, y)
            for p in self.params:
                self.params[p] -= rate * grads[p]
            print(i, loss, self.loss(x).max())
Net().train(np.ones((4, 3)), np.ones(4))
"""


def test_a_loss_that_comes_with_its_gradients_and_is_measured_again_after_the_update() -> None:
    program = analyse(OWN_CLASS, "s.py")
    roles = [program.roles[name] for name in ("self.params", "w", "scores", "loss", "dscores", "grads")]
    assert roles == ["parameter", "parameter", "activation", "loss", "gradient", "gradient"]
    phases = [program.lines[line] for line in (7, 10, 12, 13, 19)]
    assert phases == ["forward", "loss", "backward", "backward", "update"]


@pytest.mark.parametrize("name", ["late_cost", "late_loss", "by_comprehension"])
def test_a_loss_measured_behind_the_update_only(name: str) -> None:
    """The lines are marked; what is updated is the parameter, although the loss is made of what it became."""
    program = program_of(name)
    assert labels(program, "parameter") <= {"theta", "W", "b", "params", "w", "p"}
    assert labels(program, "parameter") & {"theta", "W", "params"}
