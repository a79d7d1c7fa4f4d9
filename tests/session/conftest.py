"""Fixtures that several files of this folder ask for."""

import pytest

from stepper.session import continuing


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """No iteration is so near that it is recorded before it is known to come to a breakpoint."""
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", 0.0)
