"""Inside `model(x)`: an event for each call, told apart by number, with parameters, buffers and masks."""

from stepper.record import Event, ModuleCall
from tests.engines.recorded import of_kind, run_recorded
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
