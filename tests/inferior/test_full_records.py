"""Records that have no room for all that happens: the run, its losses and its updates are there all the same."""

from typing import Any

import numpy
import pytest

from tests.inferior.running import run


@pytest.fixture
def few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record holds a hundredth of what it does otherwise."""
    for name, count in (("MAX_EVENTS", 200), ("MOST_EVENTS", 400), ("SHARE", 5)):
        monkeypatch.setattr(f"stepper.inferior.recording.recording.{name}", count)


@pytest.mark.usefixtures("few_events")
def test_more_events_than_a_record_holds_change_neither_run_nor_loss() -> None:
    source = """
        import numpy as np
        w = np.ones(2)
        for i in range(2):
            total = 0.0
            for k in range(410):
                total = total + 1.0
            loss = total * float(w.sum())
            w -= 0.25
        """
    recorded, plain = run(source), run(source, record_from=None)
    assert recorded.record().truncated and len(recorded.record().events) < 410
    assert recorded.losses == plain.losses == [820.0, 615.0]
    assert numpy.array_equal(recorded.names["w"], plain.names["w"])


@pytest.mark.usefixtures("few_events")
def test_a_full_record_still_has_the_statements_of_the_loop_itself() -> None:
    source = """
        import numpy as np
        w = np.ones(2)
        def deep(n):
            total = 0.0
            for k in range(n):
                total = total + 1.0
            return total
        for i in range(2):
            scale = deep(205)
            again = deep(205)
            loss = (scale - again) + float(w.sum())
            g = 2 * w
            w -= 0.25 * g
        """
    recorded, plain = run(source), run(source, record_from=None)
    record = recorded.record(1)
    assert record.truncated and len(record.events) < 220
    outer = [event.text for event in record.events if event.kind == "statement" and event.parent is None]
    assert outer[1:] == ["scale = deep(205)", "again = deep(205)", *outer[3:]] and outer[-1] == "w -= 0.25 * g"
    assert "too many events" in recorded.event("scale = deep(205)", 1).note
    assert recorded.event("g = 2 * w", 1).note == ""
    assert recorded.parameter("w", 1).grad is not None and record.loss == 1.0
    assert recorded.losses == plain.losses == [2.0, 1.0]


@pytest.mark.usefixtures("few_events")
def test_what_is_printed_past_the_last_event_of_a_full_record_is_no_later_lines(
    capfd: pytest.CaptureFixture[str],
) -> None:
    ran = run(
        """
        import os
        w = 2.0
        for t in range(1):
            for k in range(450):
                os.write(1, b"k")
            loss = w * w
            w -= 0.1 * loss
        """
    )
    assert ran.record().truncated and len(capfd.readouterr().out) == 450
    for text in ("loss = w * w", "w -= 0.1 * loss"):
        begun, ended = ran.event(text).output
        assert begun == ended >= 450


def test_a_full_record_has_the_update_of_a_function_that_ran_long_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode is played, and learned from, in one function."""
    monkeypatch.setattr("stepper.inferior.recording.recording.MAX_EVENTS", 300)
    source = """
        import numpy as np
        w = np.ones(2)
        def play(n):
            for k in range(n):
                pass
        def learn():
            for k in range(n):
                play(5)
            loss = float((w * w).sum())
            g = 2 * w
            w[:] -= 0.25 * g
            return loss
        n = 400
        for i in range(2):
            loss = learn()
        """
    recorded, plain = run(source), run(source, record_from=None)
    record = recorded.record(1)
    texts = [event.text for event in record.events if event.kind == "statement"]
    assert record.truncated and len(record.events) < 1_000
    assert [texts.count(each) for each in ("g = 2 * w", "w[:] -= 0.25 * g", "return loss")] == [1, 1, 1]
    assert recorded.event("w[:] -= 0.25 * g", 1).phase == "update"
    assert recorded.losses == plain.losses == [2.0, 0.5]


def test_a_full_record_has_no_hooks_on_graphs_but_the_gradients_of_the_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LBFGS over many time steps: each closure has its own graph, and there is room for the first few only."""
    torch = pytest.importorskip("torch")
    from stepper.engines.backward import Passes

    monkeypatch.setattr("stepper.inferior.recording.recording.MAX_EVENTS", 300)
    source = """
        import torch
        w = torch.full((3,), 0.5, requires_grad=True)
        opt = torch.optim.LBFGS([w], lr=0.1, max_iter=20)
        for t in range(2):
            def closure():
                opt.zero_grad()
                h = w * 1.0
                for k in range(60):
                    h = torch.tanh(h + w)
                loss = (h - 0.3).pow(2).sum()
                loss.backward()
                return loss
            opt.step(closure)
        """
    watched: list[str] = []
    watch = Passes._watch

    def counted(self: Passes, node: Any) -> None:
        watched.append(node.name())
        watch(self, node)

    monkeypatch.setattr(Passes, "_watch", counted)
    recorded, plain = run(source), run(source, record_from=None)
    assert recorded.record().truncated and torch.equal(recorded.names["w"], plain.names["w"])
    assert len(watched) < 800, "of each step the first three closures' graphs of 120 nodes, of twenty, and the leaf"
    gradient = recorded.parameter("w", 1).grad
    assert gradient is not None
    numpy.testing.assert_array_equal(recorded.array(gradient, 1), recorded.names["w"].grad.numpy())


@pytest.mark.usefixtures("few_events")
def test_of_a_full_record_nobody_says_what_a_gradient_held_before() -> None:
    """It may have been zeroed, and added to, in what was left out."""
    source = """
        import numpy as np
        x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
        w, dw = np.array([0.5, 0.25]), np.zeros(2)
        def deep(n):
            for k in range(n):
                total = k
            {zeroed}; dw[:] += 0.1 * w
        for t in range(2):
            deep({events})
            loss = ((x @ w - y) ** 2).sum()
            dw += 2 * x.T @ (x @ w - y)
            w -= 0.01 * dw
        """
    held = {
        (events, zeroed): run(source.format(events=events, zeroed=zeroed)).parameter("w", 1).held
        for events, zeroed in ((5, "dw[:] = 0"), (5, "pass"), (205, "dw[:] = 0"))
    }
    assert [each is not None for each in held.values()] == [False, True, False]
