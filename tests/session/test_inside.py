"""Walking inside a backward pass, a model and an optimizer's step."""

import pytest

from stepper.record import Record
from stepper.session.findings.navigation import into, next_statement, out, place_of, previous_statement
from tests.engines.recorded import run_recorded
from tests.engines.scripts import SCRIPTS, script


@pytest.fixture(scope="module")
def network() -> Record:
    return run_recorded(script(SCRIPTS["convolution, BatchNorm and Dropout"])).records[1]


def find(record: Record, text: str) -> int:
    return next(event.id for event in record.events if event.text == text)


def walk(record: Record, event: int) -> list[int]:
    """Where `n` leads from an event, until it leaves the row that the event lies in."""
    met = [event]
    while (following := next_statement(record, met[-1])) is not None:
        if record.events[following].parent != record.events[event].parent:
            break
        met.append(following)
    return met


def test_n_on_the_statement_steps_over_the_backward_pass(network: Record) -> None:
    backward = find(network, "loss.backward()")
    following = next_statement(network, backward)
    assert following == find(network, "optimizer.step()")
    assert previous_statement(network, following) == backward


def test_s_goes_into_the_backward_pass_and_n_goes_from_node_to_node(network: Record) -> None:
    backward = find(network, "loss.backward()")
    first = into(network, backward)
    assert first is not None
    met = walk(network, first)
    assert met == [event.id for event in network.events if event.kind == "backward"]
    assert next_statement(network, met[-1]) == find(network, "optimizer.step()")
    assert previous_statement(network, met[1]) == met[0]
    assert previous_statement(network, met[0]) == backward
    assert out(network, met[3]) == backward


def test_s_goes_into_the_optimizers_step_and_n_from_parameter_to_parameter(network: Record) -> None:
    step = find(network, "optimizer.step()")
    first = into(network, step)
    assert first is not None
    assert walk(network, first) == [event.id for event in network.events if event.kind == "optimizer"]


def test_n_goes_from_layer_to_layer(network: Record) -> None:
    first = find(network, "model.0")
    assert [network.events[event].text for event in walk(network, first)] == [f"model.{index}" for index in range(7)]


def test_the_place_among_the_statements_is_that_of_the_statement_around(network: Record) -> None:
    backward = find(network, "loss.backward()")
    assert place_of(network, backward + 1) == place_of(network, backward)
    deepest = next(event.id for event in network.events if event.kind == "contribution")
    assert place_of(network, deepest) == place_of(network, backward)


def test_n_at_the_end_of_a_functions_own_backward_goes_on_with_the_next_node() -> None:
    record = run_recorded(script(SCRIPTS["functions of the user's"])).records[0]
    last = find(record, "return grad_output * slope")
    following = next_statement(record, last)
    assert following is not None
    assert record.events[following].kind == "backward"
    assert record.events[following].function == "MmBackward0"


def test_a_contribution_lies_inside_its_node() -> None:
    record = run_recorded(script(SCRIPTS["expressions"])).records[0]
    contribution = find(record, "use 1 of w2")
    node = record.events[contribution].parent
    assert node is not None
    assert record.events[node].function == "MmBackward0"
    following = next_statement(record, contribution)
    assert following is not None
    assert record.events[following].kind == "backward"
