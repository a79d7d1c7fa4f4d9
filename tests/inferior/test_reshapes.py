"""A reshape in the place of a transpose is pointed out at its statement; one that keeps its axes is not."""

import pytest

from stepper.inferior.finishing.reshapes import moved_axis
from stepper.record import MIXED
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

Shape = tuple[int, ...]


@pytest.mark.parametrize(
    ("given", "made", "axes"),
    [
        ((2, 6, 8), (2, 4, 6, 2), (1, 2)),  # heads, without a transpose
        ((2, 6, 8), (2, 6, 4, 2), None),
        ((2, 4, 6, 2), (2, 6, 8), (2, 1)),  # and back
        ((3, 5, 7), (5, 3, 7), (0, 1)),  # batch and time
        ((3, 5), (5, 3), (0, 1)),
        ((5, 1), (1, 5), None),
        ((3, 5, 7), (15, 7), None),
        ((16, 9, 4), (16, 36), None),
        ((64, 3, 4, 4), (64, 48), None),
        ((6, 6, 2), (2, 6, 6), (2, 0)),
        ((4, 4, 6), (4, 6, 4), (2, 1)),
        ((4, 6, 6), (4, 36), None),
        ((12,), (3, 4), None),
    ],
)
def test_an_axis_is_moved_where_its_extent_is_in_another_place(given: Shape, made: Shape, axes: Shape | None) -> None:
    assert moved_axis(given, made) == axes


def test_it_is_told_at_the_statement() -> None:
    events = (
        run_recorded(
            script("""
            torch.manual_seed(0)
            layer, x = nn.Linear(8, 8), torch.randn(2, 6, 8)
            optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
            for t in range(2):
                q = layer(x)
                wrong = q.view(2, 4, 6, 2) @ torch.ones(2, 2)
                right = q.view(2, 6, 4, 2).transpose(1, 2)
                loss = (wrong - right).pow(2).mean() + torch.reshape(q, (6, 2, -1)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """)
        )
        .records[1]
        .events
    )
    found = {event.text.partition(" = ")[0]: event.note for event in events if event.note.startswith(MIXED)}
    assert found == {
        "wrong": f"{MIXED}view (2, 6, 8) → (2, 4, 6, 2) moves no axis, so axis 2 is not what axis 1 was, "
        "which transpose would move",
        "loss": f"{MIXED}reshape (2, 6, 8) → (6, 2, 8) moves no axis, so axis 1 is not what axis 0 was, "
        "which transpose would move",
    }
