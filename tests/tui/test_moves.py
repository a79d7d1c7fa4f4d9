"""Which moves may wait behind which."""

import pytest

from stepper.tui.moves import Moves, Waiting


async def move() -> None:
    """Do nothing."""


def waiting(*names: str, behind: str) -> Moves:
    moves = Moves()
    moves.underway = behind
    for name in names:
        moves.add(Waiting(name, move))
    return moves


@pytest.mark.parametrize("jump", ["go", "place"])
def test_steps_and_runs_wait_behind_a_jump_and_nothing_behind_a_run(jump: str) -> None:
    moves = waiting(behind=jump)
    assert moves.leading and not moves.refusal("step") and not moves.refusal("continue")
    assert waiting("continue", behind=jump).refusal("step") == "run"
    assert waiting(behind="continue").refusal("step") == "work"


@pytest.mark.parametrize("afresh", ["restart", "target"])
@pytest.mark.parametrize("behind", ["continue", "go", "place"])
def test_what_ends_the_work_waits_behind_anything_and_puts_the_rest_aside(afresh: str, behind: str) -> None:
    moves = waiting("step", "step", behind=behind)
    assert not moves.refusal(afresh)
    moves.add(Waiting(afresh, move))
    assert len(moves) == 1 and moves.leaving


def test_a_place_that_is_gone_to_while_the_script_starts_leaves_the_steps_before_it() -> None:
    moves = waiting("step", behind="open")
    moves.add(Waiting("place", move))
    assert len(moves) == 2
    moves.add(Waiting("go", move))
    assert len(moves) == 1
