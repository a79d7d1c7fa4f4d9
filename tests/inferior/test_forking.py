"""What a fork is warned of: the script's own threads."""

import os
import threading
import warnings
from collections.abc import Callable

import pytest

from stepper.inferior import forking, threads


def fork() -> int:
    """What os.fork does in the parent, where there are threads."""
    warnings.warn(
        "This process (pid=7) is multi-threaded, use of fork() may lead to deadlocks in the child.",
        DeprecationWarning,
        stacklevel=1,
    )
    return 7


def begin_one(work: Callable[[], object]) -> None:
    """A thread of the script's."""
    threading.Thread(target=work).start()


@pytest.mark.parametrize(("begin", "warned"), [(threads.begin, 0), (begin_one, 1)])
def test_a_fork_is_warned_of_the_scripts_own_threads_only(
    monkeypatch: pytest.MonkeyPatch, begin: Callable[[Callable[[], object]], None], warned: int
) -> None:
    monkeypatch.setattr(forking, "_threads", lambda: 2)  # whatever else this process has begun
    over, done, listed = threading.Event(), threading.Event(), threading.active_count()

    def work() -> None:
        over.wait()
        done.set()

    begin(work)
    assert threading.active_count() == listed + warned, "of ours the script finds nothing"
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before = list(warnings.filters)
            assert forking.as_without_us(fork)() == 7
            assert list(warnings.filters) == before
    finally:
        over.set()
        assert done.wait(10)
    assert len(caught) == warned
    assert all(each.filename == __file__ for each in caught)


def test_a_forked_process_has_none_of_our_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fork", "forkpty"):
        monkeypatch.setattr(os, name, getattr(os, name))
    forking.install()
    over = threading.Event()
    threads.begin(over.wait)
    try:
        assert threads.running() > 0
        if (child := os.fork()) == 0:
            os._exit(threads.running())
        assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
