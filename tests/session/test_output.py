"""What was printed belongs to the statement that printed it."""

from pathlib import Path

import stepper

SOURCE = """
import numpy as np
w = np.ones(3)
for t in range(2):
    low = np.log(w * 0)
    root = np.sqrt(-w)
    loss = (w ** 2).sum()
    w -= 0.01 * 2 * w
    print("end", t)
"""


def test_a_warning_belongs_to_the_line_that_warned_though_it_calls_nothing_that_prints(tmp_path: Path) -> None:
    path = tmp_path / "warns.py"
    path.write_text(SOURCE)
    with stepper.open(str(path)) as run:
        text = run.session.output().encode()
        events = [event for event in run.iteration(0).events if event.kind == "statement"]
        said = {event.line: text[slice(*event.output)].decode() for event in events}
    assert "divide by zero" in said[5] and "invalid value" in said[6]
    assert said[7] == said[8] == "" and said[9] == "end 0\n"
