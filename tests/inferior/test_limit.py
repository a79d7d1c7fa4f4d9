"""What takes too long is ended where it is; what does not is left alone, and so is whoever comes behind it."""

import time

import pytest

from stepper.inferior.limit import TookLong, within


def test_a_loop_without_end_is_ended() -> None:
    def work() -> None:
        while True:
            pass

    with pytest.raises(TookLong):
        within(0.02, work)


def test_what_is_done_in_time_returns_and_nothing_comes_behind_it() -> None:
    assert within(0.02, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(0.02, lambda: 1 // 0)
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:  # as long as the thread that would have ended them is there
        pass
