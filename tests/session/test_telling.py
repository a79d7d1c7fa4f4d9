"""What happens inside an opaque call, in words: above all, how often a parameter was used and updated."""

import msgspec
import pytest

from stepper.record import Contribution, Event, Record
from stepper.session.findings.telling import all_shared, shared, title, told, updates, uses, which_loss
from tests.engines.recorded import of_kind, run_recorded
from tests.engines.scripts import SCRIPTS, script

SHARED = """
    middle, out = nn.Linear(4, 4), nn.Linear(4, 1)
    x = torch.randn(6, 4)
    {optimizer}
    for t in range(2):
        h = x
        for _ in range(3):
            h = middle(h).clamp(min=0)
        loss = out(h).pow(2).sum()
        loss.backward()
        {update}
    """
SUM = "used 3 times, so its gradient is the sum of 3 contributions"


def recorded(optimizer: str, update: str) -> Record:
    return run_recorded(script(SHARED.format(optimizer=optimizer, update=update))).records[1]


def with_optimizer(update: str = "optimizer.step()") -> Record:
    return recorded("optimizer = torch.optim.SGD([*middle.parameters(), *out.parameters()], lr=0.01)", update)


def test_a_layer_used_three_times_is_updated_once() -> None:
    record = with_optimizer()
    assert uses(record) == {"out.bias": 1, "out.weight": 1, "middle.weight": 3, "middle.bias": 3}
    assert shared(record, "middle.weight") == f"middle.weight: {SUM}; it is updated once (line 14)"
    assert all_shared(record) == [f"middle.weight and middle.bias: each {SUM}; it is updated once (line 14)"]


def test_of_a_record_that_is_cut_off_nothing_is_said_of_what_came_behind() -> None:
    record = with_optimizer()
    step = next(event.id for event in record.events if event.text == "optimizer.step()")
    cut = msgspec.structs.replace(record, truncated=True, events=record.events[:step])
    assert updates(cut, "middle.weight") == []
    assert shared(cut, "middle.weight") == (
        "middle.weight: used 3 times in what is kept of this iteration, and updated behind it or not"
    )


def test_two_steps_are_two_updates() -> None:
    record = with_optimizer("optimizer.step(); optimizer.step()")
    assert shared(record, "middle.weight") == f"middle.weight: {SUM}; it is updated twice (line 14)"


def test_an_update_by_hand_counts_as_well() -> None:
    record = recorded("", "middle.weight.data -= 0.01 * middle.weight.grad")
    assert [event.line for event in updates(record, "middle.weight")] == [14]
    assert shared(record, "middle.weight").endswith("it is updated once (line 14)")
    assert shared(record, "middle.bias").endswith("it is not updated in this iteration")


def test_several_backward_passes_are_told_apart() -> None:
    record = run_recorded(script(SCRIPTS["accumulation over micro-batches"])).records[0]
    weight = next(parameter for parameter in uses(record) if parameter.endswith("weight"))
    assert "used 4 times by 4 backward passes" in shared(record, weight)
    second = [event for event in of_kind(record, "contribution") if told_of(event).backward == 2]
    assert "in backward pass 2 of this iteration" in told(second[0], record)


def test_passes_within_a_closure_are_not_told_as_lost() -> None:
    record = run_recorded(script(SCRIPTS["LBFGS"])).records[1]
    weight = next(parameter for parameter in uses(record) if parameter.endswith("weight"))
    count = uses(record)[weight]
    step = of_kind(record, "optimizer")[0]
    assert count > 1
    assert which_loss(record) == f"last of {count}"
    assert shared(record, weight) == (
        f"{weight}: used {count} times by {count} backward passes, "
        f"in the closure of one step (line {step.line}), which may move it after each"
    )


def test_of_very_many_parameters_the_first_are_named() -> None:
    layers = "layers = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])"
    twice = "for each in (*layers, *layers):\n            h = each(h)"
    record = run_recorded(
        script(f"""
    import torch
    {layers}
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.01)
    for t in range(2):
        h = torch.ones(1, 2)
        {twice}
        loss = h.sum()
        loss.backward()
        optimizer.step()
    """)
    ).records[0]
    (line,) = all_shared(record)
    assert line.startswith("layers.0.weight, layers.0.bias, layers.1.weight and 3 more: each used 2 times")


def told_of(event: Event) -> Contribution:
    assert isinstance(event.detail, Contribution)
    return event.detail


def test_it_is_said_where_the_gradient_is_added_up_and_where_it_is_used() -> None:
    record = with_optimizer()
    line = f"middle.weight: {SUM}; it is updated once (line 14)"
    adding = [event for event in of_kind(record, "backward") if event.function == "AccumulateGrad"]
    assert [told(event, record) for event in adding if line in told(event, record)] == [
        ["middle.weight.grad += use 1 + use 2 + use 3", line]
    ]
    step = next(event for event in of_kind(record, "optimizer") if line in told(event, record))
    assert title(step, record) == "SGD on middle.weight"
    for text in ("loss.backward()", "optimizer.step()"):
        statement = next(event for event in record.events if event.text == text)
        assert told(statement, record) == all_shared(record), "one line for all of which the same is said"


def test_a_use_is_told_with_the_call_that_it_comes_from() -> None:
    record = with_optimizer()
    third = next(event for event in of_kind(record, "contribution") if told_of(event).parameter == "middle.weight")
    assert title(third, record) == "use 1 of 3 of middle.weight"
    assert told(third, record) == ["by middle, call 3, line 11"]


def test_a_plain_statement_needs_no_words() -> None:
    record = run_recorded(script(SCRIPTS["expressions"])).records[1]
    for event in record.events:
        if event.kind in ("statement", "expression"):
            assert told(event, record) == []


TURNS = """
    net = nn.Linear(3, 1)
    x = torch.randn(6, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    def add(times):
        global loss
        loss = net(x).pow(2).mean() if times == 1 else net(x).pow(2).mean() + net(x).mean()
        loss.backward()
    for t in range(2):
        optimizer.zero_grad({how})
        {turns}
    """


@pytest.mark.parametrize("how", ["", "set_to_none=False"])
@pytest.mark.parametrize(
    ("turns", "sentence"),
    [
        (
            "add(2); optimizer.step(); add(1)",
            "used 3 times by 2 backward passes; it is updated once (line 14), "
            "with the sum of 2 contributions that had arrived; 1 came after",
        ),
        (
            "add(1); optimizer.step(); optimizer.zero_grad({how}); add(1); optimizer.step()",
            "used 2 times by 2 backward passes; it is updated twice (line 14), each time with 1 contribution",
        ),
        (
            "add(1); optimizer.step(); add(1); optimizer.step()",
            "used 2 times by 2 backward passes; it is updated twice (line 14), "
            "with 1 contribution, then the sum of 2 contributions",
        ),
        (
            "add(1); optimizer.zero_grad({how}); add(1); optimizer.step()",
            "used 2 times by 2 backward passes; it is updated once (line 14), "
            "with 1 contribution that had arrived; 1 was cleared before any update",
        ),
        (
            "add(1); optimizer.zero_grad({how}); add(1)\n        if t == 0: optimizer.step()",
            "used 2 times by 2 backward passes; it is not updated; its gradient is 1 contribution at the end; "
            "1 was cleared before any update",
        ),
        (
            "add(1); add(1); optimizer.step()",
            "used 2 times by 2 backward passes, so its gradient is the sum of 2 contributions; "
            "it is updated once (line 14)",
        ),
    ],
)
def test_what_an_update_had_in_its_gradient_is_told(how: str, turns: str, sentence: str) -> None:
    source = TURNS.format(how=how, turns=turns.format(how=how))
    record = run_recorded(script(source)).records[1]
    assert shared(record, "net.weight") == f"net.weight: {sentence}"


LAYERS = """
    class Layer:
        def __init__(self):
            self.W = torch.randn(3, 3, requires_grad=True)
        def __call__(self, x):
            return torch.tanh(x @ self.W)
    layers = [Layer(), Layer()]
    x = torch.randn(6, 3)
    for t in range(2):
        loss = layers[1](layers[0](x)).pow(2).mean()
        loss.backward()
        for layer in layers:
            with torch.no_grad():
                layer.W -= 0.01 * layer.W.grad
                layer.W.grad = None
    """


def test_uses_of_two_parameters_of_one_name_are_told_apart_and_never_added_up() -> None:
    record = run_recorded(script(LAYERS)).records[1]
    assert [told_of(event).parameter for event in of_kind(record, "contribution")] == ["self.W (2)", "self.W"]
    assert all_shared(record) == []


def test_a_loss_that_is_bound_twice_is_one_loss() -> None:
    record = run_recorded(
        script("""
        w = 1.0
        for t in range(3):
            loss = (w - 2.0) ** 2
            loss = loss / 4
            w -= 0.5 * (w - 2.0)
    """)
    ).records[1]
    assert len(record.losses) == 2 and which_loss(record) == ""


def test_of_a_node_that_an_earlier_iteration_made_no_line_of_this_one_is_told() -> None:
    source = """
        w = torch.rand(3, 3, requires_grad=True)
        h = torch.ones(1, 3)
        for t in range(2):
            h = torch.tanh(h @ w)
            loss = h.square().sum()
            if t == 1:
                loss.backward()
                with torch.no_grad():
                    w -= w.grad
        """
    record = run_recorded(script(source)).records[1]
    nodes = [event for event in of_kind(record, "backward") if title(event, record).startswith(("Tanh", "Mm"))]
    made = [told(event, record)[0] for event in nodes]
    own = ["made by h = torch.tanh(h @ w), line 8", "made by h @ w, line 8"]
    assert made == [*own, "made by an earlier iteration", "made by an earlier iteration"]
