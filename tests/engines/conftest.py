"""Engines are tested twice: with the compiled loops, where they are there, and with what stands in for them."""

from collections.abc import Iterator

import pytest

from stepper.engines import bits, kept, statistics
from stepper.engines.native import NATIVE


@pytest.fixture(scope="module", params=["compiled", "in Python"])
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """The loops over many numbers: compiled, and not."""
    if request.param == "compiled" and NATIVE is None:
        pytest.skip("this installation has no compiled loops")
    with pytest.MonkeyPatch.context() as patch:
        for module in (bits, kept, statistics):
            patch.setattr(module, "NATIVE", NATIVE if request.param == "compiled" else None)
        yield
