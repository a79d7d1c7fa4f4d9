"""What handlers of signals raise, which Python runs wherever it is, our own code among it."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from stepper.inferior.recording.recorder import Recorder
from stepper.inferior.runner import Runner
from tests.inferior.running import run

GIVING_UP = """
    import signal
    class TooLong(Exception):
        pass
    class Clock:
        def ring(self, *_):
            raise TooLong
    signal.signal(signal.SIGUSR1, HANDLER)
    caught, passes = [], []
    w = 3.0
    for again in range(2):
        try:
            for t in range(3):
                loss = w * w
                w -= 0.1 * w
                passes.append(t)
        except TooLong:
            caught.append(t)
"""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("handler", ["Clock().ring", "lambda *_: Clock().ring()"])
def test_what_it_raises_while_a_statement_is_recorded_reaches_the_script(
    handler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Recorder._done
    due = [True]

    def interrupted(recorder: Recorder, site: Any, *given: Any) -> None:
        if "loss" in site.bound and due:
            due.clear()
            signal.raise_signal(signal.SIGUSR1)
        real(recorder, site, *given)

    monkeypatch.setattr(Recorder, "_done", interrupted)
    ran = run(GIVING_UP.replace("HANDLER", handler))
    assert ran.error is None and ran.names["caught"] == [0] and ran.names["passes"] == [0, 1, 2]
    assert not ran.record(1).faults


@pytest.mark.parametrize("record_from", [0, None])
def test_what_it_raises_at_a_head_reaches_the_script_which_goes_on(
    record_from: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Runner._decide
    heads = []

    def interrupted(runner: Runner) -> Any:
        heads.append(runner.begun)
        if len(heads) == 2:
            signal.raise_signal(signal.SIGUSR1)
        return real(runner)

    monkeypatch.setattr(Runner, "_decide", interrupted)
    ran = run(GIVING_UP.replace("HANDLER", "Clock().ring"), record_from=record_from)
    assert ran.error is None and len(ran.names["caught"]) == 1
    assert ran.names["passes"][-3:] == [0, 1, 2] and len(ran.names["passes"]) == 3 + ran.names["caught"][0]
