"""What a fork is warned of: the script's own threads."""

import threading
import warnings

import pytest

from stepper.inferior import forking


def fork() -> int:
    """What os.fork does in the parent, where there are threads."""
    warnings.warn(
        "This process (pid=7) is multi-threaded, use of fork() may lead to deadlocks in the child.",
        DeprecationWarning,
        stacklevel=1,
    )
    return 7


@pytest.mark.parametrize(("name", "warned"), [(f"{forking.OURS}service", 0), ("of the script", 1)])
def test_a_fork_is_warned_of_the_scripts_own_threads_only(
    monkeypatch: pytest.MonkeyPatch, name: str, warned: int
) -> None:
    monkeypatch.setattr(forking, "_threads", lambda: 2)  # whatever else this process has begun
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name=name)
    thread.start()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before = list(warnings.filters)
            assert forking.as_without_us(fork)() == 7
            assert list(warnings.filters) == before
    finally:
        over.set()
        thread.join()
    assert len(caught) == warned
    assert all(each.filename == __file__ for each in caught)
