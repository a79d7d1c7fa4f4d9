"""Roles of values in records of scripts that call `.backward()`, where a name alone does not say them."""

from pathlib import Path

import pytest

from tests.inferior.running import roles, run


def test_what_leads_to_the_loss_in_its_own_line_is_an_activation() -> None:
    ran = run(
        """
        import torch
        model, criterion = torch.nn.Linear(3, 2), torch.nn.MSELoss()
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = torch.ones(4, 3), torch.ones(4, 2)
        for t in range(2):
            loss = criterion(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert roles(ran)["model(x)"] == "activation" and roles(ran)["loss"] == "loss"


def test_models_with_a_capital_make_activations_and_what_is_carried_on_is_no_parameter() -> None:
    ran = run(
        """
        import numpy as np
        import torch
        G = torch.nn.Linear(2, 2)
        opt = torch.optim.SGD(G.parameters(), lr=0.1)
        memory = np.zeros((4, 2))
        state = torch.ones(1, 2)
        for t in range(3):
            made = G(state)
            memory[t % 4, :] = made.detach().numpy()
            past = torch.from_numpy(memory).float()
            loss = (G(past) - 1).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            state = made.detach()
        """
    )
    found = roles(ran)
    assert [found[name] for name in ("made", "memory", "state", "past")] == ["activation"] * 4
    assert {each.name for each in ran.record(1).parameters} == {"G.weight", "G.bias"}


@pytest.mark.parametrize("called", ["loss = F.mse_loss(net(x), y)", "loss = torch.nn.MSELoss()(net(x), y)"])
def test_a_network_that_is_called_inside_the_loss_is_no_loss(called: str) -> None:
    pytest.importorskip("torch")
    ran = run(
        f"""
        import torch
        import torch.nn.functional as F
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lin = torch.nn.Linear(3, 2)
            def forward(self, x, y=None):
                h = torch.relu(self.lin(x))
                out = h * 2
                return out
        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        x, y = torch.randn(4, 3), torch.randn(4, 2)
        for step in range(2):
            optimizer.zero_grad()
            {called}
            loss.backward()
            optimizer.step()
        """
    )
    phases = {each.text: each.phase for each in ran.record(1).events}
    assert phases[called] == "loss"
    assert {phases[text] for text in ("net", "net.lin", "h = torch.relu(self.lin(x))", "out = h * 2")} == {"forward"}
    assert {value.role for e in ran.record(1).events for value in e.values if value.label == "h"} == {"activation"}


def test_operands_of_a_backward_pass_have_the_role_that_they_had_when_they_were_made() -> None:
    ran = run(
        """
        import torch
        x, y = torch.ones(4, 3), torch.ones(4, 3)
        w = torch.eye(3).requires_grad_()
        for t in range(2):
            h = x
            for k in range(2):
                h = h.mm(w).clamp(min=0)
            loss = (h - y).pow(2).sum() / 2
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
        """
    )
    found = roles(ran, kinds=("backward",))
    assert found["h.mm(w)₁"] == found["h.mm(w)₂"] == found["h₁"] == "activation", found


def test_a_model_of_parameters_alone_makes_activations_and_elements_that_an_optimizer_has_are_parameters() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        from torch import nn
        class Line(nn.Module):
            def __init__(self):
                super().__init__()
                self.slope = nn.Parameter(torch.ones(()))
                self.start = nn.Parameter(torch.zeros(()))
                self.table = nn.Parameter(torch.ones(2, 2))
            def forward(self, steps):
                for k in range(2):
                    row = self.table[k].view(1, -1)
                rise = self.slope * steps
                rise = rise + row.sum()
                return self.start + rise
        def train():
            line = Line()
            weights = [torch.ones(2, requires_grad=True)]
            opt = torch.optim.SGD([*line.parameters(), *weights], lr=0.1)
            for t in range(2):
                end = line(3)
                loss = ((end - weights[0]) ** 2).sum()
                opt.zero_grad()
                loss.backward()
                opt.step()
        train()
        """
    )
    found = roles(ran)
    assert found["self.slope"] == found["self.start"] == found["weights[0]"] == "parameter"
    assert found["rise"] == found["end"] == found["row"] == "activation" and found["steps"] == "setting"
    names = {"line.slope", "line.start", "line.table", "weights[0]"}
    assert {each.name for each in ran.record(1).parameters} == names


def test_a_learned_parameter_that_a_function_is_given_is_one_and_what_leads_to_data_is_data() -> None:
    ran = run(
        """
        import torch
        from torch.nn import functional as F
        class Norm(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = torch.nn.Parameter(torch.ones(3))
            def forward(self, x):
                return F.layer_norm(x, (3,), self.scale)
        model = Norm()
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = [(torch.rand(4, 3), torch.rand(4, 3))] * 2
        for x, y in loader:
            y = y.float().clamp(max=0.5)
            loss = (model(x) - y).pow(2).mean()
            (loss * 2).backward()
            opt.step()
        """
    )
    found = roles(ran)
    assert found["self.scale"] == "parameter"
    assert found["y.float()"] == "data" and found["loss * 2"] == "loss"


def test_what_a_custom_function_is_handed_has_the_role_it_had_outside() -> None:
    ran = run(
        """
        import torch
        class Scale(torch.autograd.Function):
            @staticmethod
            def forward(ctx, given, weight):
                ctx.save_for_backward(given, weight)
                return given * weight
            @staticmethod
            def backward(ctx, received):
                given, weight = ctx.saved_tensors
                return None, (received * given).sum(0)
        w = torch.ones(3, requires_grad=True)
        x = torch.arange(6.0).reshape(2, 3)
        for t in range(2):
            loss = Scale.apply(x, w).pow(2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.125 * w.grad
                w.grad = None
        """
    )
    found = roles(ran, kinds=("statement", "call"))
    assert (found["given"], found["weight"], found["received"]) == ("data", "parameter", "gradient")


def test_values_without_a_name_are_what_they_are_made_of() -> None:
    ran = run(
        """
        import numpy as np
        import torch
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, target, chosen = torch.randn(4, 2), torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2])
        def batch(x, y):
            return x, y
        def score():
            with torch.no_grad():
                out = model(x)
                loss = torch.nn.functional.cross_entropy(out, target)
                right = (out.argmax(dim=1) == target).float().sum() / 4
                root = torch.nn.functional.cross_entropy(out, target).sqrt().exp()
                losses = torch.nn.functional.cross_entropy(out, target, reduction="none")
                worst = x[losses.argmax()]
            return loss, right
        def measured(output, labels):
            loss = torch.nn.functional.cross_entropy(output, labels)
            hits = (output.argmax(1) == labels).float().mean()
            return loss, hits
        found = 0
        for step in range(2):
            inputs, labels = batch(x, target)
            output = model(inputs) / np.sqrt(len(chosen))
            _, preds = torch.max(output, 1)
            loss_a = torch.nn.functional.cross_entropy(output[chosen], labels[chosen])
            l = output.pow(2).mean()
            loss_b, accuracy = measured(output, labels)
            loss = torch.zeros(())
            loss += loss_a + loss_b
            loss += l
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 9)
            mean = output.mean().item()
            both = loss_a + l
            optimizer.step()
            loss_score, right_score = score()
            found += torch.sum(preds == labels)
        """
    )
    found = roles(ran)
    assert found["(out.argmax(dim=1) == target).float().sum()"] == "other"
    assert found["losses"] == "loss" and found["losses.argmax()"] == "other", "where the largest is, and not how large"
    assert {found[name] for name in ("hits", "loss, hits[1]", "accuracy", "output.argmax(1) == labels")} == {"other"}
    assert {found[name] for name in ("preds == labels", "torch.sum(preds == labels)")} == {"other"}
    assert found["torch.nn.utils.clip_grad_norm_(model.parameters(), 9)"] == "other", "the norm of all gradients"
    assert found["np.sqrt(len(chosen))"] == "setting", "no gradient goes through a number of NumPy's"
    assert found["torch.nn.functional.cross_entropy(out, target).sqrt()"] == "loss"
    assert found["labels[chosen]"] == "data" and found["output[chosen]"] == "activation"
    assert found["x, y[0]"] == found["x, y[1]"] == "data"
    assert found["l"] == found["both"] == "loss" and found["output.mean()"] == "activation"
    phases = {event.text.partition(" ")[0]: event.phase for event in ran.events(1)}
    assert [phases[name] for name in ("l", "loss", "mean", "both", "optimizer.step()")] == [
        "loss",
        "loss",
        "backward",
        "loss",
        "update",
    ]


def test_the_loss_that_a_callback_keeps_in_its_learner_is_one_and_what_it_counts_is_no_gradient() -> None:
    found = roles(run((Path(__file__).parents[1] / "program" / "corpus" / "learner_of_callbacks.txt").read_text()))
    assert (found["learner.loss"], found["self.total"]) == ("loss", "other")


def test_what_an_autograd_function_is_handed_is_an_activation_and_what_it_makes_backward_a_gradient() -> None:
    ran = run(
        """
        import torch
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, input):
                ctx.save_for_backward(input)
                return input ** 3
            @staticmethod
            def backward(ctx, grad_output):
                input, = ctx.saved_tensors
                grad_input = grad_output * 3
                return grad_input * input ** 2
        w = torch.ones(3, requires_grad=True)
        x = torch.arange(3.0)
        for t in range(2):
            cube = Cube.apply
            loss = cube(w * x + 1).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
        """
    )
    assert (roles(ran)["input"], roles(ran)["grad_input"]) == ("activation", "gradient")
    handed = [value.role for event in ran.record(1).events for value in event.values if value.label == "input"]
    assert handed and set(handed) == {"activation"}


def test_what_a_function_makes_of_a_parameter_in_the_graph_under_its_own_name_is_no_parameter() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        w = torch.ones(2, requires_grad=True)
        opt = torch.optim.SGD([w], lr=0.1)
        def chain(y):
            for k in range(3):
                y = y * 0.5 + 0.1
            return y
        for t in range(2):
            loss = chain(w).pow(2).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert [each.name for each in ran.record(1).parameters] == ["w"]


def test_a_forward_pass_that_is_made_anew_for_the_gradients_is_one_behind_a_loss_of_its_own() -> None:
    ran = run(
        """
        import numpy as np
        def squashed(z):
            return np.tanh(z)
        def slope_of(z):
            return 1 - squashed(z) ** 2
        class Network:
            def __init__(self):
                self.w = np.ones((3, 1))
            def forward(self, x):
                return squashed(x @ self.w)
            def backward(self, x, y, out):
                error = y - out
                slope = slope_of(x @ self.w)
                delta = error * slope
                self.w += 0.1 * x.T @ delta
            def train(self, x, y):
                out = self.forward(x)
                self.backward(x, y, out)
        x = np.arange(12.0).reshape(4, 3)
        net = Network()
        for t in range(3):
            loss = np.mean(np.square(1 - net.forward(x)))
            net.train(x, np.ones((4, 1)))
        """
    )
    found = roles(ran)
    assert (found["out"], found["error"], found["delta"]) == ("activation", "gradient", "gradient")
    phases = {event.text: event.phase for event in ran.record(1).events if event.kind == "statement"}
    assert phases["out = self.forward(x)"] == phases["return squashed(x @ self.w)"] == "forward"
    assert phases["error = y - out"] == phases["self.backward(x, y, out)"] == "backward"
    assert phases["slope = slope_of(x @ self.w)"] == "backward"


def test_an_error_that_goes_back_from_the_loss_is_a_gradient_whatever_it_is_called() -> None:
    ran = run(
        """
        import numpy as np
        x, y = np.arange(12.0).reshape(4, 3) / 12, np.ones((4, 1))
        v, w = np.ones((3, 2)), np.ones((2, 1))
        for t in range(3):
            h = np.tanh(x @ v)
            error = y - h @ w
            loss = np.mean(error**2)
            hidden_error = error @ w.T
            w += 0.1 * h.T @ error
            v += 0.1 * x.T @ (hidden_error * (1 - h**2))
        """
    )
    found = roles(ran)
    assert (found["error"], found["loss"], found["hidden_error"]) == ("activation", "loss", "gradient")


def test_what_follows_from_parameters_that_the_only_pass_makes_is_no_setting() -> None:
    ran = run(
        """
        import numpy as np
        x, target = np.array([0.5, 0.2]), 1.0
        w = np.array([0.4, 0.6])
        z = np.dot(x, w)
        y = 1 / (1 + np.exp(-z))
        loss = (y - target) ** 2
        dz = 2 * (y - target) * y * (1 - y)
        dw = dz * x
        w -= 0.1 * dw
        """,
        loop="none",
    )
    found = roles(ran, 0)
    assert (found["z"], found["y"], found["dz"], found["dw"]) == ("activation", "activation", "gradient", "gradient")


def test_what_gradients_go_through_to_a_parameter_is_no_data() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        class Penalty(torch.nn.Module):
            def forward(self, x):
                samples, units = x.size()
                self.loss = x.pow(2).mean() / units
                return x
        class Head(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.key = torch.nn.Linear(2, 1)
            def forward(self, x):
                rows, columns = x.shape
                return self.key(x) @ x * columns ** -0.5
        held = Penalty()
        model = torch.nn.Sequential(torch.nn.Linear(2, 1), held)
        penalties = [held]
        image = torch.ones(3, 1)
        opt = torch.optim.SGD([image.requires_grad_()], lr=0.1)
        when = torch.ones(3, 1).requires_grad_()
        measure, head = torch.nn.Linear(2, 1), Head()
        for t in range(2):
            place = torch.cat([when.exp(), when], 1)
            model(place)
            score = 0
            for each in penalties:
                score += each.loss
            total = score * 10 + image.sum() + measure(place).sum() + head(head(torch.ones(1, 2))).sum()
            opt.zero_grad()
            total.backward()
            opt.step()
        """
    )
    found = roles(ran)
    assert [found[name] for name in ("self.loss", "each.loss", "score")] == ["loss", "loss", "activation"]
    assert found["place"] == found["when"] == "data", "gradients go through it, and nothing learnt had a part in it"
    assert {found[name] for name in ("samples", "units")} == {"other"}, "of a layer that the text does not lead to"
    assert {found[name] for name in ("rows", "columns")} == {"setting"}
