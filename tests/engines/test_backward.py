"""Inside backward: an event for each node that ran, in order, below the statement that asked; and no bit changes."""

import sys
from typing import Any

import pytest
import torch

from stepper.record import Backward, Contribution, Event, Record
from stepper.session.findings.telling import told
from tests.engines.checks import assert_adds_up
from tests.engines.hooks import nothing_left_behind
from tests.engines.recorded import Run, assert_same_bits, of_kind, run_recorded
from tests.engines.scripts import SCRIPTS, script


@pytest.mark.parametrize("name", SCRIPTS)
def test_recording_changes_no_bit_and_leaves_no_hook(name: str) -> None:
    with nothing_left_behind() as checked:
        run = assert_same_bits(script(SCRIPTS[name]))
    assert len(checked) == len(run.records)
    assert all(checked[1:])  # the first record is the setup's
    for record in run.records.values():
        if record.iteration is not None:
            assert of_kind(record, "backward")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_record_without_room_for_values_has_its_events_all_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = run_recorded(script(SCRIPTS[name]))
    monkeypatch.setattr("stepper.inferior.recording.store.SMALL", 0)
    small = assert_same_bits(script(SCRIPTS[name]), memory=1)
    last = max(number for number in small.records if number is not None)
    events = [[(event.kind, event.line, event.function) for event in run.records[last].events] for run in (full, small)]
    assert events[0] == events[1]
    assert any(value.pooled for event in small.records[last].events for value in event.values)
    counts = [
        [(gate.op, gate.active, gate.blocked) for gate in run.records[last].gates if not gate.soft]
        for run in (full, small)
    ]
    assert counts[0] == counts[1]


def expressions() -> tuple[Run, Record]:
    run = run_recorded(script(SCRIPTS["expressions"]))
    return run, run.records[1]


def detail(event: Event) -> Backward:
    assert isinstance(event.detail, Backward)
    return event.detail


def test_one_event_for_each_node_in_the_order_they_ran() -> None:
    _, record = expressions()
    events = of_kind(record, "backward")
    assert [detail(event).node for event in events] == [
        "SumBackward0",
        "PowBackward0",
        "SubBackward0",
        "MmBackward0",
        "AccumulateGrad",
        "ClampBackward1",
        "MmBackward0",
        "AccumulateGrad",
    ]
    (statement,) = {event.parent for event in events}
    assert statement is not None
    assert record.events[statement].text == "loss.backward()"
    assert {event.phase for event in events} == {"backward"}


def test_a_node_names_what_made_it_and_where_its_gradients_go() -> None:
    run, record = expressions()
    sub, mm = of_kind(record, "backward")[2:4]
    creator = detail(sub).creator
    assert creator is not None
    assert record.events[creator].text == "y_pred - y"
    assert [flow.target for flow in detail(mm).grad_in] == ["y_pred"]
    assert [flow.target for flow in detail(mm).grad_out] == ["x.mm(w1).clamp(min=0)", "w2"]
    came, left = mm.values[detail(mm).grad_in[0].value], mm.values[detail(mm).grad_out[1].value]
    assert (came.label, came.when, left.label, left.when) == ("∂L/∂y_pred", "operand", "∂L/∂w2", "result")
    before = next(p for p in record.parameters if p.name == "w2").grad
    assert before is not None
    assert (run.array(left, 1) == run.array(before, 1)).all()


def test_a_name_that_the_script_gives_goes_before_the_text_of_what_made_the_value() -> None:
    run = run_recorded(
        script(
            """
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

                def forward(self, x):
                    return self.second(torch.tanh(self.first(x)))

            net = Net()
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for data in [(torch.randn(4, 3), torch.tensor([0, 1, 1, 0]))] * 2:
                x, labels = data
                optimizer.zero_grad()
                outputs = net(x)
                loss = F.cross_entropy(outputs, labels)
                loss.backward()
                optimizer.step()
            """
        )
    )
    events = of_kind(run.records[1], "backward")
    lines = [line for event in events for line in detail(event).formula.split("\n")]
    assert "∂L/∂logsoftmax_1 = −∂L/∂loss × one_hot(labels, 2) / 4" in lines
    assert "∂L/∂torch.tanh(self.first(x)) = ∂L/∂outputs · net.second.weight" in lines
    assert not any("∂L/∂net " in line or "self.second(" in line for line in lines)
    labels = [value.label for event in run.records[1].events for value in event.values]
    assert "outputs.grad" in labels


def test_what_was_in_a_gradient_before_is_shown() -> None:
    run = run_recorded(script(SCRIPTS["accumulation over micro-batches"]))
    leaves = [event for event in of_kind(run.records[0], "backward") if detail(event).node == "AccumulateGrad"]
    whens = [[value.when for value in event.values] for event in leaves]
    assert whens == [["operand", "after"]] * 4 + [["operand", "after", "before"]] * 12


def test_the_statements_of_a_function_of_the_users_lie_inside_its_node() -> None:
    record = run_recorded(script(SCRIPTS["functions of the user's"])).records[0]
    (node,) = (event for event in of_kind(record, "backward") if detail(event).node == "CubeBackward")
    (call,) = (event for event in record.events if event.parent == node.id)
    assert call.text == "def backward(ctx, grad_output)"
    texts = [event.text for event in record.events if event.parent == call.id]
    assert texts == ["x, = ctx.saved_tensors", "slope = 3 * x * x", "return grad_output * slope"]


def test_values_under_one_name_are_told_apart_by_their_order() -> None:
    run = run_recorded(
        script(
            """
            first, second = nn.Linear(3, 3), nn.Linear(3, 1)
            x = torch.randn(4, 3)
            for t in range(2):
                h = x
                h = torch.tanh(first(h))
                h = h * 2
                loss = second(h).sum()
                loss.backward()
                with torch.no_grad():
                    first.weight -= 0.1 * first.weight.grad
            """
        )
    )
    record = run.records[1]
    lines = [line for event in of_kind(record, "backward") for line in detail(event).formula.split("\n")]
    assert "∂L/∂h₁ = ∂L/∂h₂ ⊙ 2" in lines
    assert "∂L/∂first(h) = ∂L/∂h₁ ⊙ (1 − h₁^2)" in lines
    tanh = next(event for event in of_kind(record, "backward") if event.function == "TanhBackward0")
    (shown,) = (value for value in tanh.values if value.label == "h₁")
    bound = next(event for event in record.events if event.text == "h = torch.tanh(first(h))")
    assert shown.copy == next(value for value in bound.values if value.when == "result").copy


def test_a_leaf_in_an_optimizer_keeps_the_scripts_name() -> None:
    record = run_recorded(
        script(
            """
            w = torch.randn(3).requires_grad_()
            optimizer = torch.optim.SGD([w], lr=0.1)
            for t in range(2):
                optimizer.zero_grad()
                loss = (w * w).sum()
                loss.backward()
                optimizer.step()
            """
        )
    ).records[1]
    assert [parameter.name for parameter in record.parameters] == ["w"]
    assert "∂L/∂w = ∂L/∂(w * w) ⊙ w" in detail(of_kind(record, "backward")[1]).formula.split("\n")
    assert [event.text.partition(":")[0] for event in of_kind(record, "optimizer")] == ["w"]


def test_each_node_hangs_below_the_statement_even_where_a_checkpoint_runs_the_model_again() -> None:
    record = run_recorded(script(SCRIPTS["checkpoint"])).records[0]
    events = {event.id: event for event in record.events}
    for event in of_kind(record, "backward"):
        parent = event.parent
        while parent is not None and events[parent].kind != "statement":
            parent = events[parent].parent
        assert parent is not None
        assert "backward" in events[parent].text or events[parent].phase == "backward"


def formulas(record: Record) -> list[str]:
    return [line for event in of_kind(record, "backward") for line in detail(event).formula.split("\n")]


def test_gradients_of_a_node_whose_backward_runs_a_pass_of_its_own_are_its_own() -> None:
    source = """
        from torch.utils.checkpoint import checkpoint
        x, w, layer = torch.randn(6, 5), torch.randn(5, 2, requires_grad=True), nn.Tanh()
        for t in range(2):
            h = x @ w
            loss = checkpoint(layer, h, use_reentrant=True).pow(2).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad = None
        """
    run = run_recorded(script(source))
    (event,) = (e for e in of_kind(run.records[0], "backward") if detail(e).node == "CheckpointFunctionBackward")
    (came,), (left,) = detail(event).grad_in, detail(event).grad_out
    assert event.values[came.value].label.startswith("∂L/∂checkpoint(")
    assert (event.values[left.value].label, left.target) == ("∂L/∂h", "h")


def test_a_pass_to_some_tensors_only_tells_of_those() -> None:
    source = """
        x = torch.randn(6, 5)
        w, b = torch.randn(5, 2, requires_grad=True), torch.randn(2, requires_grad=True)
        for t in range(2):
            loss = torch.addmm(b, x, w).pow(2).sum()
            gradient, = torch.autograd.grad(loss, [w])
            with torch.no_grad():
                w -= 0.1 * gradient
        """
    lines = formulas(run_recorded(script(source)).records[0])
    assert lines[-1] == "∂L/∂w = xᵀ · ∂L/∂torch.addmm(b, x, w)"
    assert not [line for line in lines if line.startswith("∂L/∂b ")]


def test_what_cannot_be_shown_is_said() -> None:
    source = """
        from torch.utils.checkpoint import checkpoint
        x, w = torch.randn(6, 5), torch.randn(5, 2, requires_grad=True)
        for t in range(2):
            slope = torch.func.grad(lambda v: (v @ w).tanh().sum())(x)
            loss = checkpoint(lambda v: (v @ w).tanh(), x, use_reentrant=False).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
        """
    record = run_recorded(script(source)).records[0]
    (statement,) = (event for event in record.events if event.text.startswith("slope = "))
    assert statement.note == "gradients are taken inside torch.func or a tracer: that cannot be shown"
    assert any("its operands come back through a hook" in line for line in formulas(record))


def test_of_a_graph_beyond_the_limit_the_nodes_that_run_first_are_shown_and_no_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = """
        x, w = torch.randn(6, 5), torch.randn(5, 2, requires_grad=True)
        hidden = lambda v: v.tanh().exp().sin().cos()
        for t in range(2):
            h = x.mm(w)
            loss = hidden(h).sum() + hidden(w).sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
                w.grad.zero_()
        """
    whole = run_recorded(script(source)).records[0]
    monkeypatch.setattr("stepper.engines.backward.NODES", 4)
    record = assert_same_bits(script(source)).records[0]
    (statement,) = (event for event in record.events if event.text == "loss.backward()")
    assert "larger than can be shown" in statement.note and "the first 4 are" in statement.note
    inner = [[each.function for each in of_kind(one, "backward")] for one in (whole, record)]
    nodes = [[node for node in names if node != "AccumulateGrad"] for names in inner]
    assert nodes[1][:4] == nodes[0][:4] and len(nodes[1]) < len(nodes[0])
    assert of_kind(whole, "contribution") and not of_kind(record, "contribution"), "those would not add up to .grad"
    assert inner[1].count("AccumulateGrad") == inner[0].count("AccumulateGrad")
    assert any(line.endswith("= what came of all its uses") for line in formulas(record))
    gradients = [
        [(value.label, value.summary) for value in event.values if value.when == "after"]
        for one in (whole, record)
        for event in one.events
        if event.text == "loss.backward()"
    ]
    assert gradients[0] == gradients[1], "of all that the record has a name for"
    assert [each.grad for each in record.parameters if each.grad is None] == []


def test_layers_that_a_checkpoint_runs_again_are_said_to_be() -> None:
    record = run_recorded(script(SCRIPTS["checkpoint"])).records[0]
    lines = [line for event in of_kind(record, "module") for line in told(event, record)]
    assert (
        "Dropout: run again inside the backward pass, by a checkpoint; call 3 of 4 in this iteration, training" in lines
    )
    assert "Dropout: call 1 of 4 in this iteration, training" in lines


def test_a_full_backward_hook_of_the_scripts_passes_the_gradient_on() -> None:
    lines = formulas(run_recorded(script(SCRIPTS[HOOKED])).records[0])
    assert [line for line in lines if line.endswith("— as the module's own backward hook leaves it")]
    assert not [line for line in lines if "BackwardHookFunction" in line]


def test_no_hook_is_left_behind() -> None:
    engine = torch.autograd._engine_run_backward  # type: ignore[attr-defined]
    names = run_recorded(script(SCRIPTS["two calls without zeroing"])).names
    assert torch.autograd._engine_run_backward is engine  # type: ignore[attr-defined]
    calls: list[Any] = []
    handle = names["b"].grad_fn.register_hook(lambda *_: calls.append(1))
    assert handle.hooks_dict_ref() is not None
    assert len(handle.hooks_dict_ref()) == 1
    for module in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks"):
        assert not getattr(torch.nn.modules.module, module)
    for hooks in ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"):
        assert not getattr(sys.modules["torch.optim.optimizer"], hooks)


# ------------------------------------------------------------------------------------------------- contributions

HOOKED = "hooks of the user's"  # its hooks change gradients on their way to the parameters


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != HOOKED])
def test_contributions_add_up_to_the_gradient(name: str) -> None:
    run = run_recorded(script(SCRIPTS[name]))
    for record in run.records.values():
        assert_adds_up(run, record)


def contributions(record: Record, parameter: str) -> list[Contribution]:
    told = [event.detail for event in of_kind(record, "contribution")]
    return [each for each in told if isinstance(each, Contribution) and each.parameter == parameter]


def test_a_layer_used_three_times_has_three_contributions_and_one_gradient() -> None:
    run = run_recorded(
        script(
            """
            middle, out = nn.Linear(4, 4), nn.Linear(4, 1)
            x = torch.randn(6, 4)
            for t in range(2):
                h = x
                for _ in range(3):
                    h = middle(h).clamp(min=0)
                loss = out(h).pow(2).sum()
                loss.backward()
                with torch.no_grad():
                    middle.weight -= 0.01 * middle.weight.grad
            """
        )
    )
    for record in (run.records[0], run.records[1]):
        parts = contributions(record, "middle.weight")
        assert [(part.use, part.backward) for part in parts] == [(1, 1), (2, 1), (3, 1)]
        assert len(contributions(record, "out.weight")) == 1
        assert assert_adds_up(run, record) == 4


def test_each_call_of_backward_has_its_own_contributions() -> None:
    record = run_recorded(script(SCRIPTS["two calls without zeroing"])).records[0]
    assert [(part.use, part.backward) for part in contributions(record, "w")] == [(1, 1), (2, 1)] + [
        (use, 2) for use in (1, 2, 3, 4)
    ]


def test_the_uses_of_a_shared_view_lie_beneath_the_one_contribution_it_makes() -> None:
    record = run_recorded(
        script(
            """
            w = torch.randn(3, 4, requires_grad=True)
            x = torch.randn(2, 4)
            for t in range(1):
                turned = w.t()
                loss = (x @ turned).sum() + (2 * x @ turned).sum()
                loss.backward()
                with torch.no_grad():
                    w -= 0.01 * w.grad
            """
        )
    ).records[0]
    (event,) = (each for each in of_kind(record, "contribution") if each.detail == Contribution("w", 1, 1))
    beneath = [each.detail for each in record.events if each.parent == event.id]
    assert beneath == [Contribution("turned", 1, 1), Contribution("turned", 2, 1)]


def test_what_torch_autograd_grad_returns_was_added_to_nothing() -> None:
    record = run_recorded(script(SCRIPTS["torch.autograd.grad"])).records[0]
    assert of_kind(record, "backward")
    assert not of_kind(record, "contribution")


def test_what_comes_to_a_leaf_bears_the_name_of_its_parameter_whatever_a_function_calls_it() -> None:
    record = run_recorded(
        script(
            """
            def affine(x, params):
                weight, bias = params
                return x @ weight + bias

            class Net:
                def __init__(self):
                    self.params = [torch.randn(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)]
                def __call__(self, x):
                    return affine(x, self.params)

            net, x = Net(), torch.randn(5, 3)
            for t in range(2):
                loss = net(x).pow(2).mean()
                loss.backward()
                with torch.no_grad():
                    for p in net.params:
                        p -= 0.1 * p.grad
                        p.grad.zero_()
            """
        )
    ).records[1]
    details = (event.detail for event in of_kind(record, "contribution"))
    told = {each.parameter for each in details if isinstance(each, Contribution)}
    assert told == {parameter.name for parameter in record.parameters}


def test_leaves_are_parameters_where_the_whole_script_is_the_pass_that_makes_them() -> None:
    source = script(
        """
        w = torch.randn(3, 2)
        b = torch.zeros(2)
        leaves = [w, b]
        for p in leaves:
            p.requires_grad = True
        x, y = torch.randn(5, 3), torch.randn(5, 2)
        loss = (x @ w + b - y).pow(2).mean()
        loss.backward()
        """
    )
    record = run_recorded(source, loop="none").records[0]
    assert [(each.name, each.grad is not None) for each in record.parameters] == [("w", True), ("b", True)]
    assert contributions(record, "w") and contributions(record, "b")
