"""Inside `model(x)`: an event for each call, told apart by number, with parameters, buffers and masks."""

import torch

from stepper.record import Event, ModuleCall
from tests.engines.recorded import assert_same_bits, of_kind, run_recorded
from tests.engines.scripts import SCRIPTS, script


def call(event: Event) -> ModuleCall:
    assert isinstance(event.detail, ModuleCall)
    return event.detail


def test_calls_of_a_shared_layer_are_told_apart() -> None:
    record = run_recorded(script(SCRIPTS["recurrent"])).records[1]
    calls = [call(event) for event in of_kind(record, "module")]
    assert [(each.path, each.call) for each in calls] == [("cell", number) for number in range(1, 6)] + [("out", 1)]
    assert all(each.training for each in calls)


def test_layers_lie_inside_the_call_of_the_model() -> None:
    record = run_recorded(script(SCRIPTS["convolution, BatchNorm and Dropout"])).records[0]
    model, *layers = of_kind(record, "module")
    assert call(model).path == "model"
    assert [call(event).path for event in layers] == [f"model.{index}" for index in range(7)]
    assert {event.parent for event in layers} == {model.id}
    assert [(value.label, value.when) for value in layers[0].values] == [
        ("x", "operand"),
        ("model.0.weight", "operand"),
        ("model.0.bias", "operand"),
        ("model.0", "result"),
    ]


def test_running_statistics_are_shown_before_and_after() -> None:
    run = run_recorded(script(SCRIPTS["convolution, BatchNorm and Dropout"]))
    norm = of_kind(run.records[0], "module")[2]
    values = {(value.label, value.when): value for value in norm.values}
    assert (run.array(values["model.1.running_mean", "before"], 0) == 0).all()
    assert (run.array(values["model.1.running_mean", "after"], 0) != 0).all()
    assert run.array(values["model.1.num_batches_tracked", "after"], 0) == 1


def test_a_layer_in_evaluation_leaves_its_statistics() -> None:
    source = SCRIPTS["convolution, BatchNorm and Dropout"].replace("optimizer =", "model.eval()\n        optimizer =")
    norm = of_kind(run_recorded(script(source)).records[0], "module")[2]
    assert not call(norm).training
    assert ("model.1.running_mean", "operand") in [(value.label, value.when) for value in norm.values]


def test_a_dropout_shows_its_mask() -> None:
    run = run_recorded(script(SCRIPTS["convolution, BatchNorm and Dropout"]))
    dropout = of_kind(run.records[0], "module")[5]
    values = {value.label: run.array(value, 0) for value in dropout.values}
    mask = values["mask of model.4"]
    assert set(mask.ravel()) == {mask.max(), 0}
    assert (values["model.3"] * mask == values["model.4"]).all()


def test_what_the_script_calls_a_layers_output_goes_before_the_layers_name() -> None:
    source = """
        x, y, loss_fn = torch.randn(4, 3), torch.randn(4, 2), nn.MSELoss()
        model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(2):
            y_pred = model(x)
            loss = loss_fn(y_pred, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """
    first, second, *_ = of_kind(run_recorded(script(source)).records[0], "backward")
    assert first.text == "∂L/∂y_pred = ∂L/∂loss × 2 × (y_pred − y) / 8"
    assert "∂L/∂model.1 = ∂L/∂y_pred · model.2.weight" in second.text


def test_what_a_layer_reads_keeps_its_role() -> None:
    source = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 2)
            def forward(self, x):
                x = self.first(x)
                return self.second(x)
        x, y, loss_fn, model = torch.randn(4, 3), torch.randn(4, 2), nn.MSELoss(), Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(2):
            y_pred = model(x)
            loss = loss_fn(y_pred, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """
    record = run_recorded(script(source)).records[0]
    roles = {
        call(event).path: [(value.label, value.role) for value in event.values if not value.label.startswith("model.")]
        for event in of_kind(record, "module")
    }
    assert roles == {
        "model": [("x", "data"), ("model", "activation")],
        "model.first": [("x", "data")],
        "model.second": [("x", "activation")],
        "loss_fn": [("y_pred", "activation"), ("y", "data"), ("loss_fn", "loss")],
    }


DROPPING = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third, self.out = nn.Dropout(0.3), nn.Dropout1d(0.4), LAST, nn.Linear(4, 2)
        def forward(self, x, *, scale):
            x = self.first(x)
            return self.out(self.third(self.second(x) * scale))
    x, y, scale, model = torch.randn(6, 4), torch.randn(6, 2), torch.rand(4), Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for t in range(2):
        loss = F.mse_loss(model(x, scale=scale), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


def test_a_dropout_of_data_shows_its_mask_too() -> None:
    run = assert_same_bits(script(DROPPING.replace("LAST", "nn.Dropout(0.5)")))
    for event in of_kind(run.records[1], "module"):
        if "Dropout" not in event.function:
            continue
        came = run.array(event.values[0], 1)
        values = {value.label: run.array(value, 1) for value in event.values[1:]}
        mask, left = values[f"mask of {call(event).path}"], values[call(event).path]
        assert (came * mask == left).all()
        assert set(mask.ravel()) <= {mask.max(), 0}


def test_a_mask_that_cannot_be_told_is_said_to_be_so() -> None:
    record = assert_same_bits(script(DROPPING.replace("LAST", "nn.AlphaDropout(0.5)"))).records[1]
    notes = {call(event).path: event.note for event in of_kind(record, "module")}
    assert notes["model.third"] == "what it dropped is not kept by torch, and cannot be told"
    assert notes["model.first"] == ""


def test_what_is_handed_over_by_keyword_is_shown() -> None:
    record = run_recorded(script(DROPPING.replace("LAST", "nn.Dropout(0.5)"))).records[1]
    model = of_kind(record, "module")[0]
    assert {value.label for value in model.values if value.when == "operand"} == {"x", "scale"}


def test_of_a_script_that_compiles_it_is_said_once_that_no_layers_are_looked_into() -> None:
    source = """
        model = nn.Linear(3, 1)
        model.compile(backend="eager")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(2):
            loss = model(torch.rand(4, 3)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model(torch.rand(4, 3))
        """
    try:
        records = run_recorded(script(source)).records
    finally:
        torch._dynamo.reset()  # what else this process runs is not compiled
    for record in (records[0], records[1]):
        assert not of_kind(record, "module")
        (told,) = (event for event in record.events if "layers are not looked into" in event.note)
        assert told.text == "loss = model(torch.rand(4, 3)).square().mean()"
