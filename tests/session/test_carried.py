"""Gradients that were added to what earlier iterations had left, and updates that go uphill."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stepper.commands.trace_text import trace_lines
from stepper.record import CUT, OptimizerStep, Record
from stepper.session.findings.all_zero import ZeroStreaks, all_zero
from stepper.session.findings.carried import Carried, Since, added, all_carried
from stepper.session.findings.left_out import Why, all_left_out, left_out
from tests.engines.recorded import assert_same_bits, run_recorded
from tests.engines.scripts import script

LOOP = """
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    x = torch.randn(5, 3)
    for t in range(6):
        {before}
        loss = layer(x).pow(2).sum()
        loss.backward()
        {after}
    """
BOTH = {"layer.weight", "layer.bias"}


def recorded(before: str = "pass", after: str = "optimizer.step()") -> dict[int | None, Record]:
    run = run_recorded(script(LOOP.format(before=before, after=after)))
    return {iteration: run.records[iteration] for iteration in (None, *range(6))}


def since(records: dict[int | None, Record], iteration: int) -> set[Since | None]:
    return {Carried().since(records, records[iteration], name) for name in BOTH}


@pytest.mark.parametrize("reset", ["optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)"])
def test_gradients_that_are_reset_are_not_carried(reset: str) -> None:
    records = recorded(before=reset)
    for iteration in range(6):
        assert added(records[iteration]) == dict.fromkeys(BOTH, False)
        assert since(records, iteration) == {None}
        assert all_carried(records[iteration]) == []


def test_a_forgotten_reset_is_told_with_the_first_iteration_of_the_sum() -> None:
    records = recorded()
    assert since(records, 0) == {None}
    assert since(records, 4) == {Since(0)}
    (line,) = all_carried(records[4])
    assert line in trace_lines(records[4], lambda _: None), "the page of trace says so, too"
    assert line.endswith(".grad: added to what an earlier iteration had left there")
    assert {name.removesuffix(".grad") for name in line.partition(":")[0].split(", ")} == BOTH
    del records[1]
    assert {str(each) for each in since(records, 4)} == {"iteration 1 or before"}


def test_accumulation_on_purpose_begins_anew_after_each_reset() -> None:
    step = "(optimizer.step(), optimizer.zero_grad()) if t % 3 == 2 else None"
    records = recorded(after=step)
    told = [since(records, iteration).pop() for iteration in range(6)]
    assert told == [None, Since(0), Since(0), None, Since(3), Since(3)]


def test_two_passes_in_one_iteration_are_its_own() -> None:
    records = recorded(before="optimizer.zero_grad(); layer(x).sum().backward()")
    assert since(records, 3) == {None}


def test_what_is_zeroed_between_two_passes_of_an_iteration_is_no_part_of_what_the_step_used() -> None:
    records = recorded(before="layer(x).sum().backward(); optimizer.zero_grad()")
    assert since(records, 3) == {None} and all_carried(records[3]) == []
    records = recorded(after="optimizer.step(); optimizer.zero_grad(); layer(x).sum().backward()")
    assert since(records, 3) == {Since(2)}, "the step had used it before it was zeroed"


SETS = "grads = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)"


@pytest.mark.parametrize(
    ("put", "here"),
    [
        ("p.grad = g.clone()", True),
        ("p.grad = g", True),
        ("old = g * 0.5; p.grad = old", True),
        ("p.grad = p.grad + g", False),
        ("old = p.grad.clone(); p.grad = old", False),
        ("p.grad.mul_(0.5)", False),
    ],
)
def test_what_the_iteration_itself_put_into_a_gradient_is_of_no_earlier_one(put: str, here: bool) -> None:
    text = LOOP.format(before="pass", after="optimizer.step()").replace(
        "loss.backward()", f"{SETS}\n        for p, g in zip(layer.parameters(), grads): {put}\n        loss.backward()"
    )
    if not here:
        text = text.replace("for t in", "layer(x).sum().backward()\n    for t in")
    records = run_recorded(script(text)).records
    record = records[2]
    (line,) = all_carried(record)
    if here:
        assert line == "layer.bias.grad, layer.weight.grad: added to what line 12 had set in this iteration"
        assert since(records, 2) == {None}
    else:
        assert line.endswith("added to what an earlier iteration had left there")


def test_what_the_setup_left_is_told() -> None:
    source = LOOP.format(before="pass", after="optimizer.step()").replace(
        "    for t", "    layer(x).sum().backward()\n    for t"
    )
    run = run_recorded(script(source))
    records = {iteration: run.records[iteration] for iteration in (None, 0, 1)}
    assert {str(each) for each in since(records, 1)} == {"the setup"}


def test_a_gradient_that_is_zero_everywhere_is_told_and_for_how_many_iterations_running() -> None:
    records = recorded(before="optimizer.zero_grad(); x = torch.ones(5, 3) * (t in (0, 4))")
    assert all_zero(records[4]) == []
    (told,) = all_zero(records[3])
    assert told == "layer.weight: every entry of the gradient is zero"
    assert told in trace_lines(records[3], lambda _: None)
    zeros = ZeroStreaks()
    lengths = [{name: str(streak) for name, streak in zeros.of(records, records[at]).items()} for at in range(6)]
    assert lengths == [{}, *({"layer.weight": length} for length in "123"), {}, {"layer.weight": "1"}]
    (weight, bias), number = records[2].parameters, records[2].iteration
    assert weight.grad is not None
    counting = replace(weight.grad, summary=replace(weight.grad.summary, zero=0, counted=0))
    for other, length in ((replace(weight, grad=None), "2"), (replace(weight, grad=counting), "3")):
        records[number] = replace(records[2], parameters=[other, bias])
        assert str(zeros.of(records, records[3])["layer.weight"]) == length
    del records[1]
    assert str(zeros.of(records, records[3])["layer.weight"]) == "2+"


def test_a_pass_that_did_not_come_to_its_end_is_not_said_to_update_nothing() -> None:
    text = LOOP.format(before="pass", after="optimizer.step()").replace("loss.backward()", "if t: loss.backward()")
    record = run_recorded(script(text.replace("optimizer.step()", "if t: optimizer.step()"))).records[0]
    (told,) = all_left_out(record)
    assert told.endswith(f": {Why.EVALUATED.value}")
    for unfinished in (replace(record, error="ValueError: x"), replace(record, truncated=True)):
        assert left_out(unfinished) == {}


def test_an_update_that_goes_uphill_is_told() -> None:
    after = "layer.weight.data.add_(layer.weight.grad, alpha=0.01); optimizer.zero_grad()"
    uphill, unused = all_carried(recorded(after=after)[2])
    assert uphill == "layer.weight: the update goes along its gradient, uphill (cosine 1)"
    assert unused.startswith("layer.bias (") and unused.endswith(Why.BESIDE.value)
    assert all_carried(recorded(before="optimizer.zero_grad()")[2]) == []


def test_a_gradient_that_is_computed_in_vain_is_told() -> None:
    text = """
    import numpy as np
    w, b = np.ones(3), 0.0
    for t in range(3):
        error = w + b - 2.0
        loss = (error ** 2).sum()
        grad_w = 2 * error
        grad_b = 2 * error.sum()
        w -= 0.1 * grad_w
    """
    source = script(text)
    line = next(number for number, line in enumerate(source.split("\n"), 1) if "grad_b =" in line)
    assert all_carried(run_recorded(source).records[1]) == [f"grad_b, line {line}: a gradient that no line reads"]


def test_what_adds_up_in_the_data_of_a_gradient_that_is_taken_of_it_is_not_told() -> None:
    source = LOOP.format(before="optimizer.zero_grad()", after="optimizer.step()")
    source = source.replace("torch.randn(5, 3)", "torch.ones(5, 3, dtype=torch.float64, requires_grad=True).float()")
    record = run_recorded(script(source)).records[2]
    assert set(added(record)) > BOTH
    assert all_carried(record) == []


INNER = """
import torch
from torch import nn
G, D = nn.Linear(2, 2), nn.Linear(2, 1)
of_g, of_d = torch.optim.SGD(G.parameters(), lr=0.1), torch.optim.SGD(D.parameters(), lr=0.1)
for t in range(2):
    for k in range(2):
        loss_d = D(G(torch.ones(3, 2)).detach()).square().mean()
        of_d.zero_grad(); loss_d.backward(); of_d.step()
    loss_g = D(G(torch.ones(3, 2))).mean()
    of_g.zero_grad(); loss_g.backward(); of_g.step()
    {behind}
"""


def test_a_parameter_that_is_moved_between_the_iterations_only_has_its_figures_from_there() -> None:
    records = assert_same_bits(INNER.format(behind="")).records
    first, last = ({each.name: each for each in records[place].parameters} for place in (0, 1))
    assert first["G.weight"].grad is None and left_out(records[0])["G.weight"] is Why.RESTING
    (told,) = (line for line in all_carried(records[0]) if "G." in line)
    assert told == (
        "G.weight, G.bias: no gradient came: of_g, which has it, took no step in this iteration; "
        "it takes one between iterations, line 11"
    )
    assert not left_out(records[1]) and last["G.weight"].between and not last["D.weight"].between
    step = next(
        event
        for event in records[1].events
        if isinstance(event.detail, OptimizerStep) and event.detail.parameter == "G.weight"
    )
    by = {(value.label, value.when): value.copy for value in step.values}
    found = last["G.weight"]
    assert found.grad is not None and found.used and found.cosine is not None and found.cosine < -0.999
    assert (found.before.copy, found.after.copy) == (by["G.weight", "before"], by["G.weight", "after"])
    assert found.grad.copy == by["G.weight.grad", "operand"] and found.ratio
    (told,) = (line for line in all_carried(records[1]) if "G." in line)
    assert told.startswith("G.weight, G.bias: moved between the iterations, line 11")


def test_of_what_a_pass_moved_and_what_comes_behind_moves_again_the_figures_are_those_of_the_pass() -> None:
    behind = "with torch.no_grad(): D.weight.clamp_(-0.01, 0.01)"
    plain, clipped = (run_recorded(INNER.format(behind=text)).records[1] for text in ("", behind))
    one, other = (next(each for each in record.parameters if each.name == "D.weight") for record in (plain, clipped))
    assert other.update.summary == one.update.summary and other.behind is not None and not other.between
    assert "D.weight: moved again behind the pass, line 12" in "\n".join(all_carried(clipped))
    assert len(clipped.events[other.behind].moved) == 1, "how far, the line itself tells"


BILEVEL = """
import torch
w, alpha = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
class Search:
    def __init__(self):
        self.of_w, self.of_alpha = torch.optim.SGD([w], lr=0.1), torch.optim.SGD([alpha], lr=0.1)
    def step(self, optimizer, target):
        loss = (w * alpha - target).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
def main():
    search = Search()
    for epoch in range(2):
        for k in range(2):
            search.step(search.of_w, 2.0)
        search.step(search.of_alpha, 3.0)
main()
"""


def test_a_gradient_whose_optimizer_waits_for_the_loop_around_is_told_so() -> None:
    records = run_recorded(BILEVEL).records
    assert left_out(records[0]) == {"alpha": Why.RESTED}
    (told,) = all_left_out(records[0])
    assert "its gradient came, but search.of_alpha, which has it, took no step in this iteration" in told
    assert not left_out(records[1])
    (alpha,) = (each for each in records[1].parameters if each.name == "alpha")
    assert alpha.between and alpha.grad is not None and alpha.cosine is not None and alpha.cosine < -0.999


STAYS = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("used", "cut", "idle", "frozen", "left"):
            setattr(self, name, nn.Linear(2, 2, bias=False))
        self.frozen.weight.requires_grad_(False)
    def forward(self, x):
        hidden = self.used(x) + self.cut(x).detach()
        return self.left(self.frozen(hidden))
net = Net()
optimizer = torch.optim.SGD([each for name, each in net.named_parameters() if "left" not in name], lr=0.1)
x = torch.ones(3, 2)
for t in range(2):
    net.zero_grad()
    loss = net(x).square().mean()
    loss.backward()
    optimizer.step()
"""


def test_why_an_optimizer_left_a_parameter_as_it_was_is_told() -> None:
    record = run_recorded(STAYS).records[1]
    reasons = {"cut": Why.DETACHED, "idle": Why.IDLE, "left": Why.UNUSED, "frozen": Why.FROZEN}
    assert left_out(record) == {f"net.{name}.weight": why for name, why in reasons.items()}
    known = (Why.UNUSED, Why.FROZEN)
    cut = {name: why if why in known else Why.NONE for name, why in left_out(record).items()}
    assert left_out(replace(record, truncated=True)) == cut, "what used it may be what is left out"
    lines = all_left_out(record)
    left = next(each for each in record.parameters if each.name == "net.left.weight")
    norm = left.grad.summary.norm if left.grad is not None else None
    assert norm is not None and norm > 0 and not left.used
    assert lines[2].startswith(f"net.left.weight (‖grad‖ {norm:.3g}): no optimizer updated it; its gradient came, but")
    assert all_carried(record) == lines and len(lines) == 4


@pytest.mark.parametrize("after", ["pass", "optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)"])
def test_a_gradient_that_no_step_used_is_as_it_was_left_or_as_it_came(after: str) -> None:
    source = LOOP.format(before="pass", after=f"kept.append(layer.bias.grad.clone()); {after}")
    run = run_recorded(script(source.replace("    for t", "    kept = []\n    for t")))
    record = run.records[2]
    assert left_out(record) == dict.fromkeys(BOTH, Why.WAITING)
    (bias,) = (each for each in record.parameters if each.name == "layer.bias")
    assert bias.grad is not None and not bias.used and bias.cosine is None
    assert run.array(bias.grad, 2).tolist() == run.names["kept"][2].tolist()
    told = f"layer.bias (‖grad‖ {bias.grad.summary.norm:.3g}): no optimizer updated it; its gradient came, but no step"
    assert any(told in line for line in all_left_out(record)), "and none for what was updated"


@pytest.mark.parametrize("zero", ["optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)"])
def test_a_gradient_that_is_zeroed_ahead_of_the_step_is_told_with_the_line(zero: str) -> None:
    record = recorded(after=f"{zero}; optimizer.step()")[2]
    assert left_out(record) == dict.fromkeys(BOTH, Why.CLEARED)
    (line,) = all_left_out(record)
    assert f"but was zeroed before the optimizer took its step, line 12: {zero}" in line
    assert not any(left_out(each) for each in recorded(before=zero).values())
    (line,) = all_left_out(recorded(after=f"for _ in range(2): layer.zero_grad(); {zero}\n        optimizer.step()")[2])
    assert line.endswith(f"line 12: layer.zero_grad(), or line 12: {zero}"), "which of them it was is not known"


def test_a_gradient_that_comes_behind_the_step_is_told_so() -> None:
    records = recorded(before="optimizer.zero_grad(); optimizer.step()", after="pass")
    assert left_out(records[2]) == dict.fromkeys(BOTH, Why.LATE)


OTHER = """    idle = nn.Linear(3, 2)
    other = torch.optim.SGD(idle.parameters(), lr=0.01)
    for t"""


def test_a_step_of_an_optimizer_that_had_no_gradient_at_all_was_one_without_the_others() -> None:
    source = LOOP.format(before="pass", after="other.step()")
    record = run_recorded(script(source.replace("    for t", OTHER))).records[1]
    reasons = left_out(record)
    assert {reasons.pop(name) for name in BOTH} == {Why.RESTED}
    assert list(reasons.values()) == [Why.IDLE, Why.IDLE], "what the optimizer has"


def test_a_gradient_that_the_script_reaches_in_a_way_of_its_own_was_used() -> None:
    text = """
    params = {"w": torch.randn(3, 2, requires_grad=True), "b": torch.zeros(1, requires_grad=True)}
    x = torch.randn(5, 3)
    for t in range(2):
        (x @ params["w"] + params["b"]).square().sum().backward()
        with torch.no_grad():
            for k in params:
                params[k] -= 0.01 * params[k].grad
                params[k].grad = None
    """
    record = run_recorded(script(text)).records[1]
    assert left_out(record) == {} and len(record.parameters) == 2
    assert all(each.used and each.cosine is not None and each.cosine < -0.999 for each in record.parameters)


TEACHER = """
    import copy
    net = nn.Linear(3, 2)
    teacher = copy.deepcopy(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(5, 3)
    for t in range(3):
        loss = (net(x) - teacher(x + 1)).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for kept, new in zip(teacher.parameters(), net.parameters()):
                kept.mul_(0.9).add_(new, alpha=0.1)
    """


def test_a_gradient_that_comes_to_what_follows_others_is_no_direction_of_its_update() -> None:
    record = run_recorded(script(TEACHER)).records[2]
    assert left_out(record) == dict.fromkeys(("teacher.weight", "teacher.bias"), Why.OTHERWISE)
    for each in record.parameters:
        assert each.grad is not None and each.used is (each.cosine is not None) is each.name.startswith("net.")


def test_records_that_the_session_gave_up_are_not_held() -> None:
    records, carried = recorded(), Carried()
    for iteration in range(6):
        carried.since(records, records[iteration], "layer.weight")
    assert len(carried._known) == 6
    kept: dict[int | None, Record] = {5: records[5]}
    assert str(carried.since(kept, records[5], "layer.weight")) == "iteration 4 or before"
    assert set(carried._known) == {5}


def test_a_parameter_that_the_forward_of_its_own_module_does_not_read_was_not_used() -> None:
    record = run_recorded(
        script("""
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layer, self.scale = nn.Linear(3, 2), nn.Parameter(torch.tensor(0.5))
                def forward(self, x):
                    return self.layer(x)
            net, x = Net(), torch.randn(5, 3)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for t in range(2):
                loss = net(x).pow(2).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """)
    ).records[1]
    assert left_out(record) == {"net.scale": Why.IDLE}
    assert not any(event.note.startswith(CUT) for event in record.events)
