"""A `model.eval()` that nothing undoes while the loss is trained: which layers are told of, and in which passes."""

from __future__ import annotations

import pytest

from stepper.commands.trace_text import trace_lines
from stepper.record import ModuleCall, Record
from stepper.session.findings.evaluated import all_in_evaluation, in_evaluation
from tests.engines.recorded import assert_same_bits, run_recorded
from tests.engines.scripts import script

LOOP = """
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x) if self.training else x * 1

    class Plain(nn.Module):
        def forward(self, x):
            return x * 1

    model = nn.Sequential(nn.Linear(3, 4), {layer}, nn.Linear(4, 1))
    alone = nn.Dropout(0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.randn(5, 3)
    {before}
    for t in range(2):
        optimizer.zero_grad()
        loss = model({given}).pow(2).mean()
        loss.backward()
        optimizer.step()
        {after}
    """


def source(layer: str = "nn.Dropout(0.5)", before: str = "pass", after: str = "pass", given: str = "x") -> str:
    return script(LOOP.format(layer=layer, before=before, after=after, given=given))


def paths(record: Record) -> list[str]:
    return [event.detail.path for event in in_evaluation(record) if isinstance(event.detail, ModuleCall)]


@pytest.mark.parametrize(
    "layer", ["nn.Dropout(0.5)", "nn.AlphaDropout(0.1)", "nn.BatchNorm1d(4)", "nn.RReLU()", "Noisy()"]
)
def test_a_layer_that_computes_something_else_in_training_is_told_of(layer: str) -> None:
    run = run_recorded(source(layer, after="model.eval()"))
    assert paths(run.records[0]) == []
    assert paths(run.records[1]) == ["model.1"]
    (line,) = all_in_evaluation(run.records[1])
    kind = layer.removeprefix("nn.").partition("(")[0]
    assert line.startswith(f"model.1 ({kind}): in evaluation mode while the loss is trained")
    assert line in trace_lines(run.records[1], lambda _: None), "the page of trace says so, too"


@pytest.mark.parametrize(
    "layer", ["nn.ReLU()", "nn.Dropout(0)", "nn.BatchNorm1d(4, track_running_stats=False)", "Plain()"]
)
def test_a_layer_that_does_the_same_in_both_modes_is_not(layer: str) -> None:
    assert paths(run_recorded(source(layer, before="model.eval()")).records[1]) == []


@pytest.mark.parametrize(
    "validation",
    ["model.eval(); torch.no_grad()(model)(x); model.train()", "model.eval(); model(x).sum().item(); model.train()"],
)
def test_a_validation_pass_is_none_that_trains(validation: str) -> None:
    assert paths(run_recorded(source(after=validation)).records[1]) == []


def test_a_part_whose_parameters_are_frozen_may_be_in_evaluation() -> None:
    frozen = "model[0].requires_grad_(False); model[1].requires_grad_(False).eval()"
    assert paths(run_recorded(source("nn.BatchNorm1d(4)", before=frozen)).records[1]) == []


@pytest.mark.parametrize(("mode", "told"), [("model.train(); model[1].eval()", []), ("model.eval()", ["model.1"])])
def test_a_normalisation_may_be_in_evaluation_by_itself(mode: str, told: list[str]) -> None:
    assert paths(run_recorded(source("nn.BatchNorm1d(4)", before=mode)).records[1]) == told


def test_a_dropout_alone_is_told_of_although_it_leaves_no_node() -> None:
    given = "alone(x.clone().requires_grad_())"
    assert paths(run_recorded(source(before="alone.eval()", given=given)).records[1]) == ["alone"]


def test_the_bits_are_those_of_the_plain_script() -> None:
    for layer in ("nn.BatchNorm1d(4)", "Noisy()"):
        assert_same_bits(source(layer, after="model.eval()"))
