"""Copies side by side come to what they come to one by one; where they notice one another, they are run so."""

from pathlib import Path

import pytest

from stepper.session.check.gradient_check import GradientCheck
from tests.session.checks import opened

TRAINING = """
import os
import numpy as np
import stepper.inferior.trying as trying

def room(largest):
    with open({asked!r}, "a") as file:
        print(largest, file=file)
    return {at_once}

trying.room = room
np.random.seed(0)
w = np.random.randn(3, 2)
first = w.copy()
here = os.getpid()
for t in range(2):
    factor = 1.0
    {act}
    x = np.random.randn(5, 3)
    out = np.maximum(x @ w, 0)
    loss = factor * (out ** 2).sum()
    grad = 2 * factor * x.T @ out
    w -= 0.01 * grad
"""


def checked(folder: Path, at_once: int, act: str = "pass", iteration: int = 0) -> tuple[GradientCheck, list[str]]:
    """What a check with so many copies at once tells, and what each of them was thought to take."""
    asked = folder / f"asked of {at_once}"
    text = TRAINING.format(asked=str(asked), at_once=at_once, act=act)
    with opened(folder, text) as run:
        found = run.check(iteration, entries=2)
    return found, asked.read_text().split() if asked.exists() else []


def test_side_by_side_the_differences_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    one_by_one, _ = checked(tmp_path, 1)
    together, asked = checked(tmp_path, 4)
    assert one_by_one.agrees and together == one_by_one
    assert asked and all(int(each) > 1_000_000 for each in asked), "the memory of those before"


@pytest.mark.parametrize(
    "die", ["os.kill(os.getpid(), 9)", "os._exit(3)", "raise ValueError", "print('x' * 100_000, flush=True)"]
)
def test_what_dies_or_fails_beside_others_is_told_as_by_itself(tmp_path: Path, die: str) -> None:
    act = f"if os.getpid() != here and w[1, 1] != first[1, 1]: {die}"
    one_by_one, _ = checked(tmp_path, 1, act)
    together, asked = checked(tmp_path, 4, act)
    assert together == one_by_one and asked


def test_a_pass_that_writes_a_file_and_reads_it_is_never_run_beside_another(tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.npy")
    found, asked = checked(tmp_path, 4, f"np.save({kept!r}, w); factor = float(np.load({kept!r}).size)")
    assert found.agrees and not asked


def test_a_pass_that_reads_a_file_that_was_open_before_is_never_run_beside_another(tmp_path: Path) -> None:
    """Where it is read at, they have together, be it back at its place by the end."""
    (tmp_path / "file").write_text("text")
    reads = f"""if t == 0: file = open({str(tmp_path / "file")!r})
    file.seek(0); factor = float(len(file.read()))"""
    found, asked = checked(tmp_path, 4, reads, iteration=1)
    assert found.agrees and not asked


def test_a_copy_that_cannot_begin_ends_and_says_why(tmp_path: Path) -> None:
    """It has everything that the process has, and must not answer for it."""
    act = """def no_more(*_): raise OSError(24, "Too many open files")
    trying.Silence = no_more"""
    found, _ = checked(tmp_path, 1, act, iteration=1)
    (w,) = found.parameters
    assert w.note.endswith("its process could not begin: [Errno 24] Too many open files")


def test_one_that_only_then_turns_out_to_write_has_all_of_them_run_again_one_by_one(tmp_path: Path) -> None:
    """What is written first counts: side by side it would be any copy's, one by one it is that of the first."""
    kept = str(tmp_path / "kept")
    act = f"""if (w != first).any() and t == 0:
        with open({kept!r}, "w+") as file:
            file.write(repr(float(w.sum()))); file.seek(0); factor = float(file.read()) ** 2"""
    one_by_one, _ = checked(tmp_path, 1, act)
    together, asked = checked(tmp_path, 4, act)
    assert together == one_by_one and len(asked) == 1
