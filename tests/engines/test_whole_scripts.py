"""Whole scripts with torch: in every pass contributions add up to the gradient, and no hook is left behind."""

import sys
from pathlib import Path

import pytest

from tests.engines.checks import assert_adds_up
from tests.engines.hooks import nothing_left_behind
from tests.engines.recorded import run_recorded

FOLDER = Path(__file__).parent.parent / "scripts"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "import torch" in path.read_text())
APART = {"second_order", "gradient_returned"}  # hooks change a gradient on its way; gradients are added to no `.grad`
RECORDED = 40


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_contributions_add_up_and_no_hook_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(path)])
    with nothing_left_behind() as checked:
        run = run_recorded(path.read_text())
    assert len(checked) == len(run.records)
    assert sum(1 for nodes in checked if nodes) > 2
    if path.stem not in APART:
        assert sum(assert_adds_up(run, record) for record in run.records.values()) > 0
