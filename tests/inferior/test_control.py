"""Running on, standing, pausing and ending, between the two threads."""

import threading

from stepper.inferior.control import Control
from stepper.inferior.protocol import Nudge
from stepper.record import Summary

SECONDS = 10


def waiting(control: Control, how: str = "wait") -> threading.Thread:
    thread = threading.Thread(target=getattr(control, how), daemon=True)
    thread.start()
    return thread


def test_it_stands_at_first_and_runs_when_told() -> None:
    control = Control()
    assert control.must_stop(0)
    thread = waiting(control)
    control.run(None, None, False)
    thread.join(SECONDS)
    assert not thread.is_alive() and not control.must_stop(1_000_000)


def test_it_stops_at_the_pass_it_was_told() -> None:
    control = Control()
    control.run(5, 3, False)
    assert [control.must_stop(iteration) for iteration in (3, 4, 5, 6)] == [False, False, True, True]


def test_a_pause_stops_at_the_next_head() -> None:
    control = Control()
    control.run(None, None, False)
    control.pause()
    assert control.must_stop(0)


def test_a_word_to_go_on_between_saying_and_waiting_is_not_missed() -> None:
    control = Control()
    control.run(1, None, False)
    control.stand()
    control.run(2, None, False)
    thread = waiting(control)
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_pause_right_behind_the_word_to_go_on_is_answered_by_standing_again() -> None:
    control = Control()
    control.stand()
    thread = waiting(control)
    control.run(5, None, False)
    control.pause()
    thread.join(SECONDS)
    assert not thread.is_alive()  # so that the script says that it stands, for which the debugger waits
    assert control.must_stop(0)


def test_the_end_wakes_whoever_waits() -> None:
    control = Control()
    threads = [waiting(control), waiting(control, "wait_for_quit")]
    control.quit()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert control.over


def test_it_has_nothing_to_do_until_it_is_told_to_go_on_or_to_try_something() -> None:
    control = Control()
    control.stand(at_head=True)
    assert control.idle() and control.idle(0.001)
    control.nudge(Nudge(1, "w", Summary("tensor", "ndarray"), 0, [None], 1))
    assert not control.idle(SECONDS)
    control.wait_at_head()
    assert control.idle()
    control.run(None, None, False)
    assert not control.idle(SECONDS)
