"""Whole scripts: what they print and compute is what plain Python makes of them, to the bit, recorded or not."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import stepper

SCRIPTS = sorted((Path(__file__).parent.parent / "scripts").glob("*.py"))
RECORDED = 3  # passes that are recorded, before the rest runs at full speed and the last is recorded again

# All under plain Python in one process, since importing torch takes seconds.
RUN_ALL = """
import contextlib, io, json, runpy, sys
printed = {}
for path in json.load(sys.stdin):
    sys.argv = [path]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(path, run_name="__main__")
    printed[path] = out.getvalue()
json.dump(printed, sys.stdout)
"""


@cache
def plain_output() -> dict[str, str]:
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN_ALL],
        input=json.dumps([str(path) for path in SCRIPTS]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    printed: dict[str, str] = json.loads(finished.stdout)
    return printed


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_a_whole_script_is_what_plain_python_makes_of_it(path: Path) -> None:
    plain = plain_output()[str(path)]
    with stepper.open(str(path)) as run:
        for number in range(RECORDED):
            record = run.iteration(number).record
            assert record.faults == [] and not record.truncated
        run.run()
        printed, losses = run.session.output(), run.losses
        assert run.session.total == len(losses) > RECORDED
        last = max(number for number in run.session.records if number is not None)
    assert printed == plain
    assert last in (len(losses) - 1, RECORDED - 1)
    shown = [line.split()[1] for line in plain.splitlines() if line.startswith("loss ")]
    if shown:
        assert [float(loss).hex() for loss in losses if loss is not None] == shown
    else:
        assert set(losses) == {None}
